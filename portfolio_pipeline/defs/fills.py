"""The asset fills and its checks: what the broker executed in each session, of orders decided at the close before.

With the executions comes the final state of those orders: it is carried into the submissions they belong to, as a
broker's later word on them. Which fill belongs to which strategy is decided in positions.
"""

import dagster as dg
import pandas as pd

from portfolio_pipeline.components.check_results import check_result
from portfolio_pipeline.components.session_asset import closed_sessions, session_asset, stored
from portfolio_pipeline.core.frames import frame
from portfolio_pipeline.core.schemas import FILLS, ORDERS, SUBMISSIONS
from portfolio_pipeline.core.sessions import SessionRange, previous_session
from portfolio_pipeline.partitions import SESSIONS, sessions_of
from portfolio_pipeline.ports import Broker, Clock, Warehouse

OF_THE_SESSION_BEFORE = dg.TimeWindowPartitionMapping(
    start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
)


@session_asset(
    table=FILLS,
    group="execution",
    kinds={"python"},
    deps=[dg.AssetDep("submissions", partition_mapping=OF_THE_SESSION_BEFORE)],
)
def fills(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    sessions = closed_sessions(context, clock)
    executed = broker.fills(sessions)
    decided = _decided(sessions)
    latest = broker.submissions(decided)
    with warehouse.transaction() as tx:
        rows = tx.replace(FILLS.name, sessions, executed)
        known = frame(tx.read(SUBMISSIONS.name, decided))
        tx.replace(SUBMISSIONS.name, decided, _latest_states(known, latest))
    newest = executed[executed["session"] == pd.Timestamp(sessions.last)]
    metadata = {
        "executions in the newest session": len(newest),
        "notional": float((newest["quantity"] * newest["price"]).sum()),
        "commission": float(newest["commission"].sum()),
    }
    return stored(context, sessions, rows=rows, metadata=metadata)


@dg.asset_check(asset=fills, partitions_def=SESSIONS)
def fills_have_orders(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """Every execution belongs to an order of the session before, of the same symbol and side."""
    sessions = sessions_of(context)
    executed = frame(warehouse.read(FILLS.name, sessions))
    planned = frame(warehouse.read(ORDERS.name, _decided(sessions), columns=["client_order_id", "symbol", "side"]))
    joined = executed.merge(planned, on=["client_order_id", "symbol", "side"], how="left", indicator=True)
    strangers = joined.loc[joined["_merge"] == "left_only", ["session", "fill_id", "symbol", "side", "quantity"]]
    remedy = "Look at the order at the broker; materialise orders and submissions of the session before again."
    return check_result(strangers.to_dict("records"), checked=len(executed), remedy=remedy)


@dg.asset_check(asset=fills, partitions_def=SESSIONS)
def fills_add_up_to_submissions(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """The executions of an order add up to the quantity that the broker calls filled."""
    sessions = sessions_of(context)
    executed = frame(warehouse.read(FILLS.name, sessions)).groupby("client_order_id")["quantity"].sum()
    sent = frame(warehouse.read(SUBMISSIONS.name, _decided(sessions))).set_index("client_order_id")["filled_quantity"]
    both = pd.DataFrame({"executed": executed, "filled": sent}).fillna(0.0)
    wrong = both[(both["executed"] - both["filled"]).abs() > 5e-7].reset_index(names="client_order_id")
    remedy = "Materialise fills again; if it stays, ask the broker for the order's executions."
    return check_result(wrong.to_dict("records"), checked=len(both), remedy=remedy)


def _decided(sessions: SessionRange) -> SessionRange:
    """The sessions whose orders are executed in `sessions`."""
    first = previous_session(sessions.first) or sessions.first
    return SessionRange(first, max(previous_session(sessions.last) or first, first))


def _latest_states(known: pd.DataFrame, latest: pd.DataFrame) -> pd.DataFrame:
    """The known submissions, each as the broker last saw it; what the broker does not know stays as it was."""
    seen = latest[latest["client_order_id"].isin(known["client_order_id"])]
    unseen = known[~known["client_order_id"].isin(seen["client_order_id"])]
    return pd.concat([seen.astype(object), unseen.astype(object)], ignore_index=True)
