"""Brokers behind the port `ports.Broker`, by the name that `TRADING_MODE` uses.

They carry out and report. Which orders there are, and whether they may be sent, belongs to `core.execution`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio_pipeline.core.registry import Registry

if TYPE_CHECKING:
    from portfolio_pipeline.core.settings import Settings
    from portfolio_pipeline.ports import Broker, Warehouse
    from portfolio_pipeline.ports.broker import TradingMode


@dataclass(frozen=True)
class BrokerKind:
    """The broker of the trading mode `name`; `open` connects to nothing and writes nothing yet."""

    name: str
    open: Callable[[Settings, Warehouse], Broker]


def open_broker(mode: str, settings: Settings, warehouse: Warehouse) -> Broker:
    """The broker of a trading mode; nothing is connected or written yet."""
    return BROKERS[mode].open(settings, warehouse)


def _simulated(settings: Settings, warehouse: Warehouse) -> Broker:
    from portfolio_pipeline.adapters.broker.simulated import SimulatedBroker

    return SimulatedBroker(settings, warehouse)


def _unavailable(mode: TradingMode) -> Callable[[Settings, Warehouse], Broker]:
    def open_(settings: Settings, warehouse: Warehouse) -> Broker:
        from portfolio_pipeline.adapters.broker.unavailable import UnavailableBroker

        return UnavailableBroker(mode)

    return open_


BROKERS: Registry[BrokerKind] = Registry(
    "broker",
    (
        BrokerKind("SIMULATED", _simulated),
        BrokerKind("PAPER", _unavailable("PAPER")),
        BrokerKind("LIVE", _unavailable("LIVE")),
    ),
)
