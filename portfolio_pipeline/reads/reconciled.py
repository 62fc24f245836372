"""What the broker's account is beside the books, asked for before planning, before sending, and when books are carried.

Where trading is simulated the account is the books' own, and nothing is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.positions import stored_ledger
from portfolio_pipeline.core.books.reconciliation import (
    Decision,
    Difference,
    Reconciled,
    Told,
    outside_of,
    reconcile,
)
from portfolio_pipeline.core.books.reconciliation_rows import decisions_of, differences_of
from portfolio_pipeline.core.books.unclaimed import Outside
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, previous_session
from portfolio_pipeline.core.errors import LimitError
from portfolio_pipeline.core.execution.orders import session_of
from portfolio_pipeline.core.execution.rows import cash_flows_of
from portfolio_pipeline.core.execution.tickets import by_session
from portfolio_pipeline.core.market.bars import ACTION_COLUMNS, BAR_COLUMNS, bars_by_session, without_payments
from portfolio_pipeline.core.tables import (
    ACCOUNT,
    CASH_FLOWS,
    CORPORATE_ACTIONS,
    POSITIONS,
    PRICES,
    RECONCILIATION,
    RECONCILIATION_DECISIONS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Broker, Reader, Warehouse
from portfolio_pipeline.reads.beginnings import stored_beginnings

BOOKED_LATE = 10  # sessions: fees come a day later, and whoever was away for a week misses nothing


def is_own(mode: str, name: str) -> bool:
    """Whether an order's identifier is one that this house gives."""
    return session_of(mode, name) is not None


def reconciled(warehouse: Warehouse, broker: Broker, session: date) -> Reconciled:
    """What the broker says of the account at the newest close, beside the books of the last close that is stored,
    carried there. Where trading is simulated the account is the books' own, at any close.
    """
    if broker.mode == "SIMULATED":
        return Reconciled(broker.account(session))
    with warehouse.reading() as reader:
        base, ledger = reader.newest(ACCOUNT.name, before=session), None
        since = SessionRange(session if base is None else next_session(base), session)
        if base is not None:
            single = SessionRange.single(base)
            ledger = stored_ledger(*(frame(reader.read(table.name, single)) for table in (POSITIONS, ACCOUNT)))
        bars = bars_by_session(
            reader.read(PRICES.name, since, columns=BAR_COLUMNS),
            reader.read(CORPORATE_ACTIONS.name, since, columns=ACTION_COLUMNS),
        )
        differences, decisions = stored_differences(reader)
        begun = stored_beginnings(reader)
    fills: Sequence[Fill] = ()
    flows: Sequence[CashFlow] = ()
    if ledger is not None:
        fills = broker.fills(since)
        flows = booked(warehouse, broker, since, begun.account if begun is not None else date.min)
    later = broker.fills(SessionRange.single(next_session(session)), so_far=True)
    told = Told(broker.account(session), by_session(fills), by_session(flows), broker.foreign_orders(), later)
    real = {day: without_payments(of_day) for day, of_day in bars.items()}
    earlier = [one for one in differences if one.session < since.first]
    return reconcile(list(since), ledger, told, real, lambda name: is_own(broker.mode, name), decisions, earlier)


def stored_differences(reader: Reader) -> tuple[list[Difference], list[Decision]]:
    return (
        differences_of(reader.read(RECONCILIATION.name)),
        decisions_of(reader.read(RECONCILIATION_DECISIONS.name)),
    )


def outside_by_session(
    mode: str,
    sessions: SessionRange,
    fills: Mapping[date, Sequence[Fill]],
    differences: Sequence[Difference],
    decisions: Sequence[Decision],
) -> dict[date, Outside]:
    """What others did in the sessions, as it was found when they were planned."""
    if mode == "SIMULATED":
        return {}
    foreign = {day: [fill for fill in some if not is_own(mode, fill.client_order_id)] for day, some in fills.items()}
    return {day: outside_of(day, foreign.get(day, ()), differences, decisions) for day in sessions}


def refusal_of(differences: Sequence[Difference]) -> LimitError | None:
    """Why nothing is sent, in one message."""
    if not differences:
        return None
    one = differences[0]
    return LimitError(
        "RECONCILIATION_OPEN",
        found=f"{one.kind} {one.subject} of {one.session} ({one.told})",
        open=len(differences),
        remedy="Nothing is sent before it is decided. Look at them: portfolio reconcile. Then, for each: portfolio"
        " reconcile accept SUBJECT --reason …, or ignore.",
    )


def booked(warehouse: Warehouse, broker: Broker, sessions: SessionRange, since: date) -> list[CashFlow]:
    """What the broker booked beside executions, each in one session for good: its own, or where it was first seen."""
    first = previous_session(sessions.first, BOOKED_LATE) or sessions.first
    seen = warehouse.read(CASH_FLOWS.name, SessionRange(first, sessions.last), where={"origin": "broker"})
    stored = {flow.flow_id: flow.session for flow in cash_flows_of(seen)}
    told = broker.cash_flows(SessionRange(first, sessions.last))
    if broker.tradable(sessions) is None:  # of what is past, nothing is new
        told = tuple(flow for flow in told if flow.flow_id in stored)
    placed = [
        replace(flow, session=stored.get(flow.flow_id, max(flow.session, sessions.first)))
        for flow in told
        if flow.session > since
    ]
    return [flow for flow in placed if sessions.first <= flow.session <= sessions.last]
