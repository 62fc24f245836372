"""Figures weighted by likeness of regimes: against explicit weights, and seeing nothing but their own past."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.performance.windows import METRICS, window_metrics
from portfolio_pipeline.core.search.regime_scores import ALIKE_SESSIONS, RegimeWindows, probabilities_at, regime_metrics
from portfolio_pipeline.core.tables.market import REGIMES

WEIGHTED = ("return", "volatility", "sharpe", "sortino", "turnover", "hit_rate")


def some_returns(seed: int, sessions: int = 400, candidates: int = 3) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    net = rng.normal(0.0005, 0.01, (candidates, sessions))
    turnover = rng.random((candidates, sessions)) * 0.1
    concentration = np.repeat(rng.dirichlet(np.full(6, 0.3), sessions // 20 + 1), 20, axis=0)[:sessions]
    return net, turnover, 0.9 * concentration + 0.1 * rng.dirichlet(np.ones(6), sessions)


def plainly(net: Array, turnover: Array, chances: Array, begin: int, window: int, row: int) -> dict[str, float]:
    """One candidate at one session, with the weights written out."""
    past = slice(max(begin, row - window + 1), row + 1)
    alike = chances[past] @ chances[row]
    alike = alike / alike.sum()
    share = min(1.0, 1.0 / (alike**2).sum() / ALIKE_SESSIONS)
    weights = share * alike + (1 - share) / len(alike)
    returns = net[past]
    mean = np.average(returns, weights=weights)
    variance = np.average((returns - mean) ** 2, weights=weights) / (1 - (weights**2).sum())
    downside = np.average(np.minimum(returns, 0) ** 2, weights=weights)
    return {
        "return": np.prod((1 + returns) ** (weights * 252)) - 1,
        "volatility": np.sqrt(variance * 252),
        "sharpe": mean / np.sqrt(variance) * np.sqrt(252),
        "sortino": mean / np.sqrt(downside) * np.sqrt(252) if downside > 0 else 0.0,
        "turnover": np.average(turnover[past], weights=weights) * 252,
        "hit_rate": np.average(returns > 0, weights=weights),
    }


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 300), st.integers(0, 150), st.integers(160, 399))
def test_figures_are_those_of_explicit_weights(seed: int, window: int, begin: int, row: int) -> None:
    net, turnover, chances = some_returns(seed)
    found = regime_metrics(net, turnover, chances, begin, window, np.array([row]))[:, 0]
    for candidate in range(len(net)):
        expected = plainly(net[candidate], turnover[candidate], chances, begin, window, row)
        for name in WEIGHTED:
            assert found[METRICS.index(name), candidate] == pytest.approx(expected[name], rel=1e-8, abs=1e-10), name
    assert np.isnan(found[[METRICS.index("calmar"), METRICS.index("deepest_fall")]]).all()


@pytest.mark.parametrize("window", [10, 63, 252])
def test_where_all_sessions_are_alike_the_figures_are_the_plain_ones(window: int) -> None:
    net, turnover, _ = some_returns(1)
    crisis = np.tile(np.eye(6)[5], (400, 1))
    rows = np.arange(8, 400)
    for chances in (np.full((400, 6), 1 / 6), crisis):
        found = regime_metrics(net, turnover, chances, 7, window, rows)
        plain = window_metrics(net, turnover, 7, window, rows)
        places = [METRICS.index(name) for name in WEIGHTED]
        np.testing.assert_allclose(found[places], plain[places], rtol=1e-9, atol=1e-9)


def test_only_the_sessions_of_todays_regime_count_when_there_are_enough_of_them() -> None:
    net, turnover, _ = some_returns(2)
    regime = (np.arange(400) // 100) % 2
    chances = np.eye(6)[regime]
    found = regime_metrics(net, turnover, chances, 0, 400, np.array([399]))[:, 0]
    mine = pd.DataFrame(net.T)[regime == regime[399]]
    np.testing.assert_allclose(found[METRICS.index("volatility")], mine.std() * np.sqrt(252), rtol=1e-10)
    np.testing.assert_allclose(found[METRICS.index("sharpe")], mine.mean() / mine.std() * np.sqrt(252), rtol=1e-9)


def test_a_window_that_ended_earlier_is_likened_to_the_regime_of_today() -> None:
    net, turnover, _ = some_returns(2)
    regime = np.where(np.arange(400) < 350, (np.arange(400) // 70) % 2, 1)
    chances = np.eye(6)[regime]
    found = regime_metrics(net, turnover, chances, 0, 400, np.array([340]), ago=59)[:, 0]
    past = np.arange(400) <= 340
    assert regime[340] != regime[399]
    mine = pd.DataFrame(net.T)[past & (regime == regime[399])]
    np.testing.assert_allclose(found[METRICS.index("volatility")], mine.std() * np.sqrt(252), rtol=1e-10)


def test_a_window_without_any_likeness_to_today_counts_as_it_is() -> None:
    net, turnover, _ = some_returns(2)
    chances = np.eye(6)[np.where(np.arange(400) < 350, 0, 5)]
    found = regime_metrics(net, turnover, chances, 0, 120, np.array([340]), ago=59)
    plain = window_metrics(net, turnover, 0, 120, np.array([340]))
    places = [METRICS.index(name) for name in WEIGHTED]
    np.testing.assert_allclose(found[places], plain[places], rtol=1e-9, atol=1e-9)


def test_a_session_without_a_likeness_leans_on_all_of_them() -> None:
    net, turnover, _ = some_returns(3)
    chances = np.eye(6)[np.where(np.arange(400) == 399, 5, 0)]
    found = regime_metrics(net, turnover, chances, 0, 400, np.array([399]))[METRICS.index("hit_rate"), 0]
    share = 1 / ALIKE_SESSIONS
    np.testing.assert_allclose(found, share * (net[:, 399] > 0) + (1 - share) * (net > 0).mean(axis=1))


def test_bits_depend_neither_on_the_rows_asked_for_nor_on_the_future_nor_on_other_candidates() -> None:
    net, turnover, chances = some_returns(4)
    whole = regime_metrics(net, turnover, chances, 5, 120, np.arange(400))
    rows = np.array([6, 57, 200, 399])
    np.testing.assert_array_equal(regime_metrics(net, turnover, chances, 5, 120, rows), whole[:, rows])
    np.testing.assert_array_equal(
        regime_metrics(net[1:2], turnover[1:2], chances, 5, 120, rows, workers=2), whole[:, rows, 1:2]
    )
    going_on = RegimeWindows(net, turnover, chances, 5, 120)
    for start, stop in ((0, 150), (150, 160), (300, 400), (90, 200)):
        np.testing.assert_array_equal(going_on.metrics(np.arange(start, stop)), whole[:, start:stop])
    for row in rows:
        past = slice(0, row + 1)
        alone = regime_metrics(net[:, past].copy(), turnover[:, past].copy(), chances[past], 5, 120, np.array([row]))
        np.testing.assert_array_equal(alone[:, 0], whole[:, row])
    assert np.isnan(whole[:, :6]).all()
    assert np.isfinite(whole[METRICS.index("sharpe"), 6:]).all()


def test_who_has_lost_everything_has_lost_it_for_good() -> None:
    net, turnover, chances = some_returns(5)
    net[:, 150], net[:, 151:] = -1.0, 0.0
    found = regime_metrics(net, turnover, chances, 0, 50, np.arange(400))
    assert (found[METRICS.index("return"), 150:] == -1.0).all()
    assert np.isfinite(found[METRICS.index("return"), 1:150]).all()


def test_sessions_without_stored_probabilities_are_alike_to_all() -> None:
    days = np.arange("2020-01-01", "2020-01-05", dtype="datetime64[D]")
    table = pd.DataFrame({"session": days[2:].astype("datetime64[s]")}).assign(
        **{f"probability_{name}": [float(name == "crisis"), float(name == "bull_quiet")] for name in REGIMES}
    )
    found = probabilities_at(table, days)
    np.testing.assert_array_equal(found[:2], 1 / 6)
    np.testing.assert_array_equal(found[2:], np.eye(6)[[REGIMES.index("crisis"), REGIMES.index("bull_quiet")]])
