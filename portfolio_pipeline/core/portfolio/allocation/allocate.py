"""How capital is shared between the strategies: what a method asks for, and the nearest shares that the limits allow.

Path-dependent: each session's shares start from the session before. Reading and writing tables does not belong here,
nor what the strategies do with their capital, nor how a method comes to its wishes (`methods`), nor which shares all
limits allow together and what gives way where they contradict each other (`bounds`, `allowed`).

A strategy that takes no new capital (its results are doubted) has at most the share it had when that began: what it
lost since to other limits may return, and no more. Who may have only a part of the largest share has at most that; who
may have none (a candidate, a paused one) is given none, and what it had is taken back. The others share out what is
left, within their limits; what a paused one would have had stays in cash.

NaN policy: a NaN return is a session before the strategy had any; it is left out. Time: the shares of session t see the
paper returns up to t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.allowed import Allowed, nearest
from portfolio_pipeline.core.portfolio.allocation.bounds import Bounds, bounds_of, locked_shares
from portfolio_pipeline.core.portfolio.allocation.figures import anybody_known, covariances
from portfolio_pipeline.core.portfolio.allocation.methods import Known
from portfolio_pipeline.core.portfolio.allocation.possible import refuse_unknown_names
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.allocation.wishes import requested_shares
from portfolio_pipeline.core.risk.exposures import EPSILON


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of capital, [sessions, strategies]; what is missing to 1 stays in cash."""

    weight: Array
    requested: Array  # what the method asks for, before limits
    previous: Array  # NaN in the first session of all
    reason: tuple[tuple[str, ...], ...]  # what moved a share away from what was asked; empty if nothing did
    kept: Array  # the most for who takes no new capital, NaN for the others


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
    paused: Array | None = None,
    exposure: Array | None = None,
    classes: Sequence[str] | None = None,
    allowed_risk: Array | None = None,
) -> Shares:
    """Shares for the last `count` rows of `returns` ([sessions, strategies] net paper returns).

    `previous` holds the shares of the session before (a strategy not in it had 0); None when there was none. Give at
    least `sessions_seen - 1` rows of returns before the first wanted one, where they exist. `takes_new_capital`
    [count, strategies] says who may be given more than it has (None: all of them), `capital` which part of the
    largest share each may have (None: all of it), and `paused` who has none because it is paused. `kept` holds the
    `Shares.kept` of the session before. `allowed_risk` [count, strategies] is the part that the risk states leave of
    the largest share: who has less than 1 gives back at once, and what it gives stays in cash. `exposure`
    and `classes` are as in `Known`, the former of all rows.
    """
    refuse_unknown_names(strategies, settings)
    names, size = tuple(strategies), len(strategies)
    everyone, everything, nobody = np.ones(size, dtype=bool), np.ones(size), np.zeros(size, dtype=bool)
    exposure = np.full_like(returns, np.nan) if exposure is None else exposure
    classes = ("several",) * size if classes is None else classes
    keeps = np.array([(kept or {}).get(name, np.nan) for name in names], dtype=np.float64)
    weights = np.empty((count, size))
    requested, before, keeping = np.empty_like(weights), np.full_like(weights, np.nan), np.empty_like(weights)
    reasons = []
    held = None if previous is None else np.array([previous.get(name, 0.0) for name in names], dtype=np.float64)
    first = len(returns) - count
    for row in range(count):
        stop = first + row + 1
        seen = slice(max(0, stop - settings.sessions_seen), stop)
        granted = everything if capital is None else capital[row]
        stopped = nobody if paused is None else paused[row]
        risked = everything if allowed_risk is None else allowed_risk[row]
        answered = risked < 1.0
        lock = locked_shares(names, settings, held, exposure[stop - 1] > 0.0)
        wanted = np.zeros(size)
        sharing = np.flatnonzero((granted > 0.0) | stopped).tolist()
        known = Known(
            tuple(names[place] for place in sharing),
            np.ascontiguousarray(returns[seen][:, sharing]),
            np.ascontiguousarray(exposure[seen][:, sharing]),
            np.zeros(len(sharing)) if held is None else held[sharing],
            tuple(classes[place] for place in sharing),
        )
        if len(sharing):
            wanted[sharing] = requested_shares(known, settings, lock[sharing])
        keeps = kept_shares(keeps, held, everyone if takes_new_capital is None else takes_new_capital[row])
        largest = largest_shares(keeps, granted * risked, names, settings)
        bounds = bounds_of(held, names, settings, largest, lock, answered)
        # What a paused one is asked for is what it still has, so that nobody else gets its part.
        aim = np.where(stopped, bounds.upper, np.where(answered, np.minimum(wanted, bounds.upper), wanted))
        total = math.fsum(aim)
        allowed = allowed_shares(names, bounds, settings, held, returns[:stop])
        shares = nearest(aim, allowed, total if total <= 1.0 + EPSILON else 1.0)
        weights[row], requested[row], keeping[row] = shares, wanted, keeps
        if held is not None:
            before[row] = held
        reasons.append(_reasons(shares, wanted, allowed, keeps, granted, stopped))
        held = shares
    return Shares(weights, requested, before, tuple(reasons), keeping)


