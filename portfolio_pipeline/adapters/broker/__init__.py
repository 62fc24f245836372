"""Brokers behind the port `ports.Broker`, by the name that `TRADING_MODE` uses.

They carry out and report. Which orders there are, and whether they may be sent, belongs to `core.execution`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from portfolio_pipeline.core.registry import Registry

if TYPE_CHECKING:
    from portfolio_pipeline.adapters.environment import Environment
    from portfolio_pipeline.core.settings import Settings
    from portfolio_pipeline.ports import Broker, Clock, Warehouse


@dataclass(frozen=True)
class BrokerKind:
    """The broker of the trading mode `name`; nothing is connected or written when it is opened.

    One out in the world is `real`, and is opened with what the environment says and a clock.
    """

    name: str
    open: Callable[[Settings, Warehouse], Broker] | None = None
    open_real: Callable[[Environment, Warehouse, Clock], Broker] | None = None

    @property
    def real(self) -> bool:
        return self.open_real is not None


def open_broker(mode: str, settings: Settings, warehouse: Warehouse) -> Broker:
    """The made-up broker of a trading mode."""
    opened = BROKERS[mode].open
    assert opened is not None, f"{mode} is opened with an environment"
    return opened(settings, warehouse)


def open_real_broker(environment: Environment, warehouse: Warehouse, clock: Clock) -> Broker:
    """The broker out in the world that the environment names; refused where its access is not one for that mode."""
    opened = BROKERS[environment.trading_mode].open_real
    assert opened is not None, f"{environment.trading_mode} is made up"
    return opened(environment, warehouse, clock)


def _simulated(settings: Settings, warehouse: Warehouse) -> Broker:
    from portfolio_pipeline.adapters.broker.simulated import SimulatedBroker

    return SimulatedBroker(settings, warehouse)


def _alpaca(mode: Literal["PAPER", "LIVE"]) -> BrokerKind:
    def opened(environment: Environment, warehouse: Warehouse, clock: Clock) -> Broker:
        from portfolio_pipeline.adapters.broker.alpaca.broker import AlpacaBroker

        return AlpacaBroker(mode, environment.alpaca, warehouse, clock)

    return BrokerKind(mode, open_real=opened)


BROKERS: Registry[BrokerKind] = Registry(
    "broker", (BrokerKind("SIMULATED", _simulated), _alpaca("PAPER"), _alpaca("LIVE"))
)
