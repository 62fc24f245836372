"""A memory for regimes: what the sessions so far say together, in place of each by itself.

What a session says is noisy, and what the market is in changes slowly: the probabilities are filtered as a level behind
noise is (Kalman's filter in its steady state). Each session moves them by 1 / (1 + memory) of the way to what it says,
so that what they know is `memory` sessions old on average. The regime that is told has a cost of switching: it is left
only for one that has become more than TWICE as likely. Nothing is ever revised: a session sees itself and those before.

With a memory of 0 each session speaks for itself. What a session says is not found here (`rules`, `markov`).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.tables.market import REGIMES

TWICE = 2.0
_UNDECIDED = REGIMES.index("transition")


def remembered(likeness: Array, memory: int) -> tuple[Array, Array]:
    """Filtered probabilities [sessions, regimes], and the place of the regime told; rows of `likeness` add up to 1.

    It begins with the first session that favours any regime; transition is told up to then.
    """
    if memory == 0:
        return likeness, most_probable(likeness)
    probabilities, told = likeness.copy(), np.full(len(likeness), _UNDECIDED)
    favours = np.flatnonzero(~_all_alike(likeness))
    if len(favours):
        _remember(likeness, favours[0], 1.0 / (1.0 + memory), probabilities, told)
    return probabilities, told


def most_probable(probabilities: Array) -> Array:
    """The place of each row's most probable regime; transition where all are as likely."""
    best: Array = np.where(_all_alike(probabilities), _UNDECIDED, probabilities.argmax(axis=1))
    return best


def _all_alike(probabilities: Array) -> Array:
    alike: Array = (probabilities == probabilities[:, :1]).all(axis=1)
    return alike


@njit(cache=True, nogil=True)
def _remember(likeness: Array, first: int, step: float, probabilities: Array, told: Array) -> None:  # pragma: no cover
    sessions, regimes = likeness.shape
    place = np.argmax(likeness[first])
    for t in range(first, sessions):
        now = probabilities[t]
        if t > first:
            before = probabilities[t - 1]
            for r in range(regimes):
                now[r] = before[r] + step * (likeness[t, r] - before[r])
        best = np.argmax(now)
        if now[best] > TWICE * now[place]:
            place = best
        told[t] = place
