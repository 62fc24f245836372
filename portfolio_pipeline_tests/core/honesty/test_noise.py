"""A market of pure noise is recognised as noise and a planted effect as one, by what a search itself shows."""

from __future__ import annotations

import numpy as np
import pytest

from portfolio_pipeline.core.honesty import (
    CombinatorialFolds,
    Evidence,
    cross_validate,
    deflation_by_session,
    judge,
    overfitting_by_session,
)
from portfolio_pipeline.core.honesty.judgement import VERDICTS
from portfolio_pipeline.core.strategies.card import Honesty

SYMBOLS, WINDOW, LOOKBACKS, HELD = 12, 504, range(5, 125, 4), range(1, 6)
SESSIONS = 2 * WINDOW


def momentum_trials(seed: int, persistence: float, *, market: float = 0.7, hedged: bool = False) -> np.ndarray:
    """Daily returns of 150 momentum strategies (look-back x symbols held) on random walks.

    `persistence` is the planted effect: a drift of each symbol's own that lasts 120 days, in units of its volatility.
    With 0, prices are random walks that share a market, and no parameter is better than another.
    """
    rng = np.random.default_rng(seed)
    warm_up = max(LOOKBACKS) + 1
    days = warm_up + SESSIONS
    drift = np.repeat(rng.standard_normal((days // 120 + 1, SYMBOLS)), 120, axis=0)[:days]
    moves = market * rng.standard_normal((days, 1)) + rng.standard_normal((days, SYMBOLS)) + persistence * drift
    moves *= 0.01
    price = np.vstack([np.zeros(SYMBOLS), np.cumsum(moves, axis=0)[:-1]])  # known before each day
    week = warm_up + np.arange(SESSIONS) // 5 * 5
    trials = []
    for lookback in LOOKBACKS:
        order = np.argsort(price[week - lookback] - price[week], axis=1)
        ranked = np.take_along_axis(moves[warm_up:], order, axis=1)
        for held in HELD:
            short = ranked[:, -held:].mean(axis=1) if hedged else 0.0
            trials.append(ranked[:, :held].mean(axis=1) - short)
    return np.array(trials).T


def best_over_window(returns: np.ndarray, row: int) -> int:
    past = returns[row + 1 - WINDOW : row + 1]
    return int(np.argmax(past.mean(axis=0) / past.std(axis=0, ddof=1)))


@pytest.mark.parametrize("hedged", [False, True])
def test_the_best_of_many_momentum_strategies_on_random_walks_is_seldom_significant(hedged: bool) -> None:
    """The share of false positives at 95 % stays near 5 %, where the undeflated ratio is fooled far more often."""
    deflated, undeflated = [], []
    for seed in range(100):
        returns = momentum_trials(seed, 0.0, hedged=hedged)
        found = deflation_by_session(returns, [best_over_window(returns, SESSIONS - 1)], [SESSIONS - 1], window=WINDOW)
        deflated.append(found.deflated[0])
        undeflated.append(found.probabilistic[0])
    assert np.mean(np.array(deflated) > 0.95) <= 0.08
    assert np.mean(np.array(undeflated) > 0.95) >= 0.15
    assert np.mean(deflated) == pytest.approx(0.5, abs=0.12)


def test_independent_noise_is_never_significant_and_its_overfitting_is_a_coin_toss() -> None:
    probabilities, deflated = [], []
    for seed in range(60):
        returns = 0.01 * np.random.default_rng(seed).standard_normal((WINDOW, 200))
        found = deflation_by_session(returns, [best_over_window(returns, WINDOW - 1)], [WINDOW - 1], window=WINDOW)
        deflated.append(found.deflated[0])
        overfitting = overfitting_by_session(returns, [WINDOW - 1], window=WINDOW, blocks=8)
        probabilities.append(overfitting.probability[0])
    assert np.mean(probabilities) == pytest.approx(0.5, abs=0.07)
    assert max(deflated) < 0.95


def figures(returns: np.ndarray) -> dict[str, float]:
    """What the search itself shows at the last session, as a young candidate is judged by."""
    row = [SESSIONS - 1]
    deflation = deflation_by_session(returns, [best_over_window(returns, row[0])], row, window=WINDOW)
    overfitting = overfitting_by_session(returns, row, window=WINDOW, blocks=Honesty().blocks)
    promotion = cross_validate(returns, CombinatorialFolds(8, 2, purge=21, embargo=5))
    return {
        "deflated_sharpe": deflation.deflated[0],
        "overfitting": overfitting.probability[0],
        "loss": overfitting.loss[0],
        "path_loss": promotion.loss_probability,
    }


def young(returns: np.ndarray) -> str:
    """The verdict on a young strategy of which great things have arrived by luck."""
    found = {name: np.array([value]) for name, value in figures(returns).items()}
    lucky = Evidence(np.array([100.0]), np.array([1.0]), np.array([200]))
    return VERDICTS[judge(Honesty(), lucky, **found).verdict[0]]


def test_young_noise_is_not_believed_whatever_it_earned_and_a_planted_effect_is() -> None:
    noise = [young(momentum_trials(seed, 0.0, hedged=True)) for seed in range(25)]
    planted = [young(momentum_trials(seed, 0.15, hedged=True)) for seed in range(25)]
    assert np.mean([verdict == "believed" for verdict in noise]) <= 0.05
    assert np.mean([verdict == "doubted" for verdict in noise]) >= 0.5
    assert np.mean([verdict == "believed" for verdict in planted]) >= 0.9
