"""The compiled figures against empyrical, and against the compiled trailing windows of the search."""

from __future__ import annotations

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.performance.figures import figures, sharpe
from portfolio_pipeline.core.performance.windows import METRICS, window_metrics

ORACLES = {
    "return": empyrical.annual_return,
    "volatility": empyrical.annual_volatility,
    "sharpe": empyrical.sharpe_ratio,
    "sortino": empyrical.sortino_ratio,
    "calmar": empyrical.calmar_ratio,
    "deepest_fall": lambda returns: -empyrical.max_drawdown(returns),
    "hit_rate": lambda returns: float(np.mean(returns > 0.0)),
}


def random_returns(seed: int, sessions: int, candidates: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.0004, 0.012, (candidates, sessions))
    returns[0, sessions // 2 :] = 0.0
    return returns


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 400), st.integers(0, 50))
def test_figures_are_those_of_empyrical(seed: int, sessions: int, skipped: int) -> None:
    returns = random_returns(seed, sessions + skipped)
    found = figures(returns, np.zeros(returns.shape), skipped)
    for c, row in enumerate(returns[:, skipped:]):
        for name, oracle in ORACLES.items():
            expected = oracle(row)
            if not np.isfinite(expected):
                expected = 0.0
            assert found[c, METRICS.index(name)] == pytest.approx(expected, rel=1e-9, abs=1e-12), name


def test_figures_of_the_whole_are_those_of_a_window_as_long_as_the_whole() -> None:
    returns = random_returns(3, 300)
    turnover = np.random.default_rng(4).random(returns.shape)
    found = figures(returns, turnover)
    windowed = window_metrics(returns, turnover, 0, 300, np.array([299]))[:, 0]
    for name in METRICS:
        expected = windowed[METRICS.index(name)]
        np.testing.assert_allclose(found[:, METRICS.index(name)], expected, rtol=1e-9, err_msg=name)


def test_a_candidate_that_never_trades_has_figures_of_0_and_not_nan() -> None:
    np.testing.assert_array_equal(figures(np.zeros((1, 50)), np.zeros((1, 50))), 0.0)
    np.testing.assert_array_equal(sharpe(np.zeros((1, 50))), 0.0)


def test_a_candidate_that_lost_everything_lost_all_of_it() -> None:
    returns = np.zeros((1, 40))
    returns[0, 7] = -1.0
    found = dict(zip(METRICS, figures(returns, np.zeros((1, 40)))[0], strict=True))
    assert found["return"] == -1.0
    assert found["deepest_fall"] == 1.0
    assert found["calmar"] == -1.0


def test_threads_change_no_bit_and_the_ratio_alone_is_the_one_among_the_figures() -> None:
    returns = random_returns(8, 333, candidates=11)
    turnover = np.abs(returns)
    alone = sharpe(returns, 20)
    np.testing.assert_array_equal(alone, sharpe(returns, 20, workers=3))
    np.testing.assert_array_equal(alone, figures(returns, turnover, 20)[:, METRICS.index("sharpe")])
    np.testing.assert_array_equal(figures(returns, turnover, 20), figures(returns, turnover, 20, workers=3))
