"""The smallest and largest share of each strategy that all limits on single shares allow together.

What several shares have to hold together stands in `allowed`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


@dataclass(frozen=True, eq=False)
class Bounds:
    """The smallest and largest share of each strategy that the limits allow together."""

    lower: Array
    upper: Array


def bounds_of(
    previous: Array | None,
    strategies: Sequence[str],
    settings: Allocation,
    largest: Array | None = None,
    kept_at: Array | None = None,
) -> Bounds:
    """The box that holds every limit at once, in this order of precedence when they contradict each other.

    1. the shares add up to at most 1, and none is negative;
    2. the daily change (from the second session on);
    3. who has more than the `largest_shares` goes down to them by the daily change, and has no more of its own;
    4. locked shares, which neither minimum nor maximum binds: a new lock is approached by the daily change;
    5. the maximum;
    6. the minimum: a new strategy rises to it by the daily change; minimums that do not fit into 1 shrink together.

    `kept_at` are the shares that locks keep, NaN for who has none; without it those that the settings write as numbers.
    The shares then add up to what the method asks for when these bounds allow it; the rest stays in cash.
    """
    size = len(strategies)
    floor, ceiling = np.zeros(size), np.ones(size)
    if previous is not None:
        floor = np.maximum(previous - settings.daily_change, 0.0)
        ceiling = previous + settings.daily_change
    if largest is not None:
        ceiling = np.maximum(np.minimum(ceiling, largest), floor)
    lock = locked_shares(strategies, settings) if kept_at is None else kept_at
    is_locked = ~np.isnan(lock)
    own = np.array([settings.bounds_of(name) for name in strategies]).reshape(size, 2)
    lower = np.clip(np.where(is_locked, lock, own[:, 0]), floor, ceiling)
    upper = np.clip(np.where(is_locked, lock, own[:, 1]), floor, ceiling)
    if math.fsum(lower) <= 1.0:
        return Bounds(lower, upper)
    unlocked_floor = np.where(is_locked, lower, floor)
    if math.fsum(unlocked_floor) <= 1.0:
        point = project(lower, Bounds(unlocked_floor, lower), total=1.0)
    else:
        point = project(lower, Bounds(floor, np.where(is_locked, lower, floor)), total=1.0)
    return Bounds(point, point)


def locked_shares(
    strategies: Sequence[str], settings: Allocation, held: Array | None = None, invested: Array | None = None
) -> Array:
    """The share that a lock keeps, NaN for who has none.

    `while_invested` keeps what is `held` by who is `invested`; before there was anything to hold it keeps nothing.
    """
    fixed, kept = settings.fixed, settings.kept_while_invested
    found = np.array([fixed.get(name, np.nan) for name in strategies], dtype=np.float64)
    if kept and held is not None and invested is not None:
        found = np.where([name in kept for name in strategies] & invested, held, found)
    return found


def locked_by_hand(lock: Array, share: Array, kept: Array, held: Array | None) -> Array:
    """Locks with what people say before them: a share (NaN where none is set), or to keep what is held."""
    if held is not None:
        lock = np.where(kept, held, lock)
    return np.where(np.isnan(share), lock, share)


def project(wanted: Array, bounds: Bounds, total: float) -> Array:
    """The point nearest to `wanted` (least squares) inside `bounds` whose sum is as near to `total` as they allow.

    Exact: the nearest point is `clip(wanted + shift)` for one shift, and the sum is piecewise linear in the shift, so
    the shift is found between two of its breakpoints.
    """
    lower, upper = bounds.lower, bounds.upper
    if total <= math.fsum(lower):
        return lower.copy()
    if total >= math.fsum(upper):
        return upper.copy()
    shifts = np.unique(np.concatenate([lower - wanted, upper - wanted]))
    sums = np.clip(wanted + shifts[:, None], lower, upper).sum(axis=1)
    weights: Array = np.clip(wanted + np.interp(total, sums, shifts), lower, upper)
    return weights
