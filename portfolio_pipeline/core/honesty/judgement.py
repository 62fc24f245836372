"""Whether a strategy is believed, doubted or unproven at each session, and on what grounds.

Evidence out of sample decides (`evidence`). What the search itself showed was searched over and counts for the young
alone, of whom little has arrived yet: there it can forbid belief and be reason to doubt. A verdict is entered at one
threshold and left at another, so that it does not flap.

Path-dependent: verdicts are found from the first session on, and those of a session depend on nothing after it. What
follows from them (a report, no new capital, a stage) is done elsewhere.

NaN policy: NaN is what is not known: no reason to doubt, and none to believe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.honesty.evidence import Evidence
from portfolio_pipeline.core.strategies.card import Honesty

UNPROVEN, BELIEVED, DOUBTED = range(3)
VERDICTS = ("unproven", "believed", "doubted")
EASING = 0.1  # by which a figure of the search has to be better than its limit before doubt of it ends


@dataclass(frozen=True, eq=False)
class Judged:
    """One entry a session: the verdict as a place in VERDICTS, and the grounds for doubt."""

    verdict: Array
    losing: Array
    overfitted: Array
    paths_lose: Array
    young: Array


def judge(
    limits: Honesty, evidence: Evidence, *, deflated_sharpe: Array, overfitting: Array, loss: Array, path_loss: Array
) -> Judged:
    """The verdict of every session, from evidence and from what its search showed (figures of search_statistics).

    `overfitting` asks whether choosing did harm. Where all trials are equally good it is 0.5 by chance, and does none:
    it is held against nobody whose chosen trials lost in `harmless_loss` of the splits or fewer. `path_loss` is NaN
    where it is not asked.
    """
    young = evidence.active < limits.young_sessions
    harmful = np.where(loss <= limits.harmless_loss, 0.0, overfitting)
    losing = _held(evidence.loss, limits.doubted_at, limits.doubted_until)
    overfitted = young & _exceeding(harmful, limits.maximum_overfitting)
    paths_lose = young & _exceeding(path_loss, limits.maximum_path_loss)
    doubted = losing | overfitted | paths_lose
    may_enter = (evidence.active >= limits.fewest_sessions) & (
        ~young | (deflated_sharpe >= limits.minimum_deflated_sharpe)
    )
    believed = _believing(evidence.gain, may_enter, doubted, limits.believed_at, limits.believed_until)
    verdict = np.where(doubted, DOUBTED, np.where(believed, BELIEVED, UNPROVEN))
    return Judged(verdict, losing, overfitted, paths_lose, young)


def _exceeding(figure: Array, limit: float) -> Array:
    """Whether a figure of the search is too high; it stays so until it is better by EASING, and while it is unknown."""
    above = np.nextafter(limit, np.inf)
    return _held(figure, above, max(above - EASING, 0.0))


@njit(cache=True, nogil=True)
def _held(figure: Array, enter: float, leave: float) -> Array:
    """True from when the figure reaches `enter` until it is below `leave`."""
    held = np.zeros(len(figure), np.bool_)
    holds = False
    for t in range(len(figure)):
        if figure[t] >= enter:
            holds = True
        elif figure[t] < leave:
            holds = False
        held[t] = holds
    return held


@njit(cache=True, nogil=True)
def _believing(gain: Array, may_enter: Array, doubted: Array, enter: float, leave: float) -> Array:
    believed = np.zeros(len(gain), np.bool_)
    holds = False
    for t in range(len(gain)):
        if doubted[t] or gain[t] < leave:
            holds = False
        elif may_enter[t] and gain[t] >= enter:
            holds = True
        believed[t] = holds
    return believed
