"""The effective number of trials: against a plain second implementation, and on families whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.honesty import effective_trials, expected_maximum_sharpe
from portfolio_pipeline.core.honesty.trials import DRAWS, _signs, expected_maximum

SESSIONS = 504
LAST = np.array([SESSIONS - 1])


def effective(returns: np.ndarray) -> float:
    return float(effective_trials(returns, [len(returns) - 1], window=len(returns))[0])


def plainly(returns: np.ndarray, row: int, window: int) -> float:
    """The definition, read off the module's docstring, one draw at a time."""
    past = returns[row + 1 - window : row + 1]
    norm = np.sqrt((past**2).sum(axis=0))
    leads, spreads = [], []
    for draw in range(DRAWS):
        flipped = past * _signs(row + 1)[row + 1 - window :, [draw]]
        scores = np.divide(flipped.sum(axis=0), norm, out=np.zeros(len(norm)), where=norm > 0)
        leads.append(scores.max() - scores.mean())
        spreads.append(scores.std(ddof=1))
    low, high = 1.0, float(returns.shape[1])
    if np.mean(leads) / np.mean(spreads) >= expected_maximum(high):
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expected_maximum(middle) < np.mean(leads) / np.mean(spreads) else (low, middle)
    return low


def test_it_equals_the_plain_definition_on_every_session() -> None:
    rng = np.random.default_rng(1)
    returns = rng.standard_normal((260, 5)) @ rng.standard_normal((5, 60)) + rng.standard_normal((260, 60)) * 0.3
    returns[:150, :7] = 0.0
    returns[155:, 8:11] = 0.0
    rows = np.array([98, 99, 150, 259])
    found = effective_trials(returns, rows, window=100)
    assert np.isnan(found[0])
    for row, number in zip(rows[1:], found[1:], strict=True):
        assert number == pytest.approx(plainly(returns, row, 100), rel=1e-4)


@pytest.mark.parametrize(
    ("family", "least", "most"),
    [("independent", 150, 200), ("sharing a market", 150, 200), ("ten ideas", 8, 25), ("one idea", 1, 1)],
)
def test_families_of_trials_are_counted_as_what_they_are(family: str, least: float, most: float) -> None:
    rng = np.random.default_rng(11)
    noise = rng.standard_normal((SESSIONS, 200))
    market, ideas = rng.standard_normal((SESSIONS, 1)), rng.standard_normal((SESSIONS, 10))
    returns = {
        "independent": noise,
        "sharing a market": 3.0 * market + noise,
        "ten ideas": np.repeat(ideas, 20, axis=1) + 0.1 * noise,
        "one idea": np.repeat(market, 200, axis=1),
    }[family]
    assert least <= effective(returns) <= most


def test_the_best_of_correlated_noise_stands_out_as_far_as_the_effective_number_says() -> None:
    found, luck, by_all = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        ideas = rng.standard_normal((SESSIONS, 8))
        returns = rng.standard_normal((SESSIONS, 1)) + np.repeat(ideas, 25, axis=1)
        returns = returns + 0.2 * rng.standard_normal(returns.shape)
        sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
        found.append(sharpes.max() - sharpes.mean())
        luck.append(expected_maximum_sharpe(sharpes, effective(returns)))
        by_all.append(expected_maximum_sharpe(sharpes))
    assert np.mean(luck) == pytest.approx(np.mean(found), rel=0.1)
    assert np.mean(by_all) > 1.3 * np.mean(found)  # why the plain number is too strict


@given(seed=st.integers(0, 10_000), trials=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_it_is_between_one_and_all_whatever_the_order_or_scale(seed: int, trials: int) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.standard_normal((90, 3)) @ rng.standard_normal((3, trials)) + 0.5 * rng.standard_normal((90, trials))
    number = effective(returns)
    assert 1.0 <= number <= trials
    order = rng.permutation(trials)
    assert effective(returns[:, order] * rng.uniform(0.1, 10.0, trials)) == pytest.approx(number, rel=1e-6)


def test_later_sessions_and_other_sessions_asked_about_change_no_bit() -> None:
    returns = np.random.default_rng(2).standard_normal((300, 25))
    together = effective_trials(returns, np.arange(300), window=60)
    for row in (59, 60, 180, 299):
        assert effective_trials(returns[: row + 1], [row], window=60).tobytes() == together[row].tobytes()
