"""Orders at a broker out in the world are followed while the market is open: by a sensor, about every minute.

It is done in the sensor and not in a run of its own: a run a minute would bury those that compute something. The job
follow_orders and `portfolio follow` do the same, when somebody asks for it.
"""

import os

import dagster as dg

from portfolio_pipeline.adapters.acts.following import follow, market_hours
from portfolio_pipeline.adapters.broker import BROKERS
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.dagster_home.at_work import at_work_now
from portfolio_pipeline.ports import Alerts, Broker, Clock, Warehouse

_MODE = os.environ.get("TRADING_MODE") or "SIMULATED"
_RUNS = _MODE in BROKERS and BROKERS[_MODE].real


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING if _RUNS else dg.DefaultSensorStatus.STOPPED,
    description="While the market is open: asks the broker how open orders stand, writes down what was executed so far,"
    " and tells of orders that were not carried out. Never plans or sends anything.",
)
def open_orders(
    warehouse: dg.ResourceParam[Warehouse],
    broker: dg.ResourceParam[Broker],
    clock: dg.ResourceParam[Clock],
    alerts: dg.ResourceParam[Alerts],
    settings: dg.ResourceParam[Settings],
) -> dg.SkipReason:
    if broker.mode == "SIMULATED":
        return dg.SkipReason("SIMULATED: orders are executed when their session is computed.")
    if market_hours(clock.now()) is None:
        return dg.SkipReason("The market is closed.")
    with at_work_now(wire().locks, "the sensor open_orders") as other:
        if other is not None:
            return dg.SkipReason(f"The next look is in a minute: {other} is at work.")
        try:
            return dg.SkipReason(follow(broker, warehouse, clock, alerts, settings).in_words())
        except PortfolioError as refusal:
            return dg.SkipReason(f"It is asked again in a minute: {refusal}")
