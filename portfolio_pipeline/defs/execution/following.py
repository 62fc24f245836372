"""The job follow_orders: the command `portfolio follow`, in the web UI.

An op, not an asset: it belongs to no session, and looks as often as somebody asks.
"""

import dagster as dg

from portfolio_pipeline.adapters.acts.following import follow
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Alerts, Broker, Clock, Warehouse


@dg.op(out=dg.Out(dg.Nothing), description="Ask the broker once how orders stand, and write down what was executed.")
def look_at_open_orders(
    context: dg.OpExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
    clock: dg.ResourceParam[Clock],
    alerts: dg.ResourceParam[Alerts],
    settings: dg.ResourceParam[Settings],
) -> None:
    with refusals_as_failures():
        found = follow(broker, warehouse, clock, alerts, settings)
    context.log.info(found.in_words())
    for alert in found.told:
        context.log.warning(f"{alert.title}: {alert.message}")


follow_orders = asked_job(
    "follow_orders",
    look_at_open_orders,
    None,
    "Ask the broker how the orders of the session stand, and write down what of them was executed so far."
    " Nothing is planned or sent. While the market is open the sensor open_orders does it every minute.",
    reads_only=False,
)
