"""Builds the real adapters that the environment asks for: the one place where ports meet their adapters."""

from __future__ import annotations

from dataclasses import dataclass

from portfolio_pipeline.adapters.environment import Environment, read_environment
from portfolio_pipeline.adapters.settings import active_settings
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Alerts, Broker, Clock, MarketData, Warehouse


@dataclass(frozen=True)
class Wiring:
    """Everything that touches the world, behind its ports."""

    environment: Environment
    settings: Settings
    warehouse: Warehouse
    market_data: MarketData
    broker: Broker
    alerts: Alerts
    clock: Clock


def wire(environment: Environment | None = None) -> Wiring:
    """Build the adapters; nothing is connected or written yet."""
    from portfolio_pipeline.adapters.alerts import open_alerts
    from portfolio_pipeline.adapters.broker import open_broker
    from portfolio_pipeline.adapters.clock import SystemClock
    from portfolio_pipeline.adapters.market_data import open_market_data
    from portfolio_pipeline.adapters.warehouse import open_warehouse

    environment = environment or read_environment()
    settings = active_settings(environment)
    warehouse = open_warehouse(environment.database_url)
    return Wiring(
        environment=environment,
        settings=settings,
        warehouse=warehouse,
        market_data=open_market_data(environment, settings),
        broker=open_broker(environment.trading_mode, settings, warehouse),
        alerts=open_alerts(environment.alerts),
        clock=SystemClock(),
    )
