"""The made-up market: the same bars for ever, and a market one could believe in."""

from __future__ import annotations

import gc
import weakref
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.adapters.market_data import simulated
from portfolio_pipeline.adapters.market_data.market_model import BEAR, BULL, CRISIS
from portfolio_pipeline.adapters.market_data.randomness import BLOCK
from portfolio_pipeline.adapters.market_data.simulated import Paths, SimulatedMarketData
from portfolio_pipeline.core.calendar.sessions import (
    FIRST_SESSION,
    SessionRange,
    all_sessions,
    as_days,
    is_session,
    session_close,
)
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.settings import load_settings

HOUSE = load_settings(PACKAGE_ROOT / "portfolio.yaml")
MARKET = SimulatedMarketData(HOUSE.universe)
WHOLE = SessionRange(FIRST_SESSION, date(2026, 11, 20))
FIVE_YEARS = SessionRange(date(2021, 11, 22), date(2026, 11, 20))


PINNED = [
    ("EWJ", 331.41, 332.54, 328.87, 328.98, 2858645.0, 0.0, 1.0),
    ("SPY", 201.97, 202.35, 200.87, 201.16, 4804869.0, 0.0, 1.0),
    ("TLT", 73.85, 74.18, 73.41, 73.95, 1274310.0, 0.0, 1.0),
    ("EWJ", 164.92, 165.22, 163.86, 164.23, 2853287.0, 0.0, 2.0),
    ("SPY", 201.95, 202.76, 200.73, 201.3, 5063049.0, 0.0, 1.0),
    ("TLT", 74.4, 74.53, 74.07, 74.17, 1969657.0, 0.0, 1.0),
]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return MARKET.bars(HOUSE.symbols, WHOLE)


@pytest.fixture(scope="module")
def returns(bars: pd.DataFrame) -> pd.DataFrame:
    """Daily total returns."""
    panel = PricePanel.from_prices(bars, as_days(tuple(WHOLE)), HOUSE.symbols)
    adjusted = pd.DataFrame(panel.adjusted_close, index=pd.DatetimeIndex(panel.sessions), columns=list(HOUSE.symbols))
    return adjusted.ffill().pct_change()


@given(
    places=st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 40)),
    symbols=st.lists(st.sampled_from(HOUSE.symbols), min_size=1, max_size=5, unique=True),
)
@settings(max_examples=25, deadline=None)
def test_a_bar_is_the_same_in_any_range_and_company(places: tuple[int, int], symbols: list[str]) -> None:
    first, length = places
    sessions = all_sessions()[first : first + 1 + length]
    part = MARKET.bars(symbols, SessionRange(sessions[0], sessions[-1]))
    whole = MARKET.bars(HOUSE.symbols, WHOLE)
    day = whole["session"].to_numpy().astype("datetime64[D]")
    inside = (day >= np.datetime64(sessions[0])) & (day <= np.datetime64(sessions[-1]))
    expected = whole[inside & whole["symbol"].isin(symbols).to_numpy()].reset_index(drop=True)
    stop = np.datetime64(WHOLE.last)
    part = part[part["session"].to_numpy() <= stop].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected, check_exact=True)


@pytest.mark.parametrize("symbol", ["SPY", "USO", "HYG"])
def test_a_calendar_that_reaches_further_changes_no_bit_of_the_past(symbol: str) -> None:
    kind = next(i for i in HOUSE.universe if i.symbol == symbol)
    blocks, length = 5, 5 * BLOCK
    shorter, longer = Paths(7, blocks), Paths(7, blocks + 7)
    today = shorter.path(symbol, kind.asset_class, kind.group)
    later = longer.path(symbol, kind.asset_class, kind.group)
    for name in ("traded", "open", "high", "low", "close", "volume", "dividend", "split_ratio"):
        assert getattr(today, name).tobytes() == getattr(later, name)[:length].tobytes(), name
    for name, moves in shorter.market.factors.items():
        assert moves.tobytes() == longer.market.factors[name][:length].tobytes(), name


