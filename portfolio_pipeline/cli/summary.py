"""What people see of the portfolio in a terminal: read from the tables, computed nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.panel import Panel
from rich.table import Column, Table

from portfolio_pipeline.adapters.closes_file import last_closed
from portfolio_pipeline.adapters.wiring import Wiring
from portfolio_pipeline.cli.stored_history import (
    EVERY_SESSION,
    EVERY_SESSION_AND_STRATEGY,
    complete_through,
)
from portfolio_pipeline.cli.terminal import OUT, say
from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.halt import either, trading_state
from portfolio_pipeline.core.execution.origin import changes_by_session
from portfolio_pipeline.dagster_home.run_table import FAILURE, newest_run

if TYPE_CHECKING:
    from portfolio_pipeline.ports import Warehouse

Row = Mapping[str, Any]

_SHOWN = {
    "cumulative_return": ("Return", "{:+.1%}"),
    "annual_return": ("a year", "{:+.1%}"),
    "volatility": ("Volatility", "{:.1%}"),
    "sharpe": ("Sharpe", "{:.2f}"),
    "max_drawdown": ("Worst drawdown", "{:.1%}"),
}
_SCOPES = ("account", "benchmark")
_MOST_ORDERS = 12
_ASKED_BY_HAND = "backtest"


def show_summary(wired: Wiring) -> None:
    """Equity, performance and orders of the newest complete session."""
    session = complete_through(wired.warehouse)
    if session is None:
        say("No session is complete yet.")
        return
    only = SessionRange.single(session)
    _banner(wired)
    with wired.warehouse.reading() as reader:
        account = reader.read(schemas.ACCOUNT.name, only, where={"book": "account"}).to_pylist()
        metrics = reader.read(schemas.METRICS.name, only).to_pylist()
        planned = reader.read(schemas.ORDERS.name, only).to_pylist()
    equity = f"{account[0]['equity']:,.2f}" if account else "none"
    OUT.print(_performance(metrics, f"Session {session}: equity {equity}"))
    OUT.print(_orders(planned, only))
    say(_since(wired.warehouse))
    _halt(wired)


def show_status(wired: Wiring) -> None:
    """Halt state, how far every table goes, the account, and what failed."""
    _banner(wired)
    _halt(wired)
    last = last_closed(wired.environment.dagster_home, wired.clock.now())
    table = Table(title=f"Tables in {wired.warehouse.location}; the last closed session is {last}")
    table.add_column("table")
    table.add_column("last session")
    daily = {declared.name for declared in (*EVERY_SESSION, *EVERY_SESSION_AND_STRATEGY)}
    with wired.warehouse.reading() as reader:
        reached = {one.name: reader.newest(one.name) for one in schemas.TABLES if one.by_session}
    for name, session in reached.items():
        late = name in daily and session != last
        table.add_row(name, str(session or "-"), style="yellow" if late else "")
    OUT.print(table)
    complete = complete_through(wired.warehouse)
    if complete is None:
        say("No session is complete yet: run `portfolio up`.")
        return
    (account,) = wired.warehouse.read(
        schemas.ACCOUNT.name, SessionRange.single(complete), where={"book": "account"}
    ).to_pylist()
    say(f"Equity at the close of {complete}: {account['equity']:,.2f}")
    say(_since(wired.warehouse))
    changes = changes_by_session(wired.warehouse.read(schemas.SESSION_ORIGINS.name))
    if changes:
        session, told = list(changes.items())[-1]
        say(f"Last changed at {session}: {told}", "yellow")
    _failures(wired, SessionRange.single(complete))


def show_strategies(wired: Wiring) -> None:
    """All cards, whether they get capital, and whether their results were believed at the newest session."""
    from portfolio_pipeline.adapters.cards import load_cards

    cards = load_cards()
    verdicts = _newest_verdicts(wired.warehouse, [card.name for card in cards])
    table = Table(*(Column(heading, no_wrap=True) for heading in ("name", "type", "stage", "verdict", "rebalance")))
    for card in cards:
        verdict = verdicts[card.name]["verdict"] if card.name in verdicts else "-"
        style = "yellow" if verdict == "doubted" else ""
        table.add_row(card.name, card.type, card.stage, verdict, card.rebalance, style=style)
    OUT.print(table)
    for card in cards:
        say(f"{card.name} ({', '.join(card.symbols.asset_classes or card.symbols.only)}): {card.description}")
        judged = verdicts.get(card.name)
        if judged is not None and judged["reasons"]:
            say(f"  {judged['verdict']} at the close of {judged['session']}: {judged['reasons']}")


def _newest_verdicts(warehouse: Warehouse, strategies: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By strategy, the row of strategy_honesty of its newest session there."""
    verdicts = {}
    with warehouse.reading() as reader:
        for name in strategies:
            newest = reader.newest(schemas.STRATEGY_HONESTY.name, where={"strategy": name})
            if newest is not None:
                only = SessionRange.single(newest)
                rows = reader.read(schemas.STRATEGY_HONESTY.name, only, where={"strategy": name})
                verdicts[name] = rows.to_pylist()[0]
    return verdicts


