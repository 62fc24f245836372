"""The asset fills and its checks: what the broker executed in each session, of orders decided at the close before.

It fills two tables, fills and order_outcomes; the second says what became of every order, executed or not.
Submissions are not touched: they hold what was known at their own close. Which fill belongs to which strategy is
decided in positions.
"""

import dagster as dg
import pandas as pd

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, previous_session
from portfolio_pipeline.core.tables import FILLS, ORDER_OUTCOMES, ORDERS, SUBMISSIONS
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Broker, Warehouse


@session_check()
def fills_have_orders(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Every execution belongs to an order of the session before, of the same symbol and side."""
    with warehouse.reading() as reader:
        executed = frame(reader.read(FILLS.name, sessions))
        planned = frame(reader.read(ORDERS.name, _decided(sessions), columns=["client_order_id", "symbol", "side"]))
    joined = executed.merge(planned, on=["client_order_id", "symbol", "side"], how="left", indicator=True)
    strangers = joined.loc[joined["_merge"] == "left_only", ["session", "fill_id", "symbol", "side", "quantity"]]
    remedy = "Look at the order at the broker; materialise orders and submissions of the session before again."
    return check_result(strangers.to_dict("records"), checked=len(executed), remedy=remedy)


@session_check()
def fills_add_up_to_orders(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """The executions of an order add up to the quantity that the broker calls filled."""
    with warehouse.reading() as reader:
        executed = frame(reader.read(FILLS.name, sessions)).groupby("client_order_id")["quantity"].sum()
        told = frame(reader.read(ORDER_OUTCOMES.name, sessions)).set_index("client_order_id")["filled_quantity"]
    both = pd.DataFrame({"executed": executed, "filled": told}).fillna(0.0)
    wrong = both[(both["executed"] - both["filled"]).abs() > 5e-7].reset_index(names="client_order_id")
    remedy = "Materialise fills again; if it stays, ask the broker for the order's executions."
    return check_result(wrong.to_dict("records"), checked=len(both), remedy=remedy)


# The submissions of the session before are read. The edge is drawn without that offset: with it, Dagster splits a
# backfill of the chain into several runs and leaves the first session's fills out.
@session_asset(
    table=FILLS,
    group="execution",
    reads=(SUBMISSIONS,),
    also_fills=(ORDER_OUTCOMES,),
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
    executed = broker.fills(sessions)
    sent = warehouse.read(SUBMISSIONS.name, _decided(sessions), columns=["state"])["state"].to_pylist()
    outcomes = _outcomes(sessions, broker.submissions(_decided(sessions)))
    with warehouse.transaction() as tx:
        rows = tx.replace(FILLS.name, sessions, executed)
        tx.replace(ORDER_OUTCOMES.name, sessions, outcomes)
    newest = executed[executed["session"] == pd.Timestamp(sessions.last)]
    ended = outcomes.loc[outcomes["session"] == sessions.last, "state"].value_counts().sort_index()
    metadata = {
        "executions in the newest session": len(newest),
        "orders of the newest session": ", ".join(f"{count} {state}" for state, count in ended.items()) or "none",
        "notional": float((newest["quantity"] * newest["price"]).sum()),
        "commission": float(newest["commission"].sum()),
    }
    states = outcomes["state"].value_counts().sort_index().to_dict()
    unfilled = {f"orders {state}": int(count) for state, count in states.items() if state != "filled"}
    return Stored(rows, metadata, came_in=sum(state == "accepted" for state in sent), dropped=unfilled)


def _decided(sessions: SessionRange) -> SessionRange:
    """The sessions whose orders are executed in `sessions`."""
    first = previous_session(sessions.first) or sessions.first
    return SessionRange(first, max(previous_session(sessions.last) or first, first))


def _outcomes(sessions: SessionRange, submitted: pd.DataFrame) -> pd.DataFrame:
    """What became of the orders that came to their end in `sessions`: day orders do so in the session after their
    close.
    """
    rows = submitted[submitted["state"].isin(ORDER_OUTCOMES.column("state").one_of)]
    ended = {day: next_session(day) for day in rows["session"].dt.date.unique()}
    rows = rows.assign(session=rows["session"].dt.date.map(ended).astype(object))
    return rows.loc[rows["session"].isin(list(sessions)), list(ORDER_OUTCOMES.column_names)]