def test_these_bars_stay_what_they_are() -> None:
    """Pinned: whoever changes the made-up market counts its model up, and homes that were made with it are told."""
    market = SimulatedMarketData(HOUSE.universe, seed=4)
    rows = market.bars(["SPY", "TLT", "EWJ"], SessionRange(date(2022, 5, 27), date(2022, 5, 31)))
    figures = rows[["symbol", "open", "high", "low", "close", "volume", "dividend", "split_ratio"]]
    assert [tuple(row) for row in figures.itertuples(index=False)] == PINNED
    assert set(rows["source"]) == {market.source} == {"SIMULATED model 2 seed 4"}


def test_another_seed_is_another_history_whatever_was_asked_before() -> None:
    first, other = (SimulatedMarketData(HOUSE.universe, seed=seed) for seed in (1, 2))
    before = first.bars(["SPY", "GLD"], FIVE_YEARS)
    elsewhere = other.bars(["SPY", "GLD"], FIVE_YEARS)
    pd.testing.assert_frame_equal(first.bars(["SPY", "GLD"], FIVE_YEARS), before, check_exact=True)
    again = SimulatedMarketData(HOUSE.universe, seed=1).bars(["SPY", "GLD"], FIVE_YEARS)
    pd.testing.assert_frame_equal(again, before, check_exact=True)
    for symbol in ("SPY", "GLD"):
        one, two = (rows[rows["symbol"] == symbol].set_index("session")["close"] for rows in (before, elsewhere))
        assert abs(np.log(one).diff().corr(np.log(two).diff())) < 0.1, symbol


def test_a_market_that_nobody_holds_any_more_is_forgotten_but_for_the_last() -> None:
    """Thirty seeds in one process would fill a gigabyte."""
    kept = []
    for seed in (11, 12, 13):
        market = SimulatedMarketData(HOUSE.universe, seed)
        market.bars(["SPY"], FIVE_YEARS)
        kept.append(weakref.ref(market.market))
    del market
    gc.collect()
    assert [one() is None for one in kept] == [True, True, False]


def test_every_bar_is_consistent_and_printed_in_cents(bars: pd.DataFrame) -> None:
    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert (bars["low"] > 0).all()
    for name in ("open", "high", "low", "close"):
        assert (bars[name].round(2) == bars[name]).all()
    assert (bars["volume"] >= 1).all()
    assert (bars["volume"] % 1 == 0).all()
    assert not bars.duplicated(["session", "symbol"]).any()


def test_bars_are_retrieved_at_the_close_also_on_short_days() -> None:
    short = date(2024, 11, 29)
    rows = MARKET.bars(["SPY"], SessionRange.single(short))
    assert (
        rows["retrieved_at"][0]
        == pd.Timestamp(session_close(short)).tz_localize(None)
        == pd.Timestamp("2024-11-29 18:00")
    )


def test_one_symbol_comes_late_and_one_leaves(bars: pd.DataFrame) -> None:
    seen = bars.groupby("symbol")["session"].agg(["min", "max"])
    assert seen.loc["XLC", "min"] == pd.Timestamp(2023, 3, 1)
    assert seen.loc["JJC", "max"] == pd.Timestamp(2025, 6, 18)
    others = seen.drop(index=["XLC", "JJC"])
    assert (others["min"] == pd.Timestamp(FIRST_SESSION)).all()
    assert (others["max"] >= pd.Timestamp(2026, 11, 18)).all()


def test_few_bars_are_missing_and_none_with_an_action(bars: pd.DataFrame) -> None:
    lives = bars.groupby("symbol")["session"].agg(["min", "max", "size"])
    expected = [len(SessionRange(row["min"].date(), row["max"].date())) for _, row in lives.iterrows()]
    missing = np.array(expected) - lives["size"].to_numpy()
    assert 30 <= missing.sum() <= 120
    assert missing.max() <= 10


