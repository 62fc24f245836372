"""The asset fills and its checks: what the broker executed in each session, of orders decided at the close before.

Beside fills it fills order_outcomes, which says what became of every order, executed or not, and cash_flows, what a
real broker booked beside executions.
Submissions are not touched: they hold what was known at their own close. Which fill belongs to which strategy is
decided in positions.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date

import dagster as dg
import pandas as pd

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.books.book import to_currency
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, previous_session
from portfolio_pipeline.core.execution.rows import cash_flow_rows, fill_rows, outcome_rows
from portfolio_pipeline.core.execution.tickets import OrderReport, OrderState
from portfolio_pipeline.core.tables import BEGINNINGS, CASH_FLOWS, FILLS, ORDER_OUTCOMES, ORDERS, SUBMISSIONS
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Broker, Warehouse
from portfolio_pipeline.reads.beginnings import stored_beginnings
from portfolio_pipeline.reads.reconciled import booked, is_own


@session_check()
def fills_have_orders(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse], broker: dg.ResourceParam[Broker]
) -> dg.AssetCheckResult:
    """Every execution of ours belongs to an order of the session before, of the same symbol and side.

    What others executed in the account is for `nothing_is_open_with_the_broker`.
    """
    with warehouse.reading() as reader:
        executed = _ours(frame(reader.read(FILLS.name, sessions)), broker)
        planned = frame(reader.read(ORDERS.name, _decided(sessions), columns=["client_order_id", "symbol", "side"]))
    joined = executed.merge(planned, on=["client_order_id", "symbol", "side"], how="left", indicator=True)
    strangers = joined.loc[joined["_merge"] == "left_only", ["session", "fill_id", "symbol", "side", "quantity"]]
    remedy = "Look at the order at the broker; materialise orders and submissions of the session before again."
    return check_result(strangers.to_dict("records"), checked=len(executed), remedy=remedy)


@session_check()
def fills_add_up_to_orders(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse], broker: dg.ResourceParam[Broker]
) -> dg.AssetCheckResult:
    """The executions of an order add up to the quantity that the broker calls filled."""
    with warehouse.reading() as reader:
        own = _ours(frame(reader.read(FILLS.name, sessions)), broker)
        told = frame(reader.read(ORDER_OUTCOMES.name, sessions)).set_index("client_order_id")["filled_quantity"]
    both = pd.DataFrame({"executed": own.groupby("client_order_id")["quantity"].sum(), "filled": told}).fillna(0.0)
    wrong = both[(both["executed"] - both["filled"]).abs() > 5e-7].reset_index(names="client_order_id")
    remedy = "Materialise fills again; if it stays, ask the broker for the order's executions."
    return check_result(wrong.to_dict("records"), checked=len(both), remedy=remedy)


# The submissions of the session before are read. The edge is drawn without that offset: with it, Dagster splits a
# backfill of the chain into several runs and leaves the first session's fills out.
@session_asset(
    table=FILLS,
    group="execution",
    reads=(SUBMISSIONS, BEGINNINGS),
    also_fills=(ORDER_OUTCOMES, CASH_FLOWS),
    checks=(
        fills_have_orders,
        fills_add_up_to_orders,
    ),
)
def fills(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
) -> Stored:
    with warehouse.reading() as reader:
        begun = stored_beginnings(reader)
        sent = reader.read(SUBMISSIONS.name, _decided(sessions), columns=["state"])["state"].to_pylist()
    # What happened before is in what the account began with.
    since = begun.account if begun is not None else date.min
    executed = [fill for fill in broker.fills(sessions) if fill.session > since]
    flows = booked(warehouse, broker, sessions, since)
    ended = _ended(sessions, broker.reports(_decided(sessions)))
    with warehouse.transaction() as tx:
        rows = tx.replace(FILLS.name, sessions, fill_rows(executed))
        tx.replace(CASH_FLOWS.name, sessions, cash_flow_rows(flows), where={"origin": "broker"})
        tx.replace(ORDER_OUTCOMES.name, sessions, outcome_rows(ended))
    newest = [fill for fill in executed if fill.session == sessions.last]
    states = sorted(Counter(report.state for session, report in ended if session == sessions.last).items())
    metadata = {
        "executions in the newest session": len(newest),
        "orders of the newest session": ", ".join(f"{count} {state}" for state, count in states) or "none",
        "notional": to_currency(sum(fill.notional for fill in newest)),
        "commission": to_currency(sum(fill.commission for fill in newest)),
    }
    fates = Counter(report.state for _, report in ended)
    unfilled = {f"orders {state}": count for state, count in sorted(fates.items()) if state != OrderState.FILLED}
    return Stored(rows, metadata, came_in=sum(state == "accepted" for state in sent), dropped=unfilled)


def _ours(executed: pd.DataFrame, broker: Broker) -> pd.DataFrame:
    """Without what others executed in the account."""
    if broker.mode == "SIMULATED":
        return executed
    return executed[executed["client_order_id"].map(lambda name: is_own(broker.mode, name)).astype(bool)]


def _decided(sessions: SessionRange) -> SessionRange:
    """The sessions whose orders are executed in `sessions`."""
    first = previous_session(sessions.first) or sessions.first
    return SessionRange(first, max(previous_session(sessions.last) or first, first))


def _ended(sessions: SessionRange, reports: Iterable[OrderReport]) -> list[tuple[date, OrderReport]]:
    """The orders that came to their end in `sessions`: day orders do so in the session after their close."""
    last_states = ORDER_OUTCOMES.column("state").one_of
    ended = [(next_session(report.session), report) for report in reports if report.state in last_states]
    return [(session, report) for session, report in ended if sessions.first <= session <= sessions.last]
