"""The scale of the book against a plain loop, and no sight of the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.market.past import HALF_LIFE, WINDOW
from portfolio_pipeline.core.portfolio.volatility_target import FEWEST, MOSTLY, aims, scales

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
def test_the_book_is_to_move_as_much_as_is_aimed_at_as_far_as_its_exposure_may_go(target: float, most: float) -> None:
    found = aims(WISHED, CLOSES, target, most)
    for row, weights in enumerate(WISHED):
        expected = by_plain_python(weights, CLOSES[: len(CLOSES) - len(WISHED) + row + 1], target, most)
        assert found[row] == pytest.approx(expected, rel=1e-12)


def test_a_book_that_is_long_alone_is_scaled_no_further_than_the_limit_on_net_exposure_lets_it() -> None:
    """Else all of it would be cut again, and what is largest more than the rest."""
    longs = aims(WISHED, CLOSES, 0.3, 2.0, 1.0)
    np.testing.assert_array_equal(longs, aims(WISHED, CLOSES, 0.3, 1.0))
    hedged = WISHED * np.array([1.0, -1.0, -1.0])
    found = aims(hedged, CLOSES, 0.3, 2.0, 1.0) * hedged.sum(axis=1)
    assert found.max() <= 1.0 + 1e-12
    short = -WISHED
    np.testing.assert_array_equal(aims(short, CLOSES, 0.3, 2.0, 1.0), aims(short, CLOSES, 0.3, 2.0))


@settings(deadline=None)
@given(first=st.integers(0, 58), count=st.integers(1, 60), memory=st.integers(1, 70))
def test_a_range_scales_as_its_sessions_do_and_another_future_changes_nothing(
    first: int, count: int, memory: int
) -> None:
    aimed, stop = aims(WISHED, CLOSES, 0.1, 2.0), min(60, first + count)
    last = len(CLOSES) - 60 + stop
    seen = CLOSES[max(0, last - (stop - first) - WINDOW) : last]
    part = aims(WISHED[first:stop], seen, 0.1, 2.0)
    np.testing.assert_array_equal(part, aimed[first:stop])
    # With no more of the sessions before than the memory asks for.
    earlier = aimed[max(0, first - memory + 1) : first]
    whole = scales(aimed, np.empty(0), memory)
    np.testing.assert_array_equal(scales(part, earlier, memory), whole[first:stop])
    for row in range(first, stop):
        past = pd.Series(aimed[max(0, row + 1 - memory) : row + 1])
        assert whole[row] == pytest.approx(min(aimed[row], past.quantile(MOSTLY)), rel=1e-12)


def test_a_symbol_that_nobody_wants_changes_no_bit() -> None:
    more = np.hstack([WISHED, np.zeros((60, 9))])
    closes = np.hstack([CLOSES, RANDOM.uniform(1, 2, (400, 9))])
    np.testing.assert_array_equal(aims(more, closes, 0.1, 2.0), aims(WISHED, CLOSES, 0.1, 2.0))


def test_who_comes_and_goes_does_not_scale_the_others_up_and_down() -> None:
    aimed = np.where(np.arange(300) % 50 < 25, 1.0, 2.0)
    assert (scales(aimed, np.empty(0), 126)[60:] == 1.0).all()
    assert set(scales(aimed, np.empty(0), 1).tolist()) == {1.0, 2.0}
    gone_for_good = np.where(np.arange(300) < 50, 1.0, 2.0)
    assert scales(gone_for_good, np.empty(0), 126)[-1] == 2.0
    assert scales(np.array([2.0, 2.0, 0.5]), np.empty(0), 126).tolist() == [2.0, 2.0, 0.5]


def test_where_nothing_can_be_aimed_at_the_scale_is_what_it_was_or_one() -> None:
    assert np.isnan(aims(WISHED, CLOSES, None, 1.0)).all()
    short = CLOSES[: FEWEST + 59]
    assert np.isnan(aims(WISHED, short, 0.1, 2.0)).tolist() == [True] + [False] * 59
    assert np.isnan(aims(np.zeros((1, 3)), CLOSES, 0.1, 1.0)).all()
    still = np.ones((100, 3))
    assert np.isnan(aims(WISHED[:1], still, 0.1, None)).all()
    assert aims(WISHED[:1], still, 0.1, 0.9)[0] == pytest.approx(0.9 / WISHED[0].sum())
    assert scales(np.array([np.nan, 1.5, np.nan]), np.empty(0), 126).tolist() == [1.0, 1.5, 1.5]
    assert scales(np.array([np.nan]), np.array([np.nan, 1.25]), 126).tolist() == [1.25]