def allowed_shares(
    strategies: tuple[str, ...], bounds: Bounds, settings: Allocation, held: Array | None, returns: Array
) -> Allowed:
    """What all limits allow together, after `returns` up to a session."""
    window = returns[max(0, len(returns) - settings.window_sessions) :]
    told = anybody_known(window)
    return Allowed(strategies, bounds, settings, held, (lambda: covariances(window, settings)) if told else None)


def kept_shares(before: Array, held: Array | None, takes_new_capital: Array) -> Array:
    """The most that those have who take no new capital: what they had when that began. NaN for the others.

    `before` is the same of the session before, `held` the shares then; None when there was none.
    """
    at_first = 0.0 if held is None else held
    kept: Array = np.where(takes_new_capital, np.nan, np.where(np.isnan(before), at_first, before))
    return kept


def largest_shares(kept: Array, capital: Array, strategies: Sequence[str], settings: Allocation) -> Array:
    """The most that each may have, by what it keeps and by the part of the largest share that it is granted."""
    maximum = np.array([settings.bounds_of(name)[1] for name in strategies])
    largest: Array = np.fmin(kept, np.where(capital < 1.0, capital * maximum, 1.0))
    return largest


def broken_limits(
    shares: Mapping[str, float],
    previous: Mapping[str, float] | None,
    settings: Allocation,
    *,
    largest: Mapping[str, float] | None = None,
    invested: Mapping[str, bool] | None = None,
    returns: Mapping[str, Array] | None = None,
    at_once: Mapping[str, bool] | None = None,
) -> tuple[str, ...]:
    """Which limits a session's shares break, as readable lines; empty when all hold or give way as documented.

    By name: `largest` are the `largest_shares` (who is not named may have everything), `invested` says who holds
    something, and `returns` are the paper returns of the window; without them nobody is asked about tracking error.
    `at_once` says who gives back at once.
    """
    names = tuple(shares)
    weights = np.array([shares[name] for name in names], dtype=np.float64)
    lines = [f"FINITE: strategy={n}, found={w}" for n, w in shares.items() if not math.isfinite(w)]
    if lines:
        return tuple(lines)
    held = None if previous is None else np.array([previous.get(name, 0.0) for name in names], dtype=np.float64)
    most = np.array([(largest or {}).get(name, 1.0) for name in names], dtype=np.float64)
    lock = locked_shares(names, settings, held, np.array([(invested or {}).get(name, False) for name in names]))
    released = np.array([(at_once or {}).get(name, False) for name in names])
    bounds = bounds_of(held, names, settings, most, lock, released)
    for name, weight, low, high in zip(names, weights, bounds.lower, bounds.upper, strict=True):
        if weight < low - EPSILON:
            lines.append(f"SHARE_TOO_SMALL: strategy={name}, found={weight:.6g}, limit={low:.6g}")
        if weight > high + EPSILON:
            lines.append(f"SHARE_TOO_LARGE: strategy={name}, found={weight:.6g}, limit={high:.6g}")
    if math.fsum(weights) > 1.0 + EPSILON:
        lines.append(f"SHARES_ABOVE_ONE: found={math.fsum(weights):.6g}, limit=1")
    if returns is None:
        settings = settings.model_copy(update={"tracking_error": None})
        paper = np.empty((0, len(names)))
    else:
        paper = np.stack([returns[name] for name in names], axis=1)
    return (*lines, *allowed_shares(names, bounds, settings, held, paper).broken(weights, EPSILON))


def _reasons(
    shares: Array, wanted: Array, allowed: Allowed, kept: Array, capital: Array, paused: Array
) -> tuple[str, ...]:
    """Why each share is not what was asked for."""
    settings, held = allowed.settings, allowed.held
    together = allowed.binding(shares)
    reasons = []
    for position, share in enumerate(shares.tolist()):
        lowest, highest = settings.bounds_of(allowed.strategies[position])
        moved = share - float(wanted[position])
        granted = float(capital[position] * highest) if capital[position] < 1.0 else 1.0
        several = next((told for told, members in together if members[position]), None)
        if paused[position]:
            reason = "paused: its share stays in cash"
        elif capital[position] == 0.0:
            reason = "has no capital: candidate or paused"
        elif abs(moved) <= EPSILON:
            reason = ""
        elif moved < 0 and share >= kept[position]:
            reason = f"gets no new capital: keeps {kept[position]:.4g}"
        elif moved < 0 and abs(share - granted) <= EPSILON:
            reason = f"growing capital: {granted:.4g} for now"
        elif held is not None and abs(abs(share - float(held[position])) - settings.daily_change) <= EPSILON:
            reason = f"daily change limit {settings.daily_change:g}"
        elif moved > 0 and abs(share - lowest) <= EPSILON:
            reason = f"minimum {lowest:g}"
        elif moved < 0 and abs(share - highest) <= EPSILON:
            reason = f"maximum {highest:g}"
        elif several is not None:
            reason = several
        elif moved > 0 and share < lowest:
            reason = f"minimum {lowest:g} gives way: there is not enough for all"
        else:
            reason = "limits of the other strategies"
        reasons.append(reason)
    return tuple(reasons)
