"""What has to hold of the chain as a whole, from prices to metrics, on both engines.

A stretch of history is materialised as one range first, so that every look-back is full; what is compared comes after.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import Chain, Tables, active_settings, assert_same, read_tables, up_to
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData

FIRST, LAST = date(2022, 1, 3), date(2023, 8, 31)
HISTORY = SessionRange(FIRST, date(2023, 8, 28))
WHOLE = SessionRange(FIRST, LAST)
RECENT = SessionRange(date(2023, 8, 29), LAST)
OVERLAPPING = SessionRange(date(2023, 8, 1), LAST)

pytestmark = pytest.mark.timeout(900)


def new_chain(warehouse: Warehouse) -> Chain:
    return Chain.on(warehouse, WHOLE)


def duckdb_file(path: Path) -> Warehouse:
    warehouse = open_warehouse(f"duckdb:///{path}")
    warehouse.prepare()
    return warehouse


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database after one run over the whole stretch: what every other way has to give too."""
    path = tmp_path_factory.mktemp("whole") / "portfolio.duckdb"
    assert new_chain(duckdb_file(path)).materialise(WHOLE).success
    return path


@pytest.fixture(scope="module")
def one_range(whole_file: Path) -> Tables:
    return read_tables(duckdb_file(whole_file))


@pytest.fixture(scope="module")
def history_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database after one run that stops some sessions earlier; tests go on from copies of it."""
    path = tmp_path_factory.mktemp("history") / "portfolio.duckdb"
    assert new_chain(duckdb_file(path)).materialise(HISTORY).success
    return path


def copy_of(file: Path, folder: Path) -> Warehouse:
    return duckdb_file(Path(shutil.copy(file, folder / "portfolio.duckdb")))


def test_session_by_session_gives_the_tables_of_one_range(
    history_file: Path, tmp_path: Path, one_range: Tables
) -> None:
    chain = new_chain(copy_of(history_file, tmp_path))
    for session in RECENT:
        chain.materialise(SessionRange.single(session))
    assert_same(chain.tables(), one_range)


def test_two_overlapping_ranges_give_the_tables_of_one_range(
    history_file: Path, tmp_path: Path, one_range: Tables
) -> None:
    chain = new_chain(copy_of(history_file, tmp_path))
    chain.materialise(OVERLAPPING)
    assert_same(chain.tables(), one_range)


def test_materialising_again_changes_nothing_and_sends_nothing(
    whole_file: Path, tmp_path: Path, one_range: Tables
) -> None:
    chain = new_chain(copy_of(whole_file, tmp_path))
    chain.materialise(SessionRange.single(LAST))
    chain.materialise(RECENT)
    assert_same(chain.tables(), one_range)


def test_postgres_agrees_with_duckdb_in_one_range_and_in_overlapping_ones_and_session_by_session(
    postgres_url: str, one_range: Tables
) -> None:
    warehouse = open_warehouse(postgres_url)
    warehouse.prepare()
    chain = new_chain(warehouse)
    chain.materialise(HISTORY)
    for session in RECENT:
        chain.materialise(SessionRange.single(session))
    session_by_session = chain.tables()
    assert_same(session_by_session, one_range, exact=False)
    chain.materialise(OVERLAPPING)
    assert_same(chain.tables(), session_by_session)


def test_the_first_sessions_one_by_one_give_the_tables_of_one_range(tmp_path: Path) -> None:
    first_sessions = SessionRange(FIRST, date(2022, 1, 5))
    together, alone = (duckdb_file(tmp_path / f"{name}.duckdb") for name in ("together", "alone"))
    new_chain(together).materialise(first_sessions)
    for session in first_sessions:
        new_chain(alone).materialise(SessionRange.single(session))
    assert_same(read_tables(alone), read_tables(together))


def test_another_future_changes_nothing_up_to_the_session_before_it(tmp_path: Path, one_range: Tables) -> None:
    settings = active_settings()
    market = SimulatedMarketData(settings.universe)
    bars = market.bars(settings.symbols, WHOLE)
    later = pd.to_datetime(bars["session"]) >= pd.Timestamp(RECENT.first)
    prices = ["open", "high", "low", "close"]
    bars.loc[later, prices] = (bars.loc[later, prices] * 1.07).round(2)
    bars.loc[later, "volume"] = (bars.loc[later, "volume"] * 3).round()
    chain = new_chain(duckdb_file(tmp_path / "other.duckdb")).with_market(
        ScriptedMarketData(bars, source=market.source)
    )
    chain.materialise(WHOLE)
    found, expected = chain.tables(), one_range
    assert_same(up_to(found, HISTORY.last), up_to(expected, HISTORY.last))
    changed = {name for name in expected if not found[name].equals(expected[name])}
    assert {"prices", "features", "aggregated_targets", "orders", "fills", "positions", "metrics"} <= changed


def test_every_table_of_the_chain_has_rows(one_range: Tables) -> None:
    may_be_empty = {"price_restatements", "price_holes", "halt_events", "beginnings", "manual_shares"}
    may_be_empty |= {"search_requests", "search_request_trials", "risk_overrides"}  # what people ask for
    may_be_empty |= {"alerts", "alert_deliveries", "order_attempts", "broker_accounts", "broker_assets", "cash_flows"}
    may_be_empty |= {"reconciliation", "reconciliation_decisions", "share_exchanges"}
    may_be_empty |= {"vendor_differences", "intraday_marks"}  # without a second vendor, without a real account
    may_be_empty |= {"approvals", "order_instructions", "order_plans"}  # by hand
    empty = {table.name for table in TABLES if one_range[table.name].empty}
    assert empty <= may_be_empty
