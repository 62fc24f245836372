"""Which shares are allowed at a session, all limits together, and the nearest allowed ones to what is wanted.

Limits that contradict each other on a day give way in this order, the last first:

1. the bounds of single shares, which hold together by themselves (`bounds`);
2. the largest share of a group, as near as its members' bounds let it come;
3. the smallest share of a group, likewise, and left out where groups contradict each other;
4. the turnover budget, to a hundredth more than the way to the nearest shares that hold all of the above;
5. the tracking error, likewise;
6. that the shares add up to what the method asks for: as nearly as they can.

Exact: where only bounds of single shares bind it is the projection onto them, else a quadratic problem for which the
turnover budget is a few of its planes, and the tracking error is met by its Lagrange multiplier.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.bounds import Bounds, project
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.risk.exposures import EPSILON
from portfolio_pipeline.core.weighing.quadratic import largest_below, minimise

_EXACT = 1e-12
_PULL, _HEAVY = 1e3, 1e6
"""What a gap in the sum weighs beside the distance to what is wanted: where it is closed step by step, and at once."""
_ROUNDING, _SLACK = 1e-10, 1e-11
"""What a limit may be passed by for rounding; and what limits of several shares are eased by, lest they clash by it."""
_EASE = 1.01
"""What gives way gives a hundredth more than it has to: else there would be no choice left but for rounding."""
_ROUNDS = 60


@dataclass(frozen=True, eq=False)
class Allowed:
    """The shares that all limits allow together. `held` are the present ones, None where there are none."""

    strategies: tuple[str, ...]
    bounds: Bounds
    settings: Allocation
    held: Array | None
    covariance: Callable[[], Array] | None
    """Of a year; None where nobody knows anything of it, and no tracking error binds."""

    @cached_property
    def members(self) -> Array:
        """[groups, strategies]: 1 for who is in it."""
        rows = [
            [float(name in group.strategies) for name in self.strategies] for group in self.settings.groups.values()
        ]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.strategies))

    @cached_property
    def groups(self) -> tuple[Array, Array]:
        """The smallest and largest sum of each group."""
        wanted = self.settings.groups.values()
        most = np.maximum([group.maximum for group in wanted], self.members @ self.bounds.lower)
        least = np.minimum([group.minimum for group in wanted], np.minimum(self.members @ self.bounds.upper, most))
        for chosen in ((least, most), (np.zeros(len(least)), most)):
            if not len(most) or minimise(*self.curve(self.start), *self.planes(*chosen)) is not None:
                return chosen
        return np.zeros(len(least)), np.ones(len(most))

    @cached_property
    def forced(self) -> Array:
        """The nearest shares to the present ones that hold all bounds: what has to be changed in any case."""
        found = minimise(*self.curve(self.start), *self.planes(*self.groups))
        return self.start if found is None else np.clip(found, self.bounds.lower, self.bounds.upper)

    @cached_property
    def turnover(self) -> float:
        """What may be bought plus sold."""
        limit = self.settings.turnover
        return math.inf if self.held is None or limit is None else max(limit, _EASE * self.bought_and_sold(self.forced))

    @cached_property
    def tracking_error(self) -> float:
        limit = self.settings.tracking_error
        bound = self.held is not None and self.covariance is not None and limit is not None
        return max(limit or 0.0, _EASE * self.apart(self.forced)) if bound else math.inf

    def bought_and_sold(self, shares: Array) -> float:
        return 0.0 if self.held is None else math.fsum(np.abs(shares - self.held))

    def apart(self, shares: Array) -> float:
        """The volatility of the difference to the present shares, a year."""
        if self.held is None or self.covariance is None:
            return 0.0
        moved = shares - self.held
        return math.sqrt(max(0.0, float(moved @ self.risk @ moved)))

    def broken(self, shares: Array, tolerance: float) -> tuple[str, ...]:
        """The limits of several shares that these break, as readable lines. Cheap where nothing is near a limit."""
        lines = []
        if len(self.members):
            least, most = self.groups
            for name, found, low, high in zip(self.settings.groups, self.members @ shares, least, most, strict=True):
                if found < low - tolerance:
                    lines.append(f"GROUP_TOO_SMALL: group={name}, found={found:.6g}, limit={low:.6g}")
                if found > high + tolerance:
                    lines.append(f"GROUP_TOO_LARGE: group={name}, found={found:.6g}, limit={high:.6g}")
        for name, limit, now, highest in self._changes():
            found = now(shares)
            if found > limit + tolerance and found > highest() + tolerance:
                told = name.upper().replace(" ", "_")
                lines.append(f"{told}_TOO_LARGE: found={found:.6g}, limit={highest():.6g}")
        return tuple(lines)

    def binding(self, shares: Array) -> tuple[tuple[str, Array], ...]:
        """The limits of several shares that these stand at, and for whom."""
        found: list[tuple[str, Array]] = []
        if len(self.members):
            for (name, group), sums, least, most, members in zip(
                self.settings.groups.items(), self.members @ shares, *self.groups, self.members, strict=True
            ):
                for limit, wanted, word in ((most, group.maximum, "at most"), (least, group.minimum, "at least")):
                    if abs(sums - limit) <= EPSILON:
                        way = "" if abs(limit - wanted) <= EPSILON else f" gives way to {limit:.4g}"
                        found.append((f"group {name} {word} {wanted:g}{way}", members > 0.0))
        everyone = np.ones(len(shares), dtype=bool)
        for name, limit, now, highest in self._changes():
            if now(shares) >= limit - EPSILON and now(shares) >= highest() - EPSILON:
                way = "" if highest() <= limit + EPSILON else f" gives way to {highest():.4g}"
                found.append((f"{name} {limit:g}{way}", everyone))
        return tuple(found)

    def _changes(self) -> list[tuple[str, float, Callable[[Array], float], Callable[[], float]]]:
        """Limits on the way from the present shares: name, setting, what is measured, and the limit of the day."""
        found: list[tuple[str, float, Callable[[Array], float], Callable[[], float]]] = []
        if self.held is not None and self.settings.turnover is not None:
            found.append(("turnover", self.settings.turnover, self.bought_and_sold, lambda: self.turnover))
        if self.held is not None and self.settings.tracking_error is not None:
            found.append(("tracking error", self.settings.tracking_error, self.apart, lambda: self.tracking_error))
        return found

    @cached_property
    def risk(self) -> Array:
        return np.zeros((len(self.strategies),) * 2) if self.covariance is None else self.covariance()

    @cached_property
    def start(self) -> Array:
        """The present shares within the bounds of each."""
        held = np.zeros(len(self.strategies)) if self.held is None else self.held
        return project(held, self.bounds, min(1.0, math.fsum(np.clip(held, self.bounds.lower, self.bounds.upper))))

    def curve(self, aim: Array) -> tuple[Array, Array]:
        return np.eye(len(aim)), aim

    def planes(self, least: Array, most: Array) -> tuple[Array, Array]:
        size = len(self.strategies)
        rows = np.vstack([-np.eye(size), np.eye(size), -self.members, self.members, np.ones((1, size))])
        lowest = math.fsum(self.bounds.lower)
        whole = 1.0 if lowest < 1.0 - _ROUNDING else lowest + _SLACK
        return rows, np.concatenate([-self.bounds.lower, self.bounds.upper, _SLACK - least, _SLACK + most, [whole]])


def nearest(wanted: Array, allowed: Allowed, total: float) -> Array:
    """The allowed shares nearest to `wanted` (least squares), of those whose sum is as near to `total` as it can be."""
    found = project(wanted, allowed.bounds, total)
    return found if not allowed.broken(found, _EXACT) else _among_all(wanted, allowed, total)


def _among_all(wanted: Array, allowed: Allowed, total: float) -> Array:
    """First with the sum itself; where the tracking error does not let it be reached, with a gap that weighs heavily.

    What rounding leaves outside is drawn back to what has to be changed in any case, which holds every limit.
    """
    held = np.zeros(len(wanted)) if allowed.held is None else allowed.held
    limit = allowed.tracking_error

    def at(multiplier: float, *, exactly: bool) -> Array:
        curvature, slope = np.eye(len(wanted)), wanted
        if multiplier:
            curvature, slope = curvature + multiplier * allowed.risk, slope + multiplier * (allowed.risk @ held)
        return _summing_up(curvature, slope, allowed, total, exactly=exactly)

    for exactly in (True, False) if _can_sum_up(allowed, total) else (False,):
        multiplier = largest_below(lambda x, e=exactly: allowed.apart(at(x, exactly=e)), limit, 0.0)  # type: ignore[misc]
        found = at(multiplier, exactly=exactly)
        for back in (0.0, 1e-8, 1e-4):
            drawn: Array = found + back * (allowed.forced - found)
            if not allowed.broken(drawn, _ROUNDING):
                return drawn
    return allowed.forced


def _can_sum_up(allowed: Allowed, total: float) -> bool:
    """Whether the tracking error lets shares add up to `total`, or what else comes nearest to it."""
    if not math.isfinite(allowed.tracking_error):
        return True
    ones, (rows, most) = np.ones((1, len(allowed.strategies))), allowed.planes(*allowed.groups)
    rows, most = np.vstack([rows, ones, -ones]), np.append(most, [total, -total])
    assert allowed.held is not None
    nearest_sum = minimise(allowed.risk, allowed.risk @ allowed.held, rows, most)
    return nearest_sum is not None and allowed.apart(nearest_sum) <= allowed.tracking_error


def _summing_up(curvature: Array, slope: Array, allowed: Allowed, total: float, *, exactly: bool) -> Array:
    """The best shares whose sum comes as near to `total` as it can: `exactly`, by the method of multipliers.

    Of the turnover budget, whose planes are as many as there are ways to buy and sell, only those come in that are met.
    """
    rows, most = allowed.planes(*allowed.groups)
    pull = _PULL * float(np.diag(curvature).mean()) if exactly else _HEAVY
    aim, gap_before = total, math.inf
    ways: set[bytes] = set()
    found = allowed.forced
    for _ in range(_ROUNDS):
        best = minimise(curvature + pull, slope + pull * aim, rows, most)
        if best is None:
            break
        found = np.clip(best, allowed.bounds.lower, allowed.bounds.upper)
        if allowed.held is not None and allowed.bought_and_sold(found) > allowed.turnover + _EXACT:
            way = np.sign(found - allowed.held)
            if way.tobytes() not in ways:
                ways.add(way.tobytes())
                rows, most = np.vstack([rows, way]), np.append(most, allowed.turnover + way @ allowed.held)
                continue
        gap = total - math.fsum(found)
        if not exactly or abs(gap) <= _EXACT or abs(gap - gap_before) <= _EXACT:
            break
        aim, gap_before = aim + gap, gap
    # Steep curvatures leave some rounding; the nearest point within the same planes has none.
    polished = minimise(*allowed.curve(found), rows, most)
    return found if polished is None else np.clip(polished, allowed.bounds.lower, allowed.bounds.upper)
