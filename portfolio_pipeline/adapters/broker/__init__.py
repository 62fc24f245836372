"""Brokers behind the port `ports.Broker`: which one there is for each trading mode."""

from __future__ import annotations

from portfolio_pipeline.adapters.broker.simulated import SimulatedBroker
from portfolio_pipeline.adapters.broker.unavailable import UnavailableBroker
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Broker, TradingMode, Warehouse


def open_broker(mode: TradingMode, settings: Settings, warehouse: Warehouse) -> Broker:
    """The broker of a trading mode; nothing is connected or written yet."""
    return SimulatedBroker(settings, warehouse) if mode == "SIMULATED" else UnavailableBroker(mode)
