"""The scale of the book against a plain loop, and no sight of the future."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.portfolio.volatility_target import FEWEST, HALF_LIFE, WINDOW, scales

RANDOM = np.random.default_rng(3)
CLOSES = 50 * np.cumprod(1 + RANDOM.normal(0, [0.004, 0.01, 0.02], (400, 3)), axis=0)
CLOSES[100:130, 2] = np.nan
WISHED = RANDOM.dirichlet(np.ones(4), 60)[:, :3]


def by_plain_python(weights: np.ndarray, closes: np.ndarray, target: float, most: float) -> float:
    """`closes` end with the session that decides."""
    counted = earned = 0.0
    for ago in range(min(WINDOW, len(closes) - 1)):
        now, before = closes[len(closes) - 1 - ago], closes[len(closes) - 2 - ago]
        move = sum(w * (n / b - 1) for w, n, b in zip(weights, now, before, strict=True) if not np.isnan(n + b))
        counted += 0.5 ** (ago / HALF_LIFE)
        earned += 0.5 ** (ago / HALF_LIFE) * move * move
    volatility = (earned / counted * 252) ** 0.5
    return float(min(target / volatility, most / np.abs(weights).sum()))


@pytest.mark.parametrize(("target", "most"), [(0.02, 1.0), (0.1, 1.0), (0.1, 2.0), (0.3, 4.0)])
def test_the_book_moves_as_much_as_is_aimed_at_as_far_as_its_exposure_may_go(target: float, most: float) -> None:
    found = scales(WISHED, CLOSES, target, most)
    for row, weights in enumerate(WISHED):
        expected = by_plain_python(weights, CLOSES[: len(CLOSES) - len(WISHED) + row + 1], target, most)
        assert found[row] == pytest.approx(expected, rel=1e-12)


@settings(deadline=None)
@given(first=st.integers(0, 58), count=st.integers(1, 60))
def test_a_range_scales_as_its_sessions_do_and_another_future_changes_nothing(first: int, count: int) -> None:
    whole, stop = scales(WISHED, CLOSES, 0.1, 2.0), min(60, first + count)
    last = len(CLOSES) - 60 + stop
    seen = CLOSES[max(0, last - (stop - first) - WINDOW) : last]
    np.testing.assert_array_equal(scales(WISHED[first:stop], seen, 0.1, 2.0), whole[first:stop])


def test_what_is_asked_is_taken_as_it_is_without_a_target_history_or_exposure() -> None:
    assert (scales(WISHED, CLOSES, None, 1.0) == 1.0).all()
    short = CLOSES[: FEWEST + 59]
    assert (scales(WISHED, short, 0.1, 2.0) == 1.0).tolist() == [True] + [False] * 59
    assert scales(np.zeros((1, 3)), CLOSES, 0.1, 1.0).tolist() == [1.0]
    still = np.ones((100, 3))
    assert scales(WISHED[:1], still, 0.1, None).tolist() == [1.0]
    assert scales(WISHED[:1], still, 0.1, 0.9)[0] == pytest.approx(0.9 / WISHED[0].sum())
