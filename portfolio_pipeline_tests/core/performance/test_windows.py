"""The figures of trailing windows: against empyrical, and the same bits whichever sessions are asked for."""

from __future__ import annotations

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.performance.windows import METRICS, Windows, window_metrics


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 60), st.integers(0, 20), st.floats(0.001, 0.05))
def test_window_metrics_are_those_of_empyrical(seed: int, window: int, begin: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    net, turnover = rng.normal(0.0005, size, (3, 90)), rng.random((3, 90))
    found = dict(zip(METRICS, window_metrics(net, turnover, begin, window, np.arange(90)), strict=True))
    assert all(np.isnan(values[: begin + 1]).all() for values in found.values())
    for row in (begin + 1, begin + 5, 60, 89):
        past = net[1, max(begin, row + 1 - window) : row + 1]
        expected = {
            "return": empyrical.annual_return(past),
            "volatility": empyrical.annual_volatility(past),
            "sharpe": empyrical.sharpe_ratio(past),
            "sortino": empyrical.sortino_ratio(past),
            "deepest_fall": -empyrical.max_drawdown(past),
            "calmar": empyrical.calmar_ratio(past),
            "turnover": turnover[1, max(begin, row + 1 - window) : row + 1].mean() * 252,
            "hit_rate": (past > 0).mean(),
        }
        assert set(expected) == set(METRICS)
        for name, value in expected.items():
            # Without a loss there is no downside and no drawdown: empyrical says inf or NaN, the search counts 0.
            wanted = value if np.isfinite(value) else 0.0
            np.testing.assert_allclose(found[name][row, 1], wanted, rtol=1e-7, atol=1e-12, err_msg=name)


def test_returns_without_any_movement_score_zero() -> None:
    metrics = dict(zip(METRICS, window_metrics(np.zeros((1, 40)), np.zeros((1, 40)), 0, 20, [39]), strict=True))
    assert all(values[0, 0] == 0.0 for values in metrics.values())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 40), st.integers(0, 9), st.lists(st.integers(0, 199), max_size=6))
def test_a_session_has_the_same_bits_whichever_others_are_asked_for(
    seed: int, window: int, begin: int, rows: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    net, turnover = rng.normal(0, 0.02, (2, 200)), rng.random((2, 200))
    whole = window_metrics(net, turnover, begin, window, np.arange(200))
    some = window_metrics(net, turnover, begin, window, np.array(sorted(rows), dtype=np.int64), workers=2)
    np.testing.assert_array_equal(some, whole[:, sorted(rows)])
    going_on = Windows(net, turnover, begin, window)
    for start, stop in ((0, 80), (80, 83), (120, 200), (50, 150)):
        np.testing.assert_array_equal(going_on.metrics(np.arange(start, stop)), whole[:, start:stop])
    for row in rows:
        known = window_metrics(net[:, : row + 1].copy(), turnover[:, : row + 1].copy(), begin, window, [row])
        np.testing.assert_array_equal(known[:, 0], whole[:, row])


@pytest.mark.parametrize("window", [2, 7, 60])
def test_a_total_loss_counts_as_one(window: int) -> None:
    net = np.zeros((1, 60))
    net[0, 58] = -1.0
    found = dict(zip(METRICS, window_metrics(net, net, 0, window, [59])[:, 0, 0], strict=True))
    assert found["return"] == -1.0
    assert found["deepest_fall"] == 1.0


@pytest.mark.parametrize("row", [30, 69, 70, 199])
def test_what_lost_everything_before_the_window_is_not_the_safest(row: int) -> None:
    net = np.zeros((1, 200))
    net[0, 20] = -1.0
    found = dict(zip(METRICS, window_metrics(net, net, 0, 50, [row])[:, 0, 0], strict=True))
    assert (found["return"], found["deepest_fall"], found["calmar"]) == (-1.0, 1.0, -1.0)
