"""Who is told when a risk state changes: a sensor that looks whenever orders were planned, where the last of them is
decided. No run of its own."""

import dagster as dg

from portfolio_pipeline.adapters.acts.telling_states import tell_states
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.tables import ORDERS
from portfolio_pipeline.ports import Alerts, Warehouse

_ORDERS = dg.AssetKey([ORDERS.name])


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="After every run: tells of risk states of portfolio, account and strategies that have changed.",
)
def changed_risk_states(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse], alerts: dg.ResourceParam[Alerts]
) -> dg.SensorResult | dg.SkipReason:
    newest = context.instance.get_latest_materialization_event(_ORDERS)
    if newest is None or context.cursor == str(newest.timestamp):
        return dg.SkipReason("No orders were planned since the last look.")
    try:
        told = tell_states(warehouse, alerts)
    except PortfolioError as refusal:
        return dg.SkipReason(f"It is asked again: {refusal}")
    context.log.info(", ".join(told) or "everything is normal")
    return dg.SensorResult(cursor=str(newest.timestamp))
