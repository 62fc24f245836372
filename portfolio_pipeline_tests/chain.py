"""The whole chain for tests: the real assets, checks and adapters on a warehouse of the test's own.

`Chain` materialises sessions as Dagster would and compares what the tables hold; nothing in it knows what is right.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from portfolio_pipeline.adapters.broker import open_broker
from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.adapters.halt_file import HaltFile
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.settings import Settings, load_settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home
from portfolio_pipeline.dagster_home.range_events import DEFERS_EVENTS
from portfolio_pipeline.definitions import defs
from portfolio_pipeline.ports import Broker, MarketData, Warehouse
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.trading import PLAN_KEY, TEST_ORIGIN

Tables = dict[str, pd.DataFrame]
SEALS = ("order_seals", "state_seals")
"""The tables that are keyed with the secret of their home: no two homes have the same."""


@cache
def active_settings() -> Settings:
    return load_settings(PACKAGE_ROOT / "portfolio.yaml")


@cache
def chain_parts() -> tuple[Any, ...]:
    """Every asset of the project, as `dagster dev` would load them; checks are asked in the steps of their assets."""
    return tuple(defs().assets or ())


@cache
def dagster_instance() -> dg.DagsterInstance:
    """A real instance as `portfolio up` sets it up, in a folder of this test process."""
    home = tempfile.TemporaryDirectory(prefix="chain-dagster-")
    prepare_dagster_home(Path(home.name), postgres=False)
    instance = dg.DagsterInstance.from_config(home.name)
    atexit.register(home.cleanup)
    atexit.register(instance.dispose)
    return instance


def materialise(
    parts: Sequence[Any],
    sessions: SessionRange,
    *,
    warehouse: Warehouse,
    selection: Sequence[str] | None = None,
    raise_on_error: bool = True,
    **resources: object,
) -> dg.ExecuteInProcessResult:
    """One run of assets over the sessions, as the command runs them."""
    tags = {
        "dagster/asset_partition_range_start": sessions.first.isoformat(),
        "dagster/asset_partition_range_end": sessions.last.isoformat(),
        DEFERS_EVENTS: "true",
    }
    with warehouse.kept_open() if len(sessions) == 1 else nullcontext():
        return dg.materialize(
            parts,
            selection=selection or None,
            resources={"warehouse": warehouse, "plan_key": PLAN_KEY, **resources},
            tags=tags,
            raise_on_error=raise_on_error,
            instance=dagster_instance(),
        )


@dataclass(frozen=True)
class Chain:
    """One house: a warehouse, a market, a broker, a clock that stands after `today`."""

    warehouse: Warehouse
    market_data: MarketData
    broker: Broker
    clock: FixedClock
    settings: Settings
    strategies: tuple[StrategyCard, ...]

    @classmethod
    def on(cls, warehouse: Warehouse, last: SessionRange, *, market_data: MarketData | None = None) -> Chain:
        settings = active_settings()
        return cls(
            warehouse=warehouse,
            market_data=market_data or SimulatedMarketData(settings.universe),
            broker=open_broker("SIMULATED", settings, warehouse),
            clock=FixedClock.after_close(last.last),
            settings=settings,
            strategies=load_cards(),
        )

    def with_market(self, market_data: MarketData) -> Chain:
        return replace(self, market_data=market_data)

    def materialise(
        self, sessions: SessionRange, *selection: str, raise_on_error: bool = True
    ) -> dg.ExecuteInProcessResult:
        """One run over the sessions, of everything or of the selected assets."""
        return materialise(
            chain_parts(),
            sessions,
            warehouse=self.warehouse,
            selection=selection,
            raise_on_error=raise_on_error,
            market_data=self.market_data,
            broker=self.broker,
            origin=TEST_ORIGIN,
            halt_switch=HaltFile(Path(dagster_instance().root_directory)),
            clock=self.clock,
            alerts=RecordedAlerts(),
            settings=self.settings,
            strategies=self.strategies,
        )

    def tables(self) -> Tables:
        return read_tables(self.warehouse)


def read_tables(warehouse: Warehouse) -> Tables:
    """Everything that is stored, by table, in key order."""
    return {table.name: warehouse.read(table.name).to_pandas() for table in TABLES}


def assert_same(found: Tables, expected: Tables, *, exact: bool = True) -> None:
    """The same rows in every table: to the bit, or to nine digits where two engines computed them."""
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=exact, rtol=1e-9, atol=1e-9, obj=name)


def up_to(tables: Tables, session: Any) -> Tables:
    """The rows of sessions up to `session`."""
    return {
        name: table[table["session"] <= session].reset_index(drop=True)
        for name, table in tables.items()
        if "session" in table
    }
