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
from functools import partial

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.allowed import Allowed
from portfolio_pipeline.core.portfolio.allocation.bounds import Bounds, bounds_of, locked_by_hand, locked_shares
from portfolio_pipeline.core.portfolio.allocation.figures import anybody_known, covariances
from portfolio_pipeline.core.portfolio.allocation.methods import Known
from portfolio_pipeline.core.portfolio.allocation.methods.max_sharpe import expectations
from portfolio_pipeline.core.portfolio.allocation.possible import refuse_unknown_names
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.allocation.wishes import requested_shares
from portfolio_pipeline.core.portfolio.rebalancing.benefit import Terms
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import ByHand
from portfolio_pipeline.core.portfolio.rebalancing.course import Choice, Course, Decision, Standing
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.portfolio.rebalancing.triggers import Signals
from portfolio_pipeline.core.risk.exposures import EPSILON

_PAUSED, _NO_CAPITAL = "paused: its share stays in cash", "has no capital: candidate or paused"
_LASTING = (_PAUSED, _NO_CAPITAL)


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of capital, [sessions, strategies]; what is missing to 1 stays in cash."""

    weight: Array
    requested: Array  # what the method asks for, before limits
    previous: Array  # NaN in the first session of all
    reason: tuple[tuple[str, ...], ...]  # what moved a share away from what was asked; empty if nothing did
    kept: Array  # the most for who takes no new capital, NaN for the others
    decided: Array  # what is on its way, NaN where nothing is
    drifted: Array  # what paper returns would have made of the share since capital was last moved
    decisions: tuple[Decision, ...]
    steps_left: tuple[int, ...]


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
    rebalancing: Rebalancing | None = None,
    signals: Signals | None = None,
    standing: Standing | None = None,
    by_hand: ByHand | None = None,
    cost: float = 0.0,
) -> Shares:
    """Shares for the last `count` rows of `returns` ([sessions, strategies] net paper returns).

    `previous` holds the shares of the session before (a strategy not in it had 0); None when there was none. Give at
    least `sessions_seen - 1` rows of returns before the first wanted one, where they exist. `takes_new_capital`
    [count, strategies] says who may be given more than it has (None: all of them), `capital` which part of the
    largest share each may have (None: all of it), and `paused` who has none because it is paused. `kept` holds the
    `Shares.kept` of the session before. `exposure` and `classes` are as in `Known`, the former of all rows.

    Every session is decided anew unless `rebalancing` and its `signals` say otherwise; `standing` is what the session
    before left, `by_hand` what people say, `cost` that of trading a unit of currency.
    """
    refuse_unknown_names(strategies, settings)
    names, size = tuple(strategies), len(strategies)
    everyone, everything, nobody = np.ones(size, dtype=bool), np.ones(size), np.zeros(size, dtype=bool)
    exposure = np.full_like(returns, np.nan) if exposure is None else exposure
    classes = ("several",) * size if classes is None else classes
    keeps = np.array([(kept or {}).get(name, np.nan) for name in names], dtype=np.float64)
    weights = np.empty((count, size))
    requested, before, keeping = np.empty_like(weights), np.full_like(weights, np.nan), np.empty_like(weights)
    decided, drifted, reasons, decisions, steps_left = keeping.copy(), keeping.copy(), [], [], []
    course = Course(rebalancing or Rebalancing(), signals, standing)
    held = None if previous is None else np.array([previous.get(name, 0.0) for name in names], dtype=np.float64)
    first = len(returns) - count
    for row in range(count):
        stop = first + row + 1
        seen = slice(max(0, stop - settings.sessions_seen), stop)
        granted = everything if capital is None else capital[row]
        stopped = nobody if paused is None else paused[row]
        lock = locked_shares(names, settings, held, exposure[stop - 1] > 0.0)
        if by_hand is not None:
            lock = locked_by_hand(lock, by_hand.share[row], by_hand.kept[row], held)
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
        largest = largest_shares(keeps, granted, names, settings)
        bounds = bounds_of(held, names, settings, largest, lock)
        # What a paused one is asked for is what it still has, so that nobody else gets its part.
        aim = np.where(stopped, bounds.upper, wanted)
        allowed = allowed_shares(names, bounds, settings, held, returns[:stop])
        far = Allowed(names, bounds_of(None, names, settings, largest, lock), settings, None, None)
        terms = Terms(partial(_expected, returns[seen], settings), _traded(exposure[stop - 1]), cost)
        barred = stopped | (granted == 0.0)
        shares, decision = course.go_on(row, returns[stop - 1], Choice(aim, allowed, far, barred), terms)
        weights[row], requested[row], keeping[row] = shares, wanted, keeps
        if held is not None:
            before[row] = held
        goal = course.standing.goal
        decided[row], drifted[row] = np.nan if goal is None else goal, course.standing.drifted
        steps_left.append(course.standing.steps_left)
        decisions.append(decision)
        told = _reasons(shares, wanted, allowed, keeps, granted, stopped)
        reasons.append(told if decision.trigger and decision.kind != "refused" else _as_decided(told, decision))
        held = shares
    return Shares(
        weights, requested, before, tuple(reasons), keeping, decided, drifted, tuple(decisions), tuple(steps_left)
    )


def _expected(returns: Array, settings: Allocation) -> tuple[Array, Array]:
    """Means and covariance of a year, of all strategies."""
    window = np.ascontiguousarray(returns[-settings.sessions_of_method :])
    nobody = np.zeros(window.shape[1])
    return expectations(Known((), window, np.full_like(window, np.nan), nobody, ()), settings)


def _traded(exposure: Array) -> Array:
    """How much of its capital a strategy holds; all of it where that is not known."""
    return np.where(np.isnan(exposure), 1.0, exposure)


def _as_decided(told: tuple[str, ...], decision: Decision) -> tuple[str, ...]:
    """A share that is not what the method asks for today, because nobody asked it to move there."""
    why = f"{decision.kind}: {decision.reason}" if decision.reason else decision.kind
    return tuple(why if one and not one.startswith(_LASTING) else one for one in told)


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
    by_hand: Mapping[str, float] | None = None,
) -> tuple[str, ...]:
    """Which limits a session's shares break, as readable lines; empty when all hold or give way as documented.

    By name: `largest` are the `largest_shares` (who is not named may have everything), `invested` says who holds
    something, and `returns` are the paper returns of the window; without them nobody is asked about tracking error.
    `by_hand` are the shares that people set or keep.
    """
    names = tuple(shares)
    weights = np.array([shares[name] for name in names], dtype=np.float64)
    lines = [f"FINITE: strategy={n}, found={w}" for n, w in shares.items() if not math.isfinite(w)]
    if lines:
        return tuple(lines)
    held = None if previous is None else np.array([previous.get(name, 0.0) for name in names], dtype=np.float64)
    most = np.array([(largest or {}).get(name, 1.0) for name in names], dtype=np.float64)
    lock = locked_shares(names, settings, held, np.array([(invested or {}).get(name, False) for name in names]))
    lock = np.array([(by_hand or {}).get(name, own) for name, own in zip(names, lock.tolist(), strict=True)])
    bounds = bounds_of(held, names, settings, most, lock)
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
            reason = _PAUSED
        elif capital[position] == 0.0:
            reason = _NO_CAPITAL
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
