"""Which sets are used: a mixture of the best, or the best neighbourhood alone, if it is better by more than a change
costs.

A choice at a session needs what is known at it and what was in use before it, and nothing else, so a range is chosen
session by session. Scoring does not belong here, nor which sets there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.search.objectives import Objective
from portfolio_pipeline.core.strategies.card import Search


@dataclass(frozen=True, eq=False)
class Scores:
    """What is known of a pool's candidates at some sessions. Arrays are [rows, candidates] unless said otherwise."""

    rows: Array  # [rows], positions of the sessions in the history
    enough: Array  # [rows]: whether there are enough sessions for scores
    metrics: Array  # [METRICS, rows, candidates], on the window
    values: Array  # [goals, rows, candidates]
    raw: Array
    smoothed: Array
    held_out: Array | None  # scores on the newest sessions, which `raw` does not see


@dataclass(frozen=True)
class Choice:
    """The candidates in use from a session's close on, by their places in the pool, the largest share first."""

    places: tuple[int, ...]
    shares: tuple[float, ...]
    settled: bool  # whether they were ever chosen by a score
    searched: bool
    reason: str

    @classmethod
    def single(cls, place: int, settled: bool, searched: bool, reason: str) -> Choice:
        return cls((place,), (1.0,), settled, searched, reason)


def choose(
    scores: Scores,
    k: int,
    in_use: int | None,
    default: int,
    due: bool,
    objective: Objective,
    search: Search,
    change_cost: Callable[[int, int], tuple[float, float]],
) -> Choice:
    """The choice at row k of the scores. `in_use` is None until something was chosen by its score.

    `change_cost(best, in_use)` is what a change costs a year, as a fraction, and the best one's downside deviation.
    """
    waiting = _nothing_to_choose(scores, k, due, search)
    if waiting is not None:
        return Choice.single(default if in_use is None else in_use, in_use is not None, False, waiting[in_use is None])
    smoothed = scores.smoothed[k]
    best = int(np.argmax(smoothed))
    if in_use is None:
        return Choice.single(best, True, True, f"first choice by {objective}")
    if best == in_use:
        return Choice.single(best, True, True, f"kept: still the best by {objective}")

    gain = float(smoothed[best] - smoothed[in_use])
    margin = search.switch_margin * abs(float(smoothed[best]))
    if gain <= margin:
        reason = f"kept: the best is better by {gain:.3g}, no more than the margin {margin:.3g}"
        return Choice.single(in_use, True, True, reason)
    cost = _in_score(scores, k, best, objective, *change_cost(best, in_use))
    if gain <= cost:
        reason = f"kept: the best is better by {gain:.3g}, no more than a change costs, {cost:.3g}"
        return Choice.single(in_use, True, True, reason)
    if scores.held_out is not None and not scores.held_out[k, best] >= scores.held_out[k, in_use]:
        return Choice.single(in_use, True, True, "kept: not confirmed on the sessions held out")
    was, now = float(smoothed[in_use]), float(smoothed[best])
    return Choice.single(best, True, True, f"changed: score {was:.3g} -> {now:.3g}, change costs {cost:.3g}")


def choose_mixture(
    scores: Scores,
    k: int,
    in_use: tuple[tuple[int, ...], tuple[float, ...]] | None,
    default: int,
    due: bool,
    objective: Objective,
    search: Search,
    evidence: Callable[[Array, Array], float],
) -> Choice:
    """The mixture at row k of the scores. `in_use` is None until something was chosen by its score.

    Of sets with the same score the earlier of the pool comes first.
    `evidence(places, shares)` is by how many standard errors a mixture has been better than the default so far.
    """
    waiting = _nothing_to_choose(scores, k, due, search)
    if waiting is not None:
        places, shares = ((default,), (1.0,)) if in_use is None else in_use
        return Choice(places, shares, in_use is not None, False, waiting[in_use is None])
    best = np.argsort(-scores.smoothed[k], kind="stable")[: search.mixture]
    better = evidence(best, np.full(len(best), 1.0 / len(best)))
    trusted = _trusted(better, search.trust)
    parts = dict.fromkeys(best.tolist(), trusted / len(best)) if trusted else {}
    if trusted < 1.0:
        parts[default] = parts.get(default, 0.0) + 1.0 - trusted
    # Sorting is stable: of equal shares the better set comes first.
    places = tuple(sorted(parts, key=lambda place: -parts[place]))
    shares = tuple(parts[place] for place in places)
    told = f"the best {len(best)} by {objective} are better than the default by {better:.2g} standard errors"
    if in_use is None:
        return Choice(places, shares, True, True, f"first mixture: {told}, and have {trusted:.0%}")
    before = dict(zip(*in_use, strict=True))
    others = math.fsum(max(0.0, share - before.get(place, 0.0)) for place, share in parts.items())
    if others <= search.renewed_share:
        reason = f"kept: {others:.0%} of the mixture would be others, no more than {search.renewed_share:.0%}"
        return Choice(*in_use, True, True, reason)
    return Choice(places, shares, True, True, f"changed: {others:.0%} are others; {told}, and have {trusted:.0%}")


def _trusted(better: float, trust: float) -> float:
    """The part that is taken from the default, in steps of a twentieth."""
    if trust == 0.0:
        return 1.0
    return round(20.0 * min(1.0, max(0.0, better / trust))) / 20.0


def _nothing_to_choose(scores: Scores, k: int, due: bool, search: Search) -> tuple[str, str] | None:
    """Why nothing is chosen at row k, in words for what is in use, and for the default; None where something is."""
    if not scores.enough[k]:
        fewest = minimum_sessions(search)
        return f"kept: fewer than {fewest} sessions of scores", f"default: fewer than {fewest} sessions of scores"
    if not due:
        return f"not due: searched {search.cadence}", f"default: not due, searched {search.cadence}"
    return None


def minimum_sessions(search: Search) -> int:
    """Fewer sessions than these are no score."""
    return min(MINIMUM_SESSIONS, search.window_sessions)


MINIMUM_SESSIONS = 126


def yearly(cost: float, sessions: int) -> float:
    """A cost that is paid once, spread over so many sessions."""
    return cost * SESSIONS_PER_YEAR / sessions


def downside(returns: Array) -> float:
    """Yearly deviation of the returns below 0, over all of them."""
    below = np.minimum(returns, 0.0)
    return float(np.sqrt(np.mean(below * below) * SESSIONS_PER_YEAR))


def _in_score(scores: Scores, k: int, best: int, objective: Objective, cost: float, deviation: float) -> float:
    """How much lower the best one's score were, had its returns been lower by the cost."""
    values = scores.values[:, k : k + 1]
    dearer = values.copy()
    dearer[:, 0, best] = objective.after_cost(values[:, 0, best], cost, scores.metrics[:, k, best], deviation)
    if not objective.at_once:
        values, dearer = values[:, :, best : best + 1], dearer[:, :, best : best + 1]
        best = 0
    return float(objective.scores(values)[0, best] - objective.scores(dearer)[0, best])