def _since(warehouse: Warehouse) -> str:
    """From when on there is what: figures of performance begin with the account."""
    with warehouse.reading() as reader:
        prices, paper, account = (
            reader.oldest(table.name) for table in (schemas.PRICES, schemas.STRATEGY_RETURNS, schemas.ACCOUNT)
        )
    return f"The account begins at {account}, its strategies on paper at {paper}, prices at {prices}."


def _banner(wired: Wiring) -> None:
    environment = wired.environment
    made_up = [
        *(["prices"] if environment.market_data == "simulated" else []),
        *(["fills"] if environment.trading_mode == "SIMULATED" else []),
    ]
    if made_up:
        OUT.print(Panel(f"S I M U L A T E D\nmade up: {' and '.join(made_up)}", style="bold yellow", expand=False))


def _halt(wired: Wiring) -> None:
    state = either(wired.halt_switch.state(), trading_state(wired.warehouse.read(schemas.HALT_EVENTS.name)))
    if state.halted:
        since = f" since {state.since:%Y-%m-%d %H:%M} UTC" if state.since else ""
        say(f"Trading is HALTED{since}: {state.reason}", "bold red")


def _performance(metrics: Sequence[Row], title: str) -> Table:
    table = Table(title=title)
    table.add_column("", no_wrap=True)
    for heading, _ in _SHOWN.values():
        table.add_column(heading, justify="right")
    values = {(row["scope"], row["metric"]): row["value"] for row in metrics}
    books = sorted({scope for scope, _ in values if scope.startswith("strategy:")})
    for scope in (*_SCOPES, *books):
        table.add_row(scope, *(_cell(values.get((scope, name)), form) for name, (_, form) in _SHOWN.items()))
    return table


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _orders(orders: Sequence[Row], only: SessionRange) -> Table:
    accepted = [order for order in orders if order["verdict"] == "accepted"]
    table = Table(title=f"Orders decided at the close of {only.first}: {len(accepted)}")
    table.add_column("symbol")
    table.add_column("side")
    for heading in ("quantity", "value"):
        table.add_column(heading, justify="right")
    table.add_column("reason")
    largest = sorted(accepted, key=lambda order: (-order["quantity"] * order["reference_price"], order["symbol"]))
    for order in largest[:_MOST_ORDERS]:
        quantity, value = f"{order['quantity']:,g}", f"{order['quantity'] * order['reference_price']:,.0f}"
        table.add_row(order["symbol"], order["side"], quantity, value, order["reason"])
    if len(accepted) > _MOST_ORDERS:
        table.add_row(f"and {len(accepted) - _MOST_ORDERS} smaller ones", "", "", "", "")
    return table


def _failures(wired: Wiring, only: SessionRange) -> None:
    """What a person has to look at: refused or unknown submissions, open breaches, quarantined bars, failed runs."""
    with wired.warehouse.reading() as reader:
        unsent = reader.read(schemas.SUBMISSIONS.name, only, where={"state": ["refused", "unknown"]}).to_pylist()
        breaches = reader.read(schemas.RISK_BREACHES.name, only, where={"severity": "block"}).to_pylist()
        quarantined = reader.read(schemas.QUARANTINE.name, only).to_pylist()
    found = [
        *("order {client_order_id} is {state}: {error}".format_map(row) for row in unsent),
        *("{rule} of {subject} stopped orders: {action}".format_map(row) for row in breaches),
        *("bar of {symbol} quarantined by {rule}: {found}".format_map(row) for row in quarantined),
        *_failed_runs(wired),
    ]
    say("Nothing is open." if not found else "Open:", "bold green" if not found else "bold yellow")
    for line in found:
        say(f"  {line}")


def _failed_runs(wired: Wiring) -> list[str]:
    """The newest run, if it failed. A back-test that was asked for wrongly is nothing that stays open."""
    newest = newest_run(wired.environment.dagster_home, wired.warehouse, not_of=_ASKED_BY_HAND)
    if newest is None or newest.status != FAILURE:
        return []
    return [f"the newest run, {newest.run_id}, failed on {newest.created_at:%Y-%m-%d %H:%M} UTC"]