def test_dividends_and_splits_take_off_the_price_what_they_give(bars: pd.DataFrame) -> None:
    """The total return over an ex-date is no more unusual than over any other day: nothing is given away."""
    for symbol, rows in bars.groupby("symbol"):
        before = rows["close"].shift(1)
        total = (rows["split_ratio"] * (rows["close"] + rows["dividend"]) / before - 1).astype(float)
        special = (rows["dividend"] > 0) | (rows["split_ratio"] != 1)
        assert total.abs().max() < 0.35, symbol
        if special.sum() > 50:
            assert abs(total[special].mean()) < 4 * total.std() / np.sqrt(special.sum()), symbol
    splits = bars[bars["split_ratio"] != 1]
    assert {2.0, 0.125} <= set(splits["split_ratio"])
    assert 5 <= len(splits) <= 30
    pays = bars[bars["dividend"] > 0].groupby("symbol").size() / 21.9
    assert pays["SPY"] == pytest.approx(4, abs=0.3)
    assert pays["IEF"] == pytest.approx(12, abs=0.5)
    assert "GLD" not in pays.index


def test_the_benchmark_earns_about_what_stocks_do_and_no_miracles(returns: pd.DataFrame) -> None:
    for part in (returns["SPY"], returns.loc["2016-11-20":, "SPY"], returns.loc["2021-11-20":, "SPY"]):
        assert 0.35 <= part.mean() / part.std() * np.sqrt(252) <= 0.75
        assert 0.13 <= part.std() * np.sqrt(252) <= 0.19


def test_classes_differ_in_risk_as_they_should(returns: pd.DataFrame) -> None:
    volatility = returns.std() * np.sqrt(252)
    assert volatility["SHY"] < 0.02 < volatility["IEF"] < volatility["TLT"] < volatility["SPY"] < volatility["EEM"]
    assert volatility["HYG"] < volatility["SPY"]
    assert volatility["GLD"] < volatility["SLV"]
    with_stocks = returns.corr()["SPY"]
    assert with_stocks[["QQQ", "IWM", "EFA", "XLI"]].min() > 0.8
    assert 0.4 < with_stocks["VNQ"] < 0.9
    assert with_stocks["TLT"] < 0.1
    assert abs(with_stocks["GLD"]) < 0.15


def test_tails_are_fat_and_volatility_clusters(returns: pd.DataFrame) -> None:
    logs = returns[["SPY", "QQQ", "EEM", "TLT", "GLD"]].dropna().map(np.log1p)
    assert (logs.kurt() > 1).all()
    assert all(logs[name].abs().autocorr(1) > 0.07 for name in logs)
    assert all(abs(logs[name].autocorr(1)) < 0.06 for name in logs)


def test_there_is_a_crisis_and_a_bear_market_both_lately_and_before() -> None:
    days = as_days(tuple(WHOLE))
    mood = MARKET.market.mood[: len(days)]
    for start, stop in (("2005-01-03", "2021-11-22"), ("2021-11-22", "2026-11-20")):
        assert {CRISIS, BEAR, BULL} <= set(mood[(days >= np.datetime64(start)) & (days < np.datetime64(stop))])


def test_in_a_crisis_everything_falls_together_and_swings_more(returns: pd.DataFrame) -> None:
    mood = MARKET.market.mood[: len(returns)]
    risky = returns[["SPY", "EEM", "HYG", "VNQ"]]
    crisis, bull = (risky[mood == one] for one in (CRISIS, BULL))
    assert (crisis.std() > 1.5 * bull.std()).all()
    assert (crisis.mean() < 0).all()
    assert crisis.corr()["SPY"].drop("SPY").mean() > bull.corr()["SPY"].drop("SPY").mean() + 0.1


def test_volume_rises_with_the_size_of_the_move(bars: pd.DataFrame) -> None:
    spy = bars[bars["symbol"] == "SPY"]
    move = np.log(spy["close"]).diff().abs()
    assert move.corr(np.log(spy["volume"] * spy["close"]), method="spearman") > 0.3


