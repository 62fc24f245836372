"""Regimes with a Markov-switching model: what was planted is found, by filtered probabilities, without later data."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.market.regimes import rules
from portfolio_pipeline.core.market.regimes.markov import NoModelError, filtered, fitted, hidden_states
from portfolio_pipeline.core.market.regimes.settings import Regimes
from portfolio_pipeline.core.market.regimes.tell import tell_regimes
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline_tests.core.markets import closes_only, up_to, with_another_future

BENCHMARK = "S00"
YEARLY = Regimes(method="markov", refit="yearly", fewest_sessions=400)
LENGTH = 1100


def planted(states: int = 2, length: int = LENGTH) -> tuple[Array, Array]:
    """Which state each session is in, and the returns: calm ones rise, wild ones fall."""
    rng = np.random.default_rng(3)
    state = np.repeat(rng.permutation(np.arange(length // 80 + 1) % states), 80)[:length]
    return state, rng.normal(np.array([0.001, -0.001, -0.004])[state], np.array([0.005, 0.02, 0.06])[state])


@cache
def a_market() -> PricePanel:
    """The benchmark follows the planted states; the others go along with it."""
    rng = np.random.default_rng(4)
    _, returns = planted()
    moves = returns[:, None] + rng.normal(0, 0.002, (LENGTH, 4)) * (np.arange(4) > 0)
    return closes_only(100 * np.cumprod(1 + moves, axis=0))


def states_at(panel: PricePanel, rows: Array) -> Array:
    """Of each row by the model of its own period."""
    periods, notes = hidden_states(Inputs(panel), 0, rows, YEARLY)
    assert notes == ()
    found = np.full((len(rows), YEARLY.states), np.nan)
    for places, hidden in periods:
        assert hidden is not None
        found[places] = hidden[rows[places]]
    return found


def test_the_planted_states_are_found() -> None:
    state, _ = planted()
    rows = np.arange(550, LENGTH)
    hidden = states_at(a_market(), rows)
    np.testing.assert_allclose(hidden.sum(axis=1), 1)
    assert ((hidden[:, 1] > 0.5) == (state[rows] == 1)).mean() > 0.95
    told = tell_regimes(a_market(), BENCHMARK, rows, YEARLY.model_copy(update={"memory_sessions": 0}))
    volatile = np.isin(told.names, ["bull_volatile", "bear_volatile", "crisis"])
    quiet = np.isin(told.names, ["bull_quiet", "bear_quiet"])
    assert volatile[state[rows] == 0].mean() < 0.05
    assert quiet[state[rows] == 1].mean() < 0.05
    assert volatile.sum() > 100
    assert quiet.sum() > 100
    np.testing.assert_allclose(told.probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("states", [2, 3])
def test_probabilities_are_the_filtered_ones_of_statsmodels_and_not_the_smoothed(states: int) -> None:
    observations = 100 * planted(states, 700)[1]
    model = fitted(observations, states)
    assert (np.diff(model.variance) > 0).all()
    asked = MarkovRegression(observations, k_regimes=states, switching_variance=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = asked.smooth(np.concatenate([model.transition[:, :-1].T.ravel(), model.mean, model.variance]))
    found = filtered(observations, model)
    np.testing.assert_allclose(found, answer.filtered_marginal_probabilities, atol=1e-9)
    assert np.abs(found - answer.smoothed_marginal_probabilities).max() > 0.3


def test_the_fit_is_as_likely_as_the_best_that_statsmodels_finds() -> None:
    observations = 100 * planted()[1]
    model = fitted(observations, 2)
    asked = MarkovRegression(observations, k_regimes=2, switching_variance=True)
    ours = asked.loglike(np.concatenate([model.transition[:, :-1].T.ravel(), model.mean, model.variance]))
    best = asked.fit(search_reps=5, rng=1).llf
    assert ours >= best - 0.01


def test_a_session_alone_has_the_bits_it_has_in_a_range_and_no_sight_of_the_future() -> None:
    panel = a_market()
    rows = np.arange(480, LENGTH, 97)  # of three calendar years
    whole = tell_regimes(panel, BENCHMARK, rows, YEARLY).probabilities
    for k, row in enumerate(rows):
        alone = tell_regimes(up_to(panel, row), BENCHMARK, np.array([row]), YEARLY).probabilities
        np.testing.assert_array_equal(alone[0], whole[k])
    cut = int(rows[4])
    other = tell_regimes(with_another_future(panel, cut), BENCHMARK, rows, YEARLY).probabilities
    np.testing.assert_array_equal(other[:5], whole[:5])
    assert (other[5:] != whole[5:]).any(axis=1).all()


def test_a_memory_looks_back_with_the_model_of_the_session_it_is_asked_for() -> None:
    panel, row = a_market(), 900
    own = tell_regimes(panel, BENCHMARK, np.arange(row + 1), YEARLY.model_copy(update={"memory_sessions": 0}))
    (_, hidden), *_ = hidden_states(Inputs(panel), 0, np.array([row]), YEARLY)[0]
    assert hidden is not None
    volatile = np.nan_to_num(1.0 - hidden[: row + 1, 0])
    said = rules.tree(own.state, volatile, volatile)
    mean = pd.DataFrame(said[~np.isnan(own.state.trend_strength)]).ewm(com=YEARLY.memory_sessions, adjust=False).mean()
    told = tell_regimes(panel, BENCHMARK, np.array([row]), YEARLY).probabilities
    np.testing.assert_allclose(told[0], mean.to_numpy()[-1], rtol=1e-9)


def test_the_rules_answer_where_there_is_no_model_and_a_note_says_why() -> None:
    panel = a_market()
    rows = np.array([300, 390, 600, 1050])
    told = tell_regimes(panel, BENCHMARK, rows, YEARLY)
    by_rules = tell_regimes(panel, BENCHMARK, rows, Regimes())
    assert [note[:10] for note in told.notes] == ["2011-01-03"]
    assert "fewer than 400" in told.notes[0]
    np.testing.assert_array_equal(told.probabilities[:2], by_rules.probabilities[:2])
    assert (told.probabilities[2:] != by_rules.probabilities[2:]).any(axis=1).all()
    assert by_rules.notes == ()


@pytest.mark.parametrize(
    ("returns", "why"),
    [
        (np.zeros(500), "did not move"),
        (np.random.default_rng(1).normal(0, 1, 500), "one state explains as much"),
        (np.where(np.arange(500) % 50 == 0, 20.0, np.random.default_rng(1).normal(0, 1, 500)), "does not last|failed"),
    ],
)
def test_returns_without_lasting_states_have_no_model_and_cause_no_noise(returns: Array, why: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NoModelError, match=why):
            fitted(returns, 2)


def test_sessions_without_a_bar_of_the_benchmark_keep_the_probabilities_of_the_one_before() -> None:
    panel = a_market()
    close = panel.close.copy()
    close[700:703, 0] = np.nan
    hidden = states_at(closes_only(close), np.arange(699, 704))
    np.testing.assert_array_equal(hidden[1:4], np.repeat(hidden[:1], 3, axis=0))
    assert (hidden[4] != hidden[0]).all()


def test_three_states_name_the_wildest_a_crisis_only_in_a_falling_market() -> None:
    state, returns = planted(3)
    moves = returns[:, None] + np.random.default_rng(4).normal(0, 0.002, (LENGTH, 4)) * (np.arange(4) > 0)
    rows = np.arange(550, LENGTH)
    told = tell_regimes(
        closes_only(100 * np.cumprod(1 + moves, axis=0)), BENCHMARK, rows, YEARLY.model_copy(update={"states": 3})
    )
    crisis = told.probabilities[:, REGIMES.index("crisis")]
    assert told.notes == ()
    assert np.quantile(crisis[state[rows] == 0], 0.9) < 0.1
    falling = (state[rows] == 2) & (told.state.trend_strength < -0.5)
    assert falling.sum() > 50
    assert np.median(crisis[falling]) > 0.5
