"""What every source of bars keeps to: the simulated market, files, Alpaca, several together, the fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.adapters.market_data import open_market_data
from portfolio_pipeline.adapters.market_data.files import FileMarketData
from portfolio_pipeline.adapters.market_data.several import SeveralVendors
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.origin import AND
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import PRICES
from portfolio_pipeline.core.tables.rows import checked
from portfolio_pipeline.ports import MarketData
from portfolio_pipeline_tests.adapters.alpaca_data.desk import vendor
from portfolio_pipeline_tests.fakes.alpaca.data_server import AlpacaDataServer
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData, quiet_bars

UNIVERSE = (
    Instrument(symbol="SPY", asset_class="equity", group="us_large", name="stocks"),
    Instrument(symbol="TLT", asset_class="bond", group="treasury_long", name="bonds"),
    Instrument(symbol="GLD", asset_class="commodity", group="gold", name="gold"),
)
SYMBOLS = tuple(instrument.symbol for instrument in UNIVERSE)
RANGE = SessionRange(date(2024, 6, 24), date(2024, 7, 12))  # with a holiday and an early close


def _simulated(folder: Path) -> MarketData:
    return SimulatedMarketData(UNIVERSE)


def _scripted(folder: Path) -> MarketData:
    return ScriptedMarketData(quiet_bars(SYMBOLS, RANGE))


def _files(folder: Path) -> MarketData:
    (folder / "prices").mkdir()
    for symbol, rows in quiet_bars(SYMBOLS, RANGE).groupby("symbol"):
        rows.drop(columns=["source", "retrieved_at"]).to_parquet(folder / "prices" / f"{symbol}.parquet")
    return FileMarketData(folder / "prices", folder / "parsed")


def _several(folder: Path) -> MarketData:
    """In each other's place: the first has only some of the bars."""
    first = ScriptedMarketData(quiet_bars(SYMBOLS[:2], RANGE), "FIRST")
    return SeveralVendors([first, _scripted(folder)], 0.005)


@pytest.fixture(params=[_simulated, _scripted, _files, _several, "alpaca"])
def market_data(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MarketData]:
    if request.param == "alpaca":
        with AlpacaDataServer(evening(RANGE.last)) as server:
            server.vendor.know(quiet_bars(SYMBOLS, RANGE))
            yield vendor(server, tmp_path)
        return
    make: Callable[[Path], MarketData] = request.param
    yield make(tmp_path)


def test_rows_fit_the_prices_table_and_say_where_they_come_from(market_data: MarketData) -> None:
    rows = market_data.bars(SYMBOLS, RANGE)
    assert list(rows.columns) == list(PRICES.column_names)
    assert checked(PRICES, rows, RANGE).num_rows == len(SYMBOLS) * len(RANGE)
    assert set(rows["source"]) == set(market_data.source.split(AND))


def test_a_range_holds_the_bars_of_its_sessions(market_data: MarketData) -> None:
    whole = _sorted(market_data.bars(SYMBOLS, RANGE))
    parts = [market_data.bars(SYMBOLS, SessionRange.single(session)) for session in RANGE]
    pd.testing.assert_frame_equal(whole, _sorted(pd.concat(parts)), check_exact=True)


def test_asking_twice_gives_the_same(market_data: MarketData) -> None:
    first, again = market_data.bars(SYMBOLS, RANGE), market_data.bars(SYMBOLS[::-1], RANGE)
    pd.testing.assert_frame_equal(_sorted(first), _sorted(again), check_exact=True)


def test_bars_are_retrieved_at_a_moment_not_before_the_session(market_data: MarketData) -> None:
    rows = market_data.bars(SYMBOLS, RANGE)
    assert (rows["retrieved_at"].to_numpy() > rows["session"].to_numpy()).all()


def test_the_environment_says_which_source_it_is(tmp_path: Path) -> None:
    settings = Settings(universe=UNIVERSE)
    simulated = open_market_data(read_environment({}), settings)
    files = open_market_data(read_environment({"MARKET_DATA": "files", "MARKET_DATA_PATH": str(tmp_path)}), settings)
    assert (simulated.source, files.source) == ("SIMULATED model 2 seed 4", "FILES")


def test_the_fake_can_change_its_mind() -> None:
    fake = ScriptedMarketData(quiet_bars(SYMBOLS, RANGE))
    day, before = RANGE.last, date(2024, 7, 11)
    fake.restate(before, "SPY", close=100.25)
    fake.drop(day, "TLT")
    fake.scale_after(before, 2.0)
    rows = fake.bars(SYMBOLS, RANGE).set_index(["session", "symbol"])["close"]
    assert rows[(pd.Timestamp(before), "SPY")] == 100.25
    assert (pd.Timestamp(day), "TLT") not in rows.index
    assert rows[(pd.Timestamp(day), "GLD")] == pytest.approx(2 * 102 * 1.001 ** (len(RANGE) - 1))


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    assert pd.api.types.is_datetime64_dtype(rows["session"])
    return rows.sort_values(["session", "symbol"], ignore_index=True)
