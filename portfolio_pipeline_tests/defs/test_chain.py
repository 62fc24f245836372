"""What has to hold of the chain as a whole, from prices to metrics, on both engines.

A stretch of history is materialised as one range first, so that every look-back is full; what is compared comes after.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.schemas import TABLES
from portfolio_pipeline.core.sessions import SessionRange
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import Chain, Tables, assert_same, house_settings, read_tables, up_to
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData

FIRST, LAST = date(2022, 1, 3), date(2023, 9, 29)
HISTORY = SessionRange(FIRST, date(2023, 9, 15))
WHOLE = SessionRange(FIRST, LAST)
RECENT = SessionRange(date(2023, 9, 18), LAST)


def new_chain(warehouse: Warehouse) -> Chain:
    return Chain.on(warehouse, WHOLE)


@pytest.fixture(scope="module")
def one_range(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of one run over the whole stretch on DuckDB: what every other way has to give too."""
    warehouse = open_warehouse(f"duckdb:///{tmp_path_factory.mktemp('one_range') / 'portfolio.duckdb'}")
    warehouse.prepare()
    assert new_chain(warehouse).materialise(WHOLE).success
    return read_tables(warehouse)


@pytest.mark.timeout(600)
def test_session_by_session_gives_the_tables_of_one_range(warehouse: Warehouse, one_range: Tables) -> None:
    chain = new_chain(warehouse)
    chain.materialise(HISTORY)
    for session in RECENT:
        chain.materialise(SessionRange.single(session))
    assert_same(chain.tables(), one_range, exact=warehouse.engine == "duckdb")


@pytest.mark.timeout(600)
def test_two_overlapping_ranges_give_the_tables_of_one_range(warehouse: Warehouse, one_range: Tables) -> None:
    chain = new_chain(warehouse)
    chain.materialise(HISTORY)
    chain.materialise(SessionRange(date(2023, 9, 1), LAST))
    assert_same(chain.tables(), one_range, exact=warehouse.engine == "duckdb")


@pytest.mark.timeout(600)
def test_the_first_sessions_one_by_one_give_the_tables_of_one_range(tmp_path: Path) -> None:
    first_sessions = SessionRange(FIRST, date(2022, 1, 12))
    together, alone = (open_warehouse(f"duckdb:///{tmp_path / name}.duckdb") for name in ("together", "alone"))
    for warehouse in (together, alone):
        warehouse.prepare()
    new_chain(together).materialise(first_sessions)
    for session in first_sessions:
        new_chain(alone).materialise(SessionRange.single(session))
    assert_same(read_tables(alone), read_tables(together))


@pytest.mark.timeout(600)
def test_materialising_a_session_again_changes_nothing_and_sends_nothing(duckdb_warehouse: Warehouse) -> None:
    chain = new_chain(duckdb_warehouse)
    chain.materialise(WHOLE)
    before = chain.tables()
    chain.materialise(SessionRange.single(LAST))
    chain.materialise(RECENT)
    assert_same(chain.tables(), before)


@pytest.mark.timeout(600)
def test_another_future_changes_nothing_up_to_the_session_before_it(
    duckdb_warehouse: Warehouse, one_range: Tables
) -> None:
    settings = house_settings()
    bars = SimulatedMarketData(settings.universe).bars(settings.symbols, WHOLE)
    fork = pd.Timestamp(RECENT.first)
    later = pd.to_datetime(bars["session"]) >= fork
    prices = ["open", "high", "low", "close"]
    bars.loc[later, prices] = (bars.loc[later, prices] * 1.07).round(2)
    bars.loc[later, "volume"] = (bars.loc[later, "volume"] * 3).round()
    chain = new_chain(duckdb_warehouse).with_market(ScriptedMarketData(bars, source="SIMULATED"))
    chain.materialise(WHOLE)
    found, expected = chain.tables(), one_range
    assert_same(up_to(found, HISTORY.last), up_to(expected, HISTORY.last))
    changed = {name for name in expected if not found[name].equals(expected[name])}
    assert {"prices", "features", "aggregated_targets", "orders", "fills", "positions", "metrics"} <= changed


def test_every_table_of_the_chain_has_rows(one_range: Tables) -> None:
    may_be_empty = {"price_restatements", "halt_events"}
    empty = {table.name for table in TABLES if one_range[table.name].empty}
    assert empty <= may_be_empty
