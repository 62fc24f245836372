"""How capital is shared between the strategies: what a method asks for, and the nearest shares that the limits allow.

Path-dependent: each session's shares start from the session before. Reading and writing tables does not belong here,
nor what the strategies do with their capital, nor how a method comes to its wishes (`methods`).

A strategy that takes no new capital (its results are doubted) has at most the share it had when that began: what it
lost since to other limits may return, and no more. Who may have only a part of the largest share has at most that; who
may have none (a candidate, a paused one) is given none, and what it had is taken back. The others share out what is
left, within their limits.

NaN policy: a NaN return is a session before the strategy had any; it is left out. Time: the shares of session t see the
paper returns up to t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.risk.exposures import EPSILON


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of capital, [sessions, strategies]; what is missing to 1 stays in cash."""

    weight: Array
    requested: Array  # what the method asks for, before limits
    previous: Array  # NaN in the first session of all
    reason: tuple[tuple[str, ...], ...]  # what moved a share away from what was asked; empty if nothing did
    kept: Array  # the most for who takes no new capital, NaN for the others


@dataclass(frozen=True, eq=False)
class Bounds:
    """The smallest and largest share of each strategy that the limits allow together."""

    lower: Array
    upper: Array


def allocate(
    returns: Array,
    count: int,
    strategies: Sequence[str],
    settings: Allocation,
    previous: Mapping[str, float] | None,
    *,
    takes_new_capital: Array | None = None,
    capital: Array | None = None,
    kept: Mapping[str, float] | None = None,
) -> Shares:
    """Shares for the last `count` rows of `returns` ([sessions, strategies] net paper returns).

    `previous` holds the shares of the session before (a strategy not in it had 0); None when there was none. Give at
    least `window_sessions - 1` rows of returns before the first wanted one, where they exist. `takes_new_capital`
    [count, strategies] says who may be given more than it has (None: all of them), and `capital` which part of the
    largest share each may have (None: all of it). `kept` holds the `Shares.kept` of the session before.
    """
    _refuse_unknown_names(strategies, settings)
    everyone, everything = np.ones(len(strategies), dtype=bool), np.ones(len(strategies))
    keeps = np.array([(kept or {}).get(name, np.nan) for name in strategies], dtype=np.float64)
    weights = np.empty((count, len(strategies)))
    requested, before, keeping = np.empty_like(weights), np.full_like(weights, np.nan), np.empty_like(weights)
    reasons = []
    held = None if previous is None else np.array([previous.get(name, 0.0) for name in strategies], dtype=np.float64)
    first = len(returns) - count
    for row in range(count):
        stop = first + row + 1
        window = returns[max(0, stop - settings.window_sessions) : stop]
        granted = everything if capital is None else capital[row]
        active = granted > 0.0
        active_names = tuple(name for name, is_active in zip(strategies, active, strict=True) if is_active)
        wanted = np.zeros(len(strategies))
        wanted[active] = requested_shares(window[:, active], active_names, settings)
        keeps = kept_shares(keeps, held, everyone if takes_new_capital is None else takes_new_capital[row])
        bounds = bounds_of(held, strategies, settings, largest_shares(keeps, granted, settings))
        shares = project(wanted, bounds, total=math.fsum(wanted))
        weights[row], requested[row], keeping[row] = shares, wanted, keeps
        if held is not None:
            before[row] = held
        reasons.append(_reasons(shares, wanted, held, settings, keeps, granted))
        held = shares
    return Shares(weights, requested, before, tuple(reasons), keeping)


def kept_shares(before: Array, held: Array | None, takes_new_capital: Array) -> Array:
    """The most that those have who take no new capital: what they had when that began. NaN for the others.

    `before` is the same of the session before, `held` the shares then; None when there was none.
    """
    at_first = 0.0 if held is None else held
    kept: Array = np.where(takes_new_capital, np.nan, np.where(np.isnan(before), at_first, before))
    return kept


def largest_shares(kept: Array, capital: Array, settings: Allocation) -> Array:
    """The most that each may have, by what it keeps and by the part of the largest share that it is granted."""
    largest: Array = np.fmin(kept, np.where(capital < 1.0, capital * settings.maximum, 1.0))
    return largest


def requested_shares(window: Array, strategies: Sequence[str], settings: Allocation) -> Array:
    """What the method asks for. Locked shares come first; the others share out what they leave."""
    locked = np.array([settings.locked.get(name, np.nan) for name in strategies], dtype=np.float64)
    free = np.isnan(locked)
    method = ALLOCATION_METHODS[settings.method]
    wish = method.wish(window, strategies, settings)
    if wish.shape != locked.shape or not np.isfinite(wish).all() or (wish < 0.0).any():
        raise ConfigurationError(
            "ALLOCATION_METHOD_WRONG",
            method=method.name,
            found=wish.tolist(),
            expected=f"{len(strategies)} finite numbers, none below 0",
            remedy="Mend the method, or choose another.",
        )
    if method.exact:
        return np.where(free, wish, locked)
    total = math.fsum(wish[free])
    left = 1.0 - math.fsum(locked[~free])
    return np.where(free, wish * (left / total) if total else 0.0, locked)