@given(
    symbol=st.from_regex(r"^[A-Z][A-Z0-9.]{0,9}\Z"),
    asset_class=st.sampled_from(["equity", "bond", "commodity", "real_estate"]),
    group=st.sampled_from(["us_large", "gold", "something_new", ""]),
)
@settings(max_examples=20, deadline=None)
def test_any_other_universe_trades_too(symbol: str, asset_class: str, group: str) -> None:
    universe = [Instrument.model_validate({"symbol": symbol, "asset_class": asset_class, "group": group, "name": "x"})]
    rows = SimulatedMarketData(universe).bars([symbol], FIVE_YEARS)
    if symbol not in ("XLC", "JJC"):
        assert len(rows) > 0.98 * len(FIVE_YEARS)
    growth = rows["split_ratio"] * (rows["close"] + rows["dividend"]) / rows["close"].shift(1)
    assert growth.iloc[1:].between(0.65, 1.35).all()
    assert all(is_session(day.date()) for day in rows["session"].drop_duplicates().sample(5, random_state=1))


def test_symbols_outside_the_universe_have_no_bars() -> None:
    rows = MARKET.bars(["NOPE"], FIVE_YEARS)
    assert rows.empty
    assert "session" in rows.columns


KINDS = tuple((one.symbol, one.asset_class, one.group) for one in HOUSE.universe[:3])
BLOCKS = simulated._blocks()


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the package's own, for what is kept beside the code."""
    monkeypatch.setattr(simulated, "_HERE", tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    return tmp_path


def test_paths_are_made_up_once_and_are_to_the_bit_what_a_process_makes_up_for_itself(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Paths(7, BLOCKS)
    Paths(7, BLOCKS).know(KINDS)
    assert len(list(beside.rglob("*.pickle"))) == 1
    monkeypatch.setattr(simulated, "_path", None)  # nobody can make one up any more
    kept = Paths(7, BLOCKS)
    kept.know(KINDS)
    monkeypatch.undo()
    for kind in KINDS:
        for field in fields(simulated.Path):
            found, expected = (getattr(paths.path(*kind), field.name) for paths in (kept, own))
            np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("other", ["seed", "universe", "class", "code"])
def test_what_is_kept_of_another_market_is_nobody_elses(beside: Path, other: str) -> None:
    Paths(7, BLOCKS).know(KINDS)
    symbol, asset_class, group = KINDS[0]
    seed, kinds = 7, KINDS
    if other == "seed":
        seed = 8
    elif other == "universe":
        kinds = (*KINDS, ("QQQ", asset_class, group))
    elif other == "class":
        kinds = ((symbol, "commodity", group), *KINDS[1:])
    else:
        (beside / "profiles.py").write_text("FIRST_BAR = {}\n", encoding="utf-8")
    found, expected = Paths(seed, BLOCKS), Paths(seed, BLOCKS)
    found.know(kinds)
    for kind in kinds:
        np.testing.assert_array_equal(found.path(*kind).close, expected.path(*kind).close)
    (there,) = beside.rglob("*.pickle")
    assert simulated._digest(seed, BLOCKS, kinds) in there.name


def test_a_kept_file_that_is_cut_off_is_made_anew(beside: Path) -> None:
    Paths(7, BLOCKS).know(KINDS)
    (there,) = beside.rglob("*.pickle")
    whole = there.read_bytes()
    there.write_bytes(whole[: len(whole) // 2])
    again = Paths(7, BLOCKS)
    again.know(KINDS)
    np.testing.assert_array_equal(again.path(*KINDS[0]).close, Paths(7, BLOCKS).path(*KINDS[0]).close)
    assert there.read_bytes() == whole


def test_a_universe_of_hundreds_of_symbols_does_not_fill_the_disk(beside: Path) -> None:
    universe = [Instrument(symbol=f"S{k}", name="", asset_class="equity", group="us_large") for k in range(65)]
    SimulatedMarketData(universe, 7).bars(["S0"], SessionRange.single(FIRST_SESSION))
    assert not list(beside.rglob("*.pickle"))
