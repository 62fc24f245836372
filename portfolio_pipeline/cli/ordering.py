"""`portfolio order` on the terminal: what is said is written down, and carried out at once where it can be."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from portfolio_pipeline.cli.home import account, open_tables
from portfolio_pipeline.cli.terminal import Column, complain, say, show, table
from portfolio_pipeline.core.execution.halt import either, refusal, trading_state
from portfolio_pipeline.core.tables import HALT_EVENTS, ORDER_ATTEMPTS, ORDER_INSTRUCTIONS, ORDERS, SUBMISSIONS

if TYPE_CHECKING:
    from portfolio_pipeline.adapters.wiring import Wiring

PLANS, SENDS = ("orders", "submissions"), ("submissions",)


def say_it(
    kind: str,
    why: str,
    *,
    strategy: str = "",
    symbol: str = "",
    quantity: float | None = None,
    price: float | None = None,
    name: str = "",
    withdraws: int | None = None,
    session: date | None = None,
) -> None:
    from portfolio_pipeline.adapters.acts.orders_by_hand import say_about_orders
    from portfolio_pipeline.adapters.cards import load_cards
    from portfolio_pipeline.core.books.book import to_units
    from portfolio_pipeline.core.execution.by_hand.saying import Asked

    wired = open_tables()
    wired.require_same_account()
    wired.seal_what_is_there()
    asked = Asked(
        *(kind, why, who(), strategy, symbol.upper()),  # type: ignore[arg-type]
        quantity=None if quantity is None else to_units(quantity),
        price=price,
        order=name,
        withdraws=withdraws,
        session=session,
    )
    cards = [card.name for card in load_cards()]
    noted = say_about_orders(wired.warehouse, wired.settings, cards, asked, wired.clock.now(), wired.plan_key)
    say(noted.told, "bold green")
    if noted.planned_already:
        _carry_out(noted.row.session, PLANS)
    else:
        _tell_of_a_halt(wired)


def cancel_open(names: Sequence[str], why: str) -> None:
    from portfolio_pipeline.adapters.acts.orders_by_hand import cancel_orders

    with account("portfolio order cancel", wait=True) as wired:
        asked = (names, why, who(), wired.clock.now())
        reports = cancel_orders(wired.warehouse, wired.broker, *asked, wired.plan_key)
    for report in reports:
        say(f"{report.client_order_id}: {report.state}{f'. {report.error}' if report.error else ''}")
    open_ = [one for one in reports if one.state not in ("canceled", "filled", "expired", "rejected", "refused")]
    if not reports:
        say("No order is open.")
    if open_:
        complain(f"{len(open_)} are not over yet: the request is on its way. Give the same command again to look.")


def decide_on(verdict: Literal["approved", "rejected"], names: Sequence[str], why: str) -> None:
    from portfolio_pipeline.adapters.acts.approving import decide

    wired = open_tables()
    wired.require_same_account()
    terms, now = wired.settings.approval, wired.clock.now()
    decided = decide(wired.warehouse, terms, names, verdict, why, who(), now, wired.plan_key)
    for one in decided:
        say(f"{one.order}: {one.decision}", "bold green")
    _carry_out(decided[0].session, SENDS)


def _carry_out(session: date, assets: Sequence[str]) -> None:
    """Plan and send once more what was planned already."""
    from portfolio_pipeline.cli.chain_run import run_chain
    from portfolio_pipeline.core.calendar.sessions import SessionRange

    single = SessionRange.single(session)
    with account("portfolio order", wait=True) as wired:
        outcome = run_chain(wired, single, assets)
        rows = wired.warehouse.read(SUBMISSIONS.name, single, columns=["state"])["state"].to_pylist()
    counts = ", ".join(f"{rows.count(state)} {state}" for state in sorted(set(rows))) or "nothing to trade"
    say(f"Orders of {session}: {counts}")
    refused = outcome.refusal(single)
    if refused is not None:
        raise refused


def _tell_of_a_halt(wired: Wiring) -> None:
    halted = refusal(either(wired.halt_switch.state(), trading_state(wired.warehouse.read(HALT_EVENTS.name))))
    if halted is not None:
        complain(str(halted))


def find_orders(wired: Wiring) -> dict[str, Any]:
    from portfolio_pipeline.core.books.book import to_shares
    from portfolio_pipeline.core.calendar.sessions import SessionRange, session_to_decide
    from portfolio_pipeline.core.execution.by_hand.instructions import Instructions

    with wired.warehouse.reading() as reader:
        newest = reader.newest(ORDERS.name)
        said = Instructions.of_rows(reader.read(ORDER_INSTRUCTIONS.name).to_pylist())
        planned, sent, tried = (
            [] if newest is None else reader.read(one.name, SessionRange.single(newest)).to_pylist()
            for one in (ORDERS, SUBMISSIONS, ORDER_ATTEMPTS)
        )
    states: dict[str, Mapping[str, Any]] = {row["client_order_id"]: row for row in sent}
    states |= {row["client_order_id"]: row for row in sorted(tried, key=lambda row: row["number"])}
    at = max(filter(None, (newest, session_to_decide(wired.clock.now()))))
    in_force = [
        {
            "number": one.number,
            "kind": one.kind,
            "strategy": one.strategy,
            "symbol": one.symbol,
            "quantity": None if one.quantity is None else to_shares(one.quantity),
            "limit_price": one.limit_price,
            "session": one.session,
            "who": one.who,
            "why": one.why,
        }
        for one in said.in_force(at)
        if one.session >= at or one.kind in ("close", "flatten") or one in said.locked(at).values()
    ]
    orders = [
        {
            "name": row["client_order_id"],
            **{name: row[name] for name in ("symbol", "side", "quantity", "limit_price")},
            "state": states.get(row["client_order_id"], {}).get("state", "not sent"),
            "why": states.get(row["client_order_id"], {}).get("error") or row["reason"],
        }
        for row in planned
    ]
    return {"session": newest, "in_force": in_force, "orders": orders}


def show_orders(found: Mapping[str, Any]) -> None:
    if found["in_force"]:
        names = ("number", "kind", "strategy", "symbol", "quantity", "limit_price", "session", "who", "why")
        _show(found["in_force"], *names)
        say("")
    if found["orders"]:
        _show(found["orders"], "name", "symbol", "side", "quantity", "limit_price", "state", "why")
    else:
        say("No orders are planned." if found["session"] is None else f"No orders of {found['session']}.")


def _show(rows: Sequence[Mapping[str, Any]], *names: str) -> None:
    columns = [Column(name.replace("_", " "), text=name == "why") for name in names]
    show(table(columns, [([_cell(row[name]) for name in names], "") for row in rows]))


def _cell(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody at the terminal"
