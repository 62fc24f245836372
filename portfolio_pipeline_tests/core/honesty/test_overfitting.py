"""Probability of backtest overfitting: against a naive implementation and two published packages."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, rankdata

from portfolio_pipeline.core.honesty import overfitting_by_session, overfitting_splits

NAMES = ("probability", "loss", "degradation", "past_sharpe", "future_sharpe")


def market(seed: int, sessions: int, trials: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((sessions, 3)) @ rng.standard_normal((3, trials))
    return 0.01 * (shared + rng.standard_t(5, (sessions, trials)) + 0.05)


def naive(window: np.ndarray, blocks: int) -> np.ndarray:
    """Row by row from the paper: past Sharpe ratio, future Sharpe ratio and logit of every split."""
    length = len(window) // blocks
    window = window[len(window) - blocks * length :]
    found = []
    for half in combinations(range(blocks), blocks // 2):
        past_rows = np.isin(np.arange(len(window)) // length, half)
        past, future = window[past_rows], window[~past_rows]
        past_sharpe = past.mean(axis=0) / past.std(axis=0, ddof=1)
        future_sharpe = future.mean(axis=0) / future.std(axis=0, ddof=1)
        best = int(np.argmax(past_sharpe))
        share = rankdata(future_sharpe)[best] / (window.shape[1] + 1)
        found.append((past_sharpe[best], future_sharpe[best], np.log(share / (1 - share))))
    return np.array(found).T


@pytest.mark.parametrize("blocks", [2, 4, 6, 10])
@pytest.mark.parametrize("trials", [2, 7, 30])
def test_every_split_equals_the_naive_implementation(blocks: int, trials: int) -> None:
    returns = market(blocks * trials, 123, trials)
    splits = overfitting_splits(returns, blocks=blocks)
    past, future, logit = naive(returns, blocks)
    np.testing.assert_allclose(splits.past_sharpe, past, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(splits.future_sharpe, future, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(splits.logit, logit, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_the_probability_lies_midway_between_two_packages_that_count_the_median_differently(seed: int) -> None:
    factor_qc, sharpe_gate = pytest.importorskip("factor_qc"), pytest.importorskip("sharpe_gate")
    returns = market(seed, 160, 9)  # an odd number of trials: a rank can be the median
    splits = overfitting_splits(returns, blocks=8)
    strict = sharpe_gate.pbo_cscv(returns, n_splits=8)
    wide = factor_qc.probability_of_backtest_overfitting(returns, n_blocks=8)
    np.testing.assert_allclose(splits.logit, strict.logits, atol=1e-12)
    assert splits.probability == pytest.approx((strict.pbo + wide["pbo"]) / 2, abs=1e-12)


def test_every_session_is_judged_on_its_own_window() -> None:
    returns, rows = market(3, 400, 20), np.array([0, 123, 124, 333, 399])
    found = overfitting_by_session(returns, rows, window=125, blocks=6)
    assert all(np.isnan(getattr(found, name)[:2]).all() for name in NAMES)
    for i in (2, 3, 4):
        past, future, logit = naive(returns[rows[i] - 124 : rows[i] + 1], 6)
        assert found.probability[i] == np.mean(logit < -1e-12) + 0.5 * np.mean(np.abs(logit) < 1e-12)
        assert found.loss[i] == np.mean(future <= 0)
        assert found.degradation[i] == pytest.approx(linregress(past, future).slope, rel=1e-8)
        assert found.past_sharpe[i] == pytest.approx(past.mean(), rel=1e-9)
        assert found.future_sharpe[i] == pytest.approx(future.mean(), rel=1e-9)


def test_ranges_threads_and_the_future_change_no_bit() -> None:
    returns, rows = market(4, 500, 17), np.arange(100, 400)
    together = overfitting_by_session(returns, rows, window=100, blocks=6)
    threaded = overfitting_by_session(returns, rows, window=100, blocks=6, workers=2)
    other = returns.copy()
    other[400:] += 1.0
    changed = overfitting_by_session(other, rows[::-1], window=100, blocks=6)
    for name in NAMES:
        assert getattr(together, name).tobytes() == getattr(threaded, name).tobytes()
        assert getattr(together, name).tobytes() == getattr(changed, name)[::-1].tobytes()
        for row in (100, 257, 399):
            alone = overfitting_by_session(returns[: row + 1], [row], window=100, blocks=6)
            assert getattr(alone, name)[0].tobytes() == getattr(together, name)[row - 100].tobytes()


@given(seed=st.integers(0, 10_000), trials=st.integers(2, 25))
@settings(max_examples=25, deadline=None)
def test_the_order_and_size_of_trials_do_not_matter(seed: int, trials: int) -> None:
    returns = market(seed, 96, trials)
    rng = np.random.default_rng(seed)
    splits = overfitting_splits(returns, blocks=6)
    other = overfitting_splits(returns[:, rng.permutation(trials)] * rng.uniform(0.1, 10.0), blocks=6)
    assert 0.0 <= splits.probability <= 1.0
    np.testing.assert_allclose(other.logit, splits.logit, atol=1e-12)
    np.testing.assert_allclose(other.future_sharpe, splits.future_sharpe, rtol=1e-8, atol=1e-12)


def test_a_search_without_a_choice_is_neither_overfitted_nor_not() -> None:
    returns = np.repeat(market(1, 120, 1), 6, axis=1)
    assert overfitting_splits(returns, blocks=6).probability == 0.5


def test_trials_in_cash_have_a_sharpe_ratio_of_zero_and_are_ranked() -> None:
    returns = market(2, 120, 5)
    returns[:, 3:] = 0.0
    returns[:, 0] = -np.abs(returns[:, 0])
    splits = overfitting_splits(returns[:, [0, 3]], blocks=6)
    assert np.array_equal(splits.past_sharpe, np.zeros(20))
    assert splits.probability == 0.0
    assert np.isnan(overfitting_by_session(returns[:, 3:], [119], window=120, blocks=6).degradation[0])


@pytest.mark.parametrize(
    ("window", "blocks", "trials", "message"),
    [(100, 5, 3, "even"), (100, 18, 3, "even"), (10, 6, 3, "too short"), (100, 6, 1, "2 trials")],
)
def test_what_cannot_be_split_is_refused(window: int, blocks: int, trials: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        overfitting_by_session(market(0, 200, trials), [150], window=window, blocks=blocks)