def bounds_of(
    previous: Array | None,
    strategies: Sequence[str],
    settings: Allocation,
    largest: Array | None = None,
) -> Bounds:
    """The box that holds every limit at once, in this order of precedence when they contradict each other.

    1. the shares add up to at most 1, and none is negative;
    2. the daily change (from the second session on);
    3. who has more than the `largest_shares` goes down to them by the daily change, and has no more of its own;
    4. locked shares, which neither minimum nor maximum binds: a new lock is approached by the daily change;
    5. the maximum;
    6. the minimum: a new strategy rises to it by the daily change; minimums that do not fit into 1 shrink together.

    The shares then add up to what the method asks for when these bounds allow it; the rest stays in cash.
    """
    size = len(strategies)
    floor, ceiling = np.zeros(size), np.ones(size)
    if previous is not None:
        floor = np.maximum(previous - settings.daily_change, 0.0)
        ceiling = previous + settings.daily_change
    if largest is not None:
        ceiling = np.maximum(np.minimum(ceiling, largest), floor)
    lock = np.array([settings.locked.get(name, np.nan) for name in strategies], dtype=np.float64)
    is_locked = ~np.isnan(lock)
    lower = np.clip(np.where(is_locked, lock, settings.minimum), floor, ceiling)
    upper = np.clip(np.where(is_locked, lock, settings.maximum), floor, ceiling)
    if math.fsum(lower) <= 1.0:
        return Bounds(lower, upper)
    unlocked_floor = np.where(is_locked, lower, floor)
    if math.fsum(unlocked_floor) <= 1.0:
        point = project(lower, Bounds(unlocked_floor, lower), total=1.0)
    else:
        point = project(lower, Bounds(floor, np.where(is_locked, lower, floor)), total=1.0)
    return Bounds(point, point)


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


def broken_limits(
    shares: Mapping[str, float],
    previous: Mapping[str, float] | None,
    settings: Allocation,
    *,
    largest: Mapping[str, float] | None = None,
) -> tuple[str, ...]:
    """Which limits a session's shares break, as readable lines; empty when all hold or give way as documented.

    `largest` are the `largest_shares` by name; who is not named may have everything.
    """
    names = tuple(shares)
    weights = np.array([shares[name] for name in names], dtype=np.float64)
    lines = [f"FINITE: strategy={n}, found={w}" for n, w in shares.items() if not math.isfinite(w)]
    if lines:
        return tuple(lines)
    held = None if previous is None else np.array([previous.get(name, 0.0) for name in names], dtype=np.float64)
    most = np.array([(largest or {}).get(name, 1.0) for name in names], dtype=np.float64)
    bounds = bounds_of(held, names, settings, most)
    for name, weight, low, high in zip(names, weights, bounds.lower, bounds.upper, strict=True):
        if weight < low - EPSILON:
            lines.append(f"SHARE_TOO_SMALL: strategy={name}, found={weight:.6g}, limit={low:.6g}")
        if weight > high + EPSILON:
            lines.append(f"SHARE_TOO_LARGE: strategy={name}, found={weight:.6g}, limit={high:.6g}")
    if math.fsum(weights) > 1.0 + EPSILON:
        lines.append(f"SHARES_ABOVE_ONE: found={math.fsum(weights):.6g}, limit=1")
    return tuple(lines)


def _reasons(
    shares: Array, wanted: Array, held: Array | None, settings: Allocation, kept: Array, capital: Array
) -> tuple[str, ...]:
    """Why each share is not what was asked for."""
    reasons = []
    for position, share in enumerate(shares.tolist()):
        moved = share - float(wanted[position])
        granted = float(capital[position] * settings.maximum) if capital[position] < 1.0 else 1.0
        if capital[position] == 0.0:
            reason = "has no capital: candidate or paused"
        elif abs(moved) <= EPSILON:
            reason = ""
        elif moved < 0 and share >= kept[position]:
            reason = f"gets no new capital: keeps {kept[position]:.4g}"
        elif moved < 0 and abs(share - granted) <= EPSILON:
            reason = f"growing capital: {granted:.4g} for now"
        elif held is not None and abs(abs(share - float(held[position])) - settings.daily_change) <= EPSILON:
            reason = f"daily change limit {settings.daily_change:g}"
        elif moved > 0 and abs(share - settings.minimum) <= EPSILON:
            reason = f"minimum {settings.minimum:g}"
        elif moved < 0 and abs(share - settings.maximum) <= EPSILON:
            reason = f"maximum {settings.maximum:g}"
        else:
            reason = "limits of the other strategies"
        reasons.append(reason)
    return tuple(reasons)


def _refuse_unknown_names(strategies: Sequence[str], settings: Allocation) -> None:
    for section in ("static", "locked"):
        unknown = sorted(set(getattr(settings, section)) - set(strategies))
        if unknown:
            raise ConfigurationError(
                "UNKNOWN_STRATEGY",
                found=f"allocation.{section}: {', '.join(unknown)}",
                expected=", ".join(strategies),
                remedy="Mend the names in portfolio.yaml.",
            )
