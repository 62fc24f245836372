"""Brokers behind the port `ports.Broker`, by the trading mode that asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from portfolio_pipeline.adapters.broker.simulated import SimulatedBroker
from portfolio_pipeline.adapters.broker.unavailable import UnavailableBroker
from portfolio_pipeline.core.registry import Registry
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Broker, Warehouse


@dataclass(frozen=True)
class BrokerKind:
    """The broker of the trading mode `name`; `open` connects to nothing and writes nothing yet."""

    name: str
    open: Callable[[Settings, Warehouse], Broker]


BROKERS: Registry[BrokerKind] = Registry(
    "broker",
    (
        BrokerKind("SIMULATED", SimulatedBroker),
        BrokerKind("PAPER", lambda settings, warehouse: UnavailableBroker("PAPER")),
        BrokerKind("LIVE", lambda settings, warehouse: UnavailableBroker("LIVE")),
    ),
)


def open_broker(mode: str, settings: Settings, warehouse: Warehouse) -> Broker:
    """The broker of a trading mode; nothing is connected or written yet."""
    return BROKERS[mode].open(settings, warehouse)
