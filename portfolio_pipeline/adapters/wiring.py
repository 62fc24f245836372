"""Builds the real adapters that the environment asks for: the one place where ports meet their adapters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from portfolio_pipeline.adapters.environment import Environment, read_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio_pipeline.core.execution.origin import Origin
    from portfolio_pipeline.core.settings import Settings
    from portfolio_pipeline.ports import Alerts, Broker, Clock, HaltSwitch, Locks, MarketData, Messenger, Warehouse


@dataclass(frozen=True)
class Wiring:
    """Everything that touches the world, behind its ports: each part imported and built when it is first asked for."""

    environment: Environment

    @cached_property
    def settings(self) -> Settings:
        from portfolio_pipeline.adapters.settings import active_settings

        return active_settings(self.environment)

    @cached_property
    def origin(self) -> Origin:
        from portfolio_pipeline.adapters.origin import current_origin

        return current_origin(self.environment)

    def require_same_account(self) -> None:
        """Refuse to go on with an account of another kind than the database holds."""
        from portfolio_pipeline.adapters.origin import newest_origin, newest_sources
        from portfolio_pipeline.core.execution.origin import require_same_account, require_same_source

        with self.warehouse.reading() as reader:
            stored = newest_origin(reader)
            if stored is not None:
                require_same_account(stored, self.origin)
            require_same_source(newest_sources(reader), self.market_data.source)

    def require_rebuildable(self) -> None:
        """Refuse to compute an account anew that a real broker keeps: what was traded was traded."""
        from portfolio_pipeline.core.errors import BrokerError

        if self.is_real:
            raise BrokerError(
                "REAL_ACCOUNT_NOT_REBUILT",
                found=self.environment.trading_mode,
                expected="SIMULATED",
                remedy="Nothing was changed. The account is what the broker has; correct prices, settings or cards, and"
                " go on from there.",
            )

    @cached_property
    def warehouse(self) -> Warehouse:
        from portfolio_pipeline.adapters.home_binding import require_bound
        from portfolio_pipeline.adapters.warehouse import open_warehouse

        warehouse = open_warehouse(self.environment.database_url)
        require_bound(self.environment.dagster_home, warehouse.location)
        return warehouse

    @cached_property
    def halt_switch(self) -> HaltSwitch:
        from portfolio_pipeline.adapters.halt_file import HaltFile

        return HaltFile(self.environment.dagster_home)

    @cached_property
    def plan_key(self) -> bytes:
        from portfolio_pipeline.adapters.home_secret import home_secret

        return home_secret(self.environment.dagster_home)

    def seal_what_is_there(self) -> None:
        """What people have said, and the states of risk, are sealed with the home's secret; nothing the next time."""
        from portfolio_pipeline.adapters.said import seal_once
        from portfolio_pipeline.adapters.sealed_states import seal_states_once

        for once in (seal_once, seal_states_once):
            once(self.warehouse, self.environment.dagster_home, self.plan_key)

    @cached_property
    def locks(self) -> Locks:
        from portfolio_pipeline.adapters.locks import open_locks

        return open_locks(self.environment.database_url)

    @cached_property
    def market_data(self) -> MarketData:
        from portfolio_pipeline.adapters.market_data import open_market_data

        return open_market_data(self.environment, self.settings)

    @cached_property
    def broker(self) -> Broker:
        from portfolio_pipeline.adapters.broker import open_broker, open_real_broker

        if self.is_real:
            return open_real_broker(self.environment, self.warehouse, self.clock)
        return open_broker(self.environment.trading_mode, self.settings, self.warehouse)

    @property
    def is_real(self) -> bool:
        """Whether orders go to a broker out in the world."""
        from portfolio_pipeline.adapters.broker import BROKERS

        return BROKERS[self.environment.trading_mode].real

    @cached_property
    def alerts(self) -> Alerts:
        from portfolio_pipeline.adapters.alerts.remembered import RememberedAlerts

        thresholds = {name: self.settings.alerts.threshold(name) for name in self.recipients}
        return RememberedAlerts(lambda: self.warehouse, self.recipients, thresholds, self.clock.now)

    @cached_property
    def recipients(self) -> Mapping[str, Messenger]:
        from portfolio_pipeline.adapters.alerts import messengers

        return messengers(self.environment)

    @cached_property
    def clock(self) -> Clock:
        from portfolio_pipeline.adapters.clock import SystemClock

        return SystemClock()


def wire(environment: Environment | None = None) -> Wiring:
    """The adapters of this environment; nothing is connected or written yet."""
    return Wiring(environment or read_environment())
