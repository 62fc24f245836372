"""A market of pure noise is recognised as noise and a planted effect as one; the verdict and its reasons."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from portfolio_pipeline.core.honesty import (
    CombinatorialFolds,
    cross_validate,
    deflation_by_session,
    overfitting_by_session,
    verdict,
    walk_forward_by_session,
)
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


def sharpe_walk(returns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose the best set of the trailing window every 21 sessions, and use it from the next session on."""
    promised, walked = np.full(SESSIONS, np.nan), np.full(SESSIONS, np.nan)
    for row in range(WINDOW - 1, SESSIONS - 1, 21):
        best, used = best_over_window(returns, row), slice(row + 1, row + 22)
        past = returns[row + 1 - WINDOW : row + 1, best]
        promised[used], walked[used] = past.mean() / past.std(ddof=1), returns[used, best]
    return promised, walked


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


def judge(returns: np.ndarray, limits: Honesty) -> tuple[str, tuple[str, ...]]:
    """Everything the honesty checks know about one search on the last session."""
    row = [SESSIONS - 1]
    deflation = deflation_by_session(returns, [best_over_window(returns, row[0])], row, window=WINDOW)
    overfitting = overfitting_by_session(returns, row, window=WINDOW, blocks=limits.blocks)
    walk = walk_forward_by_session(*sharpe_walk(returns), row, window=limits.walk_forward_sessions)
    promotion = cross_validate(returns, CombinatorialFolds(8, 2, purge=21, embargo=5))
    found = verdict(
        limits,
        deflated_sharpe=deflation.deflated[0],
        overfitting=overfitting.probability[0],
        loss=overfitting.loss[0],
        promised=walk.promised[0],
        arrived=walk.arrived[0],
        path_loss=promotion.loss_probability,
    )
    return found.outcome, found.reasons


def test_noise_is_doubted_and_a_planted_effect_is_believed() -> None:
    noise = [judge(momentum_trials(seed, 0.0, hedged=True), Honesty()) for seed in range(25)]
    planted = [judge(momentum_trials(seed, 0.15, hedged=True), Honesty()) for seed in range(25)]
    assert np.mean([outcome == "doubted" for outcome, _ in noise]) >= 0.95
    assert np.mean([outcome == "believed" for outcome, _ in planted]) >= 0.9
    assert any(reason.startswith("DEFLATED_SHARPE_LOW: found=") for _, reasons in noise for reason in reasons)


SOUND = {"deflated_sharpe": 0.97, "overfitting": 0.2, "loss": 0.3, "promised": 0.1, "arrived": 0.06, "path_loss": 0.0}


@pytest.mark.parametrize(
    ("change", "outcome", "reasons"),
    [
        ({}, "believed", ()),
        ({"deflated_sharpe": 0.42}, "doubted", ("DEFLATED_SHARPE_LOW: found=0.42, limit=0.9",)),
        ({"overfitting": 0.61}, "doubted", ("OVERFITTING_HIGH: found=0.61, limit=0.5",)),
        ({"overfitting": 0.61, "loss": 0.05}, "believed", ()),
        ({"arrived": -0.02}, "doubted", ("WALK_FORWARD_EFFICIENCY_LOW: found=-0.2, limit=0.3",)),
        ({"promised": -0.01}, "doubted", ("IN_SAMPLE_SHARPE_LOW: found=-0.01, limit=0",)),
        ({"path_loss": 0.4}, "doubted", ("PATH_LOSS_HIGH: found=0.4, limit=0.25",)),
        ({"path_loss": None}, "believed", ()),
        ({"promised": np.nan}, "unproven", ("WALK_FORWARD_EFFICIENCY_UNKNOWN: found=nan, limit=0.3",)),
        (
            {"overfitting": np.nan, "loss": np.nan, "deflated_sharpe": 0.1},
            "doubted",
            ("DEFLATED_SHARPE_LOW: found=0.1, limit=0.9", "OVERFITTING_UNKNOWN: found=nan, limit=0.5"),
        ),
    ],
)
def test_a_verdict_names_what_was_found_and_what_the_limit_is(
    change: dict[str, float], outcome: str, reasons: tuple[str, ...]
) -> None:
    found = verdict(Honesty(), **{**SOUND, **change})
    assert (found.outcome, found.reasons, found.believed) == (outcome, reasons, outcome == "believed")


def test_a_misspelt_limit_is_refused() -> None:
    with pytest.raises(ValidationError, match="maximum_overfit"):
        Honesty.model_validate({"maximum_overfit": 0.4})
