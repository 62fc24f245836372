"""Which set is used: the best neighbourhood, when it is better by more than a margin and by more than a change costs.

A choice at a session needs what is known at it and the set in use before it, and nothing else, so a range is chosen
session by session. Scoring does not belong here, nor which sets there are.
"""

from __future__ import annotations

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
    """The candidate in use from a session's close on, by its place in the pool."""

    place: int
    settled: bool  # whether it was ever chosen by a score
    searched: bool
    reason: str


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
    if not scores.enough[k]:
        if in_use is None:
            return Choice(default, False, False, f"default: fewer than {minimum_sessions(search)} sessions of scores")
        return Choice(in_use, True, False, f"kept: fewer than {minimum_sessions(search)} sessions of scores")
    if not due:
        if in_use is None:
            return Choice(default, False, False, f"default: not due, searched {search.cadence}")
        return Choice(in_use, True, False, f"not due: searched {search.cadence}")
    smoothed = scores.smoothed[k]
    best = int(np.argmax(smoothed))
    if in_use is None:
        return Choice(best, True, True, f"first choice by {objective}")
    if best == in_use:
        return Choice(best, True, True, f"kept: still the best by {objective}")

    gain = float(smoothed[best] - smoothed[in_use])
    margin = search.switch_margin * abs(float(smoothed[best]))
    if gain <= margin:
        reason = f"kept: the best is better by {gain:.3g}, no more than the margin {margin:.3g}"
        return Choice(in_use, True, True, reason)
    cost = _in_score(scores, k, best, objective, *change_cost(best, in_use))
    if gain <= cost:
        reason = f"kept: the best is better by {gain:.3g}, no more than a change costs, {cost:.3g}"
        return Choice(in_use, True, True, reason)
    if scores.held_out is not None and not scores.held_out[k, best] >= scores.held_out[k, in_use]:
        return Choice(in_use, True, True, "kept: not confirmed on the sessions held out")
    was, now = float(smoothed[in_use]), float(smoothed[best])
    return Choice(best, True, True, f"changed: score {was:.3g} -> {now:.3g}, change costs {cost:.3g}")


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
