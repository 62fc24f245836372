"""From tables that parameter sets share to weights: who comes first, who is let through, and what each gets.

Types keep orders of scores (`ranked`, `simulation.selections.order_table`) and tables of who may be held in
`Inputs.at(rows)`; what is left to do for one parameter set are the compiled loops here. Not here: scores, which are the
types' own rules.

NaN policy: a score that is NaN or infinite is never held, and what is not known is on no side of anything. Ties: what
differs in its last digits alone is equal, for these depend on the order of additions. Each row is computed by itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.simulation.selections import without_rounding

UNKNOWN = -128  # as a direction
ROUNDING = 1e-12  # of a price: means of some hundred of them are exact to this
STILL = 1e-10  # a deviation of daily returns as small as this is the rounding of none


def side(values: Array, others: Array) -> Array:
    """1 above, -1 below, 0 where both are equal; NaN where one is not known, which no comparison lets through."""
    apart = values - others
    sides: Array = np.where(np.abs(apart) <= ROUNDING * np.abs(others), 0.0, np.sign(apart))
    return sides


class Ranked(NamedTuple):
    """The symbols of each row, best first, and their scores `without_rounding`; NaN where there are no more."""

    order: Array  # int16 [rows, symbols]
    scores: Array


def ranked(scores: Array) -> Ranked:
    """On a tie the earlier symbol comes first."""
    scores = without_rounding(scores)
    order = np.argsort(np.where(np.isfinite(scores), -scores, np.inf), axis=1, kind="stable")
    best_first = np.take_along_axis(scores, order, axis=1)
    return Ranked(order.astype(np.int16), np.where(np.isfinite(best_first), best_first, np.nan))


@njit(cache=True, nogil=True)
def ranks(scores: Array) -> Array:  # pragma: no cover
    """Rank of each finite score within its row, from 1/n to 1, else NaN. On a tie the later symbol ranks higher.

    Counts the lower ones: without branches that is faster than sorting, for up to some hundred symbols.
    """
    rows, symbols = scores.shape
    found = np.full((rows, symbols), np.nan)
    row, taken = np.empty(symbols), np.empty(symbols, np.bool_)
    for r in range(rows):
        known = 0
        for i in range(symbols):
            finite = np.isfinite(scores[r, i])
            row[i] = without_rounding(scores[r, i]) if finite else np.nan
            known += finite
        taken[:] = False
        for i in range(symbols):
            if not np.isnan(row[i]):
                place = 0
                for other in range(symbols):
                    place += row[other] < row[i]
                while taken[place]:
                    place += 1
                taken[place] = True
                found[r, i] = (place + 1) / known
    return found


@njit(cache=True, nogil=True)
def blended(ranks: Array, others: Array, share: float, traded: Array) -> Array:  # pragma: no cover
    """Mean of both, in which the others have the given share; NaN without a bar."""
    score = np.empty(ranks.shape)
    for r in range(len(ranks)):
        for i in range(ranks.shape[1]):
            score[r, i] = (1.0 - share) * ranks[r, i] + share * others[r, i] if traded[r, i] else np.nan
    return score


@njit(cache=True, nogil=True)
def add_first(weights: Array, order: Array, allowed: Array, places: int, share: float) -> None:  # pragma: no cover
    """Add `share` to the first `places` of an order table, where allowed; the other places' shares stay in cash."""
    for r in range(len(order)):
        for place in range(min(places, order.shape[1])):
            i = order[r, place]
            if i < 0:
                break
            # Without a branch: which of the first are allowed is hard to foresee.
            weights[r, i] += share * allowed[r, i]


@njit(cache=True, nogil=True)
def add_passing(
    weights: Array, order: Array, scores: Array, allowed: Array, above: float, places: int, share: float
) -> None:  # pragma: no cover
    """Add `share` to the first `places` symbols of each row that are allowed and score more than `above`."""
    for r in range(len(order)):
        left = places
        for place in range(order.shape[1]):
            if not scores[r, place] > above or left == 0:
                break
            i = order[r, place]
            if allowed[r, i]:
                weights[r, i] += share
                left -= 1


@njit(cache=True, nogil=True)
def share_risk(direction: Array, speeds: int, shares: Array, long_short: bool) -> Array:  # pragma: no cover
    """Weights in proportion to `shares` times the mean direction of `speeds`, whose sum is `direction`.

    A symbol has a part in the whole if its direction is not UNKNOWN.
    """
    rows, symbols = shares.shape
    weights = np.zeros((rows, symbols))
    for r in range(rows):
        total = 0.0
        for i in range(symbols):
            total += shares[r, i] if direction[r, i] != UNKNOWN else 0.0
        if total > 0.0:
            for i in range(symbols):
                if direction[r, i] > 0 or (long_short and UNKNOWN < direction[r, i] < 0):
                    weights[r, i] = direction[r, i] / speeds * shares[r, i] / total
    return weights
