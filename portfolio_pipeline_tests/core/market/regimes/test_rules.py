"""Regimes: what they are called in markets where anyone would know, and that they see the past only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.market.regimes import rules
from portfolio_pipeline.core.market.regimes.settings import Regimes
from portfolio_pipeline.core.market.regimes.state import SESSIONS_NEEDED, MarketState, market_state
from portfolio_pipeline.core.market.regimes.tell import RegimesTold, regime_changes, tell_regimes
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline_tests.core.markets import closes_only, market, up_to, with_another_future

BENCHMARK = "S00"


def by_rules(panel: PricePanel, rows: Array) -> RegimesTold:
    return tell_regimes(panel, BENCHMARK, rows, Regimes())


def newest_regime(drift: float, volatility: float, *, earlier: float = 0.01, alike: float = 0.3) -> str:
    """The regime after 126 sessions of the given drift and 25 of the given volatility, two years after `earlier`."""
    rng = np.random.default_rng(5)
    shared, own = rng.normal(0, 1, (600, 1)), rng.normal(0, 1, (600, 6))
    size = np.where(np.arange(600) < 575, earlier, volatility)[:, None]
    mix = np.where(np.arange(600) < 540, 0.3, alike)[:, None]
    moves = (np.sqrt(mix) * shared + np.sqrt(1 - mix) * own) * size
    moves[474:] += drift - moves[474:, :1].mean()
    panel = closes_only(100 * np.cumprod(1 + moves, axis=0))
    return by_rules(panel, np.array([599])).names[0]


def test_each_regime_is_recognised_where_anyone_would() -> None:
    assert newest_regime(0.002, 0.004) == "bull_quiet"
    assert newest_regime(0.002, 0.015) == "bull_volatile"
    assert newest_regime(-0.002, 0.004) == "bear_quiet"
    assert newest_regime(-0.002, 0.02, alike=0.0) == "bear_volatile"
    assert newest_regime(-0.003, 0.04, alike=0.95) == "crisis"
    assert newest_regime(0.0, 0.01) == "transition"


def test_the_figures_are_those_of_pandas() -> None:
    panel = market(missing=0.0).select(("S00", "S03", "S04", "S05"))
    rows = np.array([300, 450, 699])
    state = by_rules(panel, rows).state
    returns = pd.DataFrame(panel.adjusted_close).pct_change()
    volatility = returns[0].rolling(20).std()
    for k, row in enumerate(rows):
        half_year = returns[0].iloc[row - 125 : row + 1]
        assert state.trend_strength[k] == pytest.approx(half_year.mean() / half_year.std() * np.sqrt(126))
        past = volatility.iloc[max(0, row - 503) : row + 1].dropna()
        assert state.volatility_level[k] == pytest.approx((past <= volatility[row]).mean())
        pairs = returns.iloc[row - 59 : row + 1].corr().to_numpy()[np.triu_indices(4, 1)]
        assert state.average_correlation[k] == pytest.approx(pairs.mean())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([0.0, 0.02]), st.booleans())
def test_the_average_correlation_is_that_of_all_pairs_with_a_full_window_that_moved(
    seed: int, symbols: int, missing: float, begins_late: bool
) -> None:
    rng = np.random.default_rng(seed)
    close = 50.0 * np.cumprod(1.0 + rng.normal(0.0, 0.01, (400, symbols)), axis=0)
    close[:, symbols // 2 :] = np.where(rng.random() < 0.5, 7.0, close[:, symbols // 2 :])
    close[rng.random(close.shape) < missing] = np.nan
    if begins_late:
        close[:370, -1] = np.nan
    close[0, 0] = 50.0
    rows = np.arange(260, 400, 7)
    found = market_state(Inputs(closes_only(close)), 0, rows).average_correlation
    returns = pd.DataFrame(close).ffill().pct_change(fill_method=None)
    for k in np.flatnonzero(~np.isnan(found)):
        window = returns.iloc[rows[k] - 59 : rows[k] + 1]
        used = [i for i in window if window[i].notna().all() and window[i].std() > 1e-10]
        pairs = [window[i].corr(window[j]) for i in used for j in used if i < j]
        assert found[k] == pytest.approx(np.mean(pairs) if pairs else 0.0, abs=1e-9)
    assert not np.isnan(found).any() or (begins_late and symbols == 1)


@settings(max_examples=100, deadline=None)
@given(st.floats(-10, 10), st.floats(0, 1), st.floats(-1, 1))
def test_probabilities_add_up_to_one(strength: float, level: float, correlation: float) -> None:
    state = MarketState(np.array([strength]), np.array([level]), np.array([correlation]))
    chances = rules.tree(state, *rules.volatility(state))
    assert chances.min() >= 0
    assert chances.sum() == pytest.approx(1)


def test_without_a_year_of_the_benchmark_every_regime_is_as_likely() -> None:
    panel = market()
    told = by_rules(panel, np.arange(SESSIONS_NEEDED + 3))
    known = np.flatnonzero(~np.isnan(told.state.trend_strength))
    assert known[0] in range(SESSIONS_NEEDED, SESSIONS_NEEDED + 3)
    np.testing.assert_array_equal(told.probabilities[: known[0]], 1 / len(REGIMES))
    assert set(told.names[: known[0]]) == {"transition"}


@pytest.mark.parametrize("memory", [0, 2])
def test_a_session_alone_has_the_bits_it_has_in_a_range_and_no_sight_of_the_future(memory: int) -> None:
    panel, how = market(), Regimes(memory_sessions=memory)
    rows = np.arange(400, 700, 50)
    whole = tell_regimes(panel, BENCHMARK, rows, how).probabilities
    for k, row in enumerate(rows):
        alone = tell_regimes(up_to(panel, row), BENCHMARK, np.array([row]), how).probabilities
        np.testing.assert_array_equal(alone[0], whole[k])
    other = tell_regimes(with_another_future(panel, 560), BENCHMARK, rows, how).probabilities
    np.testing.assert_array_equal(other[rows <= 560], whole[rows <= 560])


def test_changes_say_from_what_to_what_with_the_probabilities_of_both_days() -> None:
    chances = np.full((4, 6), 0.1)
    for row, place in enumerate([0, 5, 5, 4]):
        chances[row, place] = 0.5
    days = pd.date_range("2020-03-02", periods=4).as_unit("s")
    rows = pd.DataFrame(chances, columns=[f"probability_{name}" for name in REGIMES])
    rows = rows.assign(session=days, regime=["bull_quiet", "crisis", "crisis", "transition"])
    first, second = regime_changes(rows)
    assert list(first.values()) == [days[1].date(), "bull_quiet", 0.5, 0.1, "crisis", 0.1, 0.5]
    assert (second["session"], second["from"], second["to"]) == (days[3].date(), "crisis", "transition")
    assert regime_changes(rows[:1]) == []
