"""`portfolio status`: how the house stands, read from the tables within a blink and computed nowhere.

What is wrong comes first, with what to do about it. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from portfolio_pipeline.adapters.closes_file import last_closed
from portfolio_pipeline.adapters.newest_states import newest_states
from portfolio_pipeline.adapters.noted_orders import noted_orders, order_document
from portfolio_pipeline.adapters.origin import newest_sources
from portfolio_pipeline.adapters.wiring import Wiring
from portfolio_pipeline.cli.terminal import BAD, DOUBTFUL, GOOD, Fact, facts, say, show
from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.books.book import to_shares
from portfolio_pipeline.core.books.reconciliation import undecided
from portfolio_pipeline.core.books.reconciliation_rows import decisions_of, differences_of
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.attempts import OVER, Attempt
from portfolio_pipeline.core.execution.halt import TradingState, either, trading_state
from portfolio_pipeline.core.execution.origin import changes_by_session
from portfolio_pipeline.core.execution.tickets import WAITS
from portfolio_pipeline.core.market.made_up import OTHER_MODEL, any_made_up, of_this_model
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK
from portfolio_pipeline.dagster_home.run_table import FAILURE, newest_run
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.complete import EVERY_SESSION, EVERY_SESSION_AND_STRATEGY, complete_through
from portfolio_pipeline.reads.made_up import made_up
from portfolio_pipeline.web_ui.claim import Served, served

_ASKED_BY_HAND = "backtest"
_MOST_SHOWN = 12
_DAILY = frozenset(table.name for table in (*EVERY_SESSION, *EVERY_SESSION_AND_STRATEGY))


@dataclass(frozen=True)
class Trouble:
    """Something that a person has to look at, and what to do then."""

    kind: str  # halted, other_market, sessions_missing, approval, reconciliation, order, breach, quarantine or run
    what: str
    to_do: str
    severe: bool = True


@dataclass(frozen=True)
class Status:
    home: str
    database: str
    simulated: tuple[str, ...]
    trading: TradingState
    last_closed: date
    complete_through: date | None
    account: Mapping[str, Any] | None
    begun: str
    changed: tuple[date, str] | None
    web_ui: Served | None
    tables: Mapping[str, date | None]
    troubles: tuple[Trouble, ...]
    states: Mapping[str, Mapping[str, Any]]
    """Of what is not normal, by scope."""
    orders: Sequence[Attempt]
    """Those that are executed in the session after the newest one, as a real broker has told of them last."""


def find_status(wired: Wiring) -> Status:
    home, warehouse = wired.environment.dagster_home, wired.warehouse
    last, complete = last_closed(home, wired.clock.now()), complete_through(warehouse)
    account, open_items, orders = None, [], []
    with warehouse.reading() as reader:
        simulated, begun, sources = made_up(reader), beginnings(reader), newest_sources(reader)
        reached = {one.name: reader.newest(one.name) for one in schemas.TABLES if one.by_session}
        trading = either(wired.halt_switch.state(), trading_state(reader.read(schemas.HALT_EVENTS.name)))
        states = {
            scope: {name: row[name] for name in ("state", "since", "factor", "rule", "reason", "release")}
            for scope, row in newest_states(reader).items()
            if row["state"] != "normal" or row["factor"] != 1.0
        }
        changes = changes_by_session(reader.read(schemas.SESSION_ORIGINS.name))
        if complete is not None:
            only = SessionRange.single(complete)
            (account,) = reader.read(schemas.ACCOUNT.name, only, where={"book": ACCOUNT_BOOK}).to_pylist()
            open_items = _open(reader, only)
            orders = noted_orders(reader, only)
    of_home = (*of_trading(trading), *_of_market(sources), *_of_sessions(complete, last))
    troubles = (*of_home, *open_items, *_of_runs(wired))
    return Status(
        home=str(home),
        database=warehouse.location,
        simulated=simulated,
        trading=trading,
        last_closed=last,
        complete_through=complete,
        account=account,
        begun=begun,
        changed=list(changes.items())[-1] if changes else None,
        web_ui=served(home),
        tables=reached,
        troubles=troubles,
        states=states,
        orders=orders,
    )


def show_status(status: Status) -> None:
    show_banner(status.simulated)
    show(facts([*troubles_as_facts(status.troubles), *_known(status)]))


def status_document(status: Status) -> dict[str, Any]:
    """As the help of the command says it."""
    account, web_ui = status.account, status.web_ui
    return {
        "well": not status.troubles,
        "home": status.home,
        "database": status.database,
        "simulated": status.simulated,
        "trading": {"halted": status.trading.halted, "since": status.trading.since, "reason": status.trading.reason},
        "complete_through": status.complete_through,
        "last_closed": status.last_closed,
        "account": account and {name: account[name] for name in ("session", "equity", "cash")},
        "changed": status.changed and {"session": status.changed[0], "what": status.changed[1]},
        "states": status.states,
        "orders": [order_document(one) for one in status.orders],
        "web_ui": web_ui and {"address": web_ui.address, "process": web_ui.process},
        "troubles": [{"kind": one.kind, "what": one.what, "to_do": one.to_do} for one in status.troubles],
        "tables": status.tables,
    }


def beginnings(reader: Reader) -> str:
    """From when on there is what: figures of performance begin with the account."""
    account, paper, prices = (
        reader.oldest(table.name) for table in (schemas.ACCOUNT, schemas.STRATEGY_RETURNS, schemas.PRICES)
    )
    return f"the account begins at {account}, its strategies on paper at {paper}, prices at {prices}"


def show_banner(simulated: Sequence[str]) -> None:
    if simulated:
        say(f"S I M U L A T E D: {' and '.join(simulated)} are made up\n", "bold yellow")


def troubles_as_facts(troubles: Sequence[Trouble]) -> list[Fact]:
    """The gravest first; what to do is said once for all of a kind."""
    if not troubles:
        return [("Wrong", "nothing", GOOD)]
    rows: list[Fact] = []
    for kind in dict.fromkeys(one.kind for one in troubles):
        same = [one for one in troubles if one.kind == kind]
        shown = [one.what for one in same[:_MOST_SHOWN]]
        more = [f"and {len(same) - _MOST_SHOWN} more"] if len(same) > _MOST_SHOWN else []
        rows.append(
            ("Wrong" if same[0].severe else "Open", "\n".join((*shown, *more)), BAD if same[0].severe else DOUBTFUL)
        )
        rows.append(("To do", same[0].to_do, "bold"))
    return rows


def _known(status: Status) -> list[Fact]:
    complete, ui = status.complete_through, status.web_ui
    rows: list[Fact] = []
    if not status.trading.halted:
        rows.append(("Trading", "not halted", ""))
    if complete == status.last_closed:
        rows.append(("Sessions", f"complete through {complete}, the last that has closed", ""))
    if status.account is not None:
        rows.append(("Equity", f"{status.account['equity']:,.2f} at the close of {complete}", ""))
        rows.append(("Since", status.begun, ""))
    if status.changed is not None:
        rows.append(("Changed", f"at {status.changed[0]}: {status.changed[1]}", DOUBTFUL))
    rows += [
        (
            "Risk",
            f"{scope} is {one['state']} since {one['since']}, {one['factor']:.0%} of full risk"
            f" ({one['reason'] or one['rule']}); leads on: {one['release'] or 'its end'}",
            DOUBTFUL,
        )
        for scope, one in status.states.items()
    ]
    rows += _orders(status.orders)
    rows.append(("Web UI", ui.address if ui is not None else "not running; `portfolio up` starts it", ""))
    rows.append(("Home", status.home, ""))
    rows.append(("Database", status.database, ""))
    return [*rows, *_tables(status)]


def _orders(orders: Sequence[Attempt]) -> list[Fact]:
    """How many stand how, and those that are open, with what of them is filled."""
    if not orders:
        return []
    states = Counter(str(one.state).replace("_", " ") for one in orders)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    open_ = [
        f"{one.order.side} {one.order.symbol}: {to_shares(one.filled_quantity):g} of"
        f" {to_shares(abs(one.order.quantity)):g} filled"
        for one in orders
        if one.state not in OVER
    ]
    more = [f"and {len(open_) - _MOST_SHOWN} more"] if len(open_) > _MOST_SHOWN else []
    return [("Orders", "\n".join((told, *open_[:_MOST_SHOWN], *more)), "")]


def _tables(status: Status) -> list[Fact]:
    """By their newest session, so that one that stays behind stands out."""
    by_session: dict[date | None, list[str]] = {}
    for name, newest in status.tables.items():
        by_session.setdefault(newest, []).append(name)
    rows = []
    for newest in sorted(by_session, key=lambda one: one or date.min, reverse=True):
        names = by_session[newest]
        late = newest != status.last_closed and not _DAILY.isdisjoint(names)
        rows.append((str(newest or "No rows"), ", ".join(names), DOUBTFUL if late else ""))
    return [("Tables", "by their newest session:", ""), *rows]


def of_trading(state: TradingState) -> list[Trouble]:
    """That trading is halted, if it is."""
    if not state.halted:
        return []
    since = f" since {state.since:%Y-%m-%d %H:%M} UTC" if state.since else ""
    return [
        Trouble("halted", f"Trading is HALTED{since}: {state.reason}", "when it may go on: portfolio resume --reason …")
    ]


def _of_market(sources: Collection[str]) -> list[Trouble]:
    """That the stored prices were made up by an earlier version, which this one cannot go on with."""
    if not any_made_up(sources) or any(map(of_this_model, sources)):
        return []
    what = f"the stored prices are those of {', '.join(sorted(sources))}"
    return [Trouble("other_market", what, f"{OTHER_MODEL}, or begin another home with another DAGSTER_HOME")]


def _of_sessions(complete: date | None, last: date) -> list[Trouble]:
    if complete == last:
        return []
    found = "No session is complete yet" if complete is None else f"complete through {complete}"
    return [Trouble("sessions_missing", f"{found}; the last that has closed is {last}", "portfolio up", severe=False)]


def _open(reader: Reader, only: SessionRange) -> list[Trouble]:
    """What a person has to look at: refused or unknown submissions, open breaches, quarantined bars."""
    unsent = reader.read(schemas.SUBMISSIONS.name, only, where={"state": ["refused", "unknown"]}).to_pylist()
    breaches = reader.read(schemas.RISK_BREACHES.name, only, where={"severity": "block"}).to_pylist()
    held = reader.read(schemas.SUBMISSIONS.name, only, where={"state": "held"}).to_pylist()
    waiting = [row["error"] for row in held if str(row["error"]).startswith(WAITS)]
    quarantined = reader.read(schemas.QUARANTINE.name, only).to_pylist()
    differences = undecided(
        differences_of(reader.read(schemas.RECONCILIATION.name)),
        decisions_of(reader.read(schemas.RECONCILIATION_DECISIONS.name)),
    )
    return [
        *([Trouble("approval", _told_of(waiting, only), _OF_WAITING, severe=False)] if waiting else []),
        *(
            Trouble("reconciliation", f"{one.kind} {one.subject} of {one.session}: {one.told}", _OF_DIFFERENCES)
            for one in differences
        ),
        *(
            Trouble("order", "order {client_order_id} is {state}: {error}".format_map(row), _OF_ORDERS)
            for row in unsent
        ),
        *(
            Trouble("breach", "{rule} of {subject} stopped orders: {action}".format_map(row), _OF_ORDERS)
            for row in breaches
        ),
        *(
            Trouble(
                "quarantine", "bar of {symbol} quarantined by {rule}: {found}".format_map(row), _OF_BARS, severe=False
            )
            for row in quarantined
        ),
    ]


def _told_of(waiting: Sequence[str], only: SessionRange) -> str:
    return f"{len(waiting)} orders of {only.last} wait for approval: {waiting[0]}"


_OF_WAITING = "portfolio order list, then portfolio approve or reject"
_OF_DIFFERENCES = "nothing is sent before it is decided: portfolio reconcile"
_OF_ORDERS = "nothing of them was sent; mend what is named, the next session goes on from the account as it is"
_OF_BARS = "the symbol waits, the others go on; correct the source if the bar is wrong there"


def _of_runs(wired: Wiring) -> list[Trouble]:
    """The newest run, if it failed. A back-test that was asked for wrongly is nothing that stays open."""
    newest = newest_run(wired.environment.dagster_home, wired.warehouse, not_of=_ASKED_BY_HAND)
    if newest is None or newest.status != FAILURE:
        return []
    what = f"the newest run, {newest.run_id}, failed on {newest.created_at:%Y-%m-%d %H:%M} UTC"
    return [Trouble("run", what, f"give its command again; its page in the web UI says why: /runs/{newest.run_id}")]
