"""Loops of the measures, compiled: added up in a fixed order, so that one session gives the same bits as many.

Windows end with the session itself and are at most WINDOW long; a shorter past stands at the end of its row, with
zeros before it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.past import WINDOW


@njit(cache=True, nogil=True)
def played(weights: Array, returns: Array, rows: Array) -> Array:  # pragma: no cover
    """Returns that each of `weights` [sessions, symbols] would have had up to its row: [sessions, WINDOW].

    `returns` is [symbols, all sessions]; the first session of all has no return.
    """
    found = np.zeros((len(rows), WINDOW))
    for place in range(len(rows)):
        stop = rows[place] + 1
        start = max(1, stop - WINDOW)
        shift = WINDOW - stop
        for symbol in range(weights.shape[1]):
            weight = weights[place, symbol]
            if weight != 0.0:
                for t in range(start, stop):
                    found[place, t + shift] += weight * returns[symbol, t]
    return found


@njit(cache=True, nogil=True)
def row_sums(values: Array) -> Array:  # pragma: no cover
    """The sum of each row, column after column; NaN counts nothing."""
    total = np.zeros(len(values))
    for row in range(len(values)):
        for column in range(values.shape[1]):
            if not np.isnan(values[row, column]):
                total[row] += values[row, column]
    return total


@njit(cache=True, nogil=True)
def contributions(
    weights: Array, returns: Array, rows: Array, past: Array, counts: Array
) -> tuple[Array, Array]:  # pragma: no cover
    """Covariance of each held symbol with the book, and its own variance, a session: around 0, by `counts`.

    `past` is what the book's weights played, `counts` [WINDOW] how much each session of it counts. 0 where nothing is
    held.
    """
    covariance, variance = np.zeros(weights.shape), np.zeros(weights.shape)
    for place in range(len(rows)):
        stop = rows[place] + 1
        start = max(1, stop - WINDOW)
        shift = WINDOW - stop
        for symbol in range(weights.shape[1]):
            if weights[place, symbol] == 0.0:
                continue
            total, own, square = 0.0, 0.0, 0.0
            for t in range(start, stop):
                count, value = counts[t + shift], returns[symbol, t]
                total += count
                own += count * value * past[place, t + shift]
                square += count * value * value
            if total > 0.0:
                covariance[place, symbol], variance[place, symbol] = own / total, square / total
    return covariance, variance


@njit(cache=True, nogil=True)
def rolling_correlations(
    values: Array, rows: Array, window: int, fewest: int, calm: float
) -> Array:  # pragma: no cover
    """Correlation of every pair of columns of `values` over `window` sessions up to each row: [rows, names, names].

    Over the sessions that both are known in; NaN with fewer than `fewest` of them, or where one of the two deviates by
    less than `calm`.
    """
    names = values.shape[1]
    found = np.full((len(rows), names, names), np.nan)
    for place in range(len(rows)):
        stop = rows[place] + 1
        start = max(0, stop - window)
        for a in range(names):
            for b in range(a):
                count, sum_a, sum_b = 0, 0.0, 0.0
                for t in range(start, stop):
                    if not (np.isnan(values[t, a]) or np.isnan(values[t, b])):
                        count += 1
                        sum_a += values[t, a]
                        sum_b += values[t, b]
                if count < fewest:
                    continue
                mean_a, mean_b, aa, bb, ab = sum_a / count, sum_b / count, 0.0, 0.0, 0.0
                for t in range(start, stop):
                    if not (np.isnan(values[t, a]) or np.isnan(values[t, b])):
                        by_a, by_b = values[t, a] - mean_a, values[t, b] - mean_b
                        aa += by_a * by_a
                        bb += by_b * by_b
                        ab += by_a * by_b
                if aa > count * calm * calm and bb > count * calm * calm:
                    found[place, a, b] = found[place, b, a] = min(1.0, max(-1.0, ab / np.sqrt(aa * bb)))
    return found


@njit(cache=True, nogil=True)
def next_random(state: np.uint64) -> tuple[np.uint64, float]:  # pragma: no cover
    """The state after `state` (splitmix64), and a number of [0, 1) that follows from it."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return state, float(mixed >> np.uint64(11)) * 2.0**-53


@njit(cache=True, nogil=True)
def resampled_tails(ordered: Array, known: Array, seeds: Array, tail: float, draws: int) -> Array:  # pragma: no cover
    """Quantile and mean of what lies below it in `draws` resamples of each session's past: [sessions, 2, draws].

    `ordered` [sessions, WINDOW] ascends; the last `known` values of each row are its past. Of a resample only the
    lowest values matter: they are drawn in their order, without the others.
    """
    found = np.full((len(ordered), 2, draws), np.nan)
    for place in range(len(ordered)):
        count = known[place]
        if count == 0:
            continue
        first = WINDOW - count
        rank = tail * (count - 1)
        low = int(np.floor(rank))
        high = min(low + 1, count - 1)
        state = seeds[place]
        for draw in range(draws):
            above, total, value, at_low = 1.0, 0.0, 0.0, 0.0
            for position in range(high + 1):
                state, chance = next_random(state)
                above *= (1.0 - chance) ** (1.0 / (count - position))
                value = ordered[place, first + min(int((1.0 - above) * count), count - 1)]
                if position <= low:
                    total += value
                    at_low = value
            found[place, 0, draw] = at_low + (rank - low) * (value - at_low)
            found[place, 1, draw] = total / (low + 1)
    return found


@njit(cache=True, nogil=True)
def worst_falls(grown: Array, rows: Array, most: int) -> Array:  # pragma: no cover
    """The deepest falls from a peak up to each row, the deepest first: [rows, most, peak and trough], -1 where none is.

    A fall lasts from a peak until the peak is reached again; its trough is the lowest so far.
    """
    found = np.full((len(rows), most, 2), -1)
    peaks, troughs, depths = np.full(most + 1, -1), np.full(most + 1, -1), np.zeros(most + 1)
    peak, trough, place = 0, 0, 0  # the fall that is under way
    for t in range(rows[-1] + 1):
        if grown[t] >= grown[peak]:
            peak, trough = t, t
        elif trough == peak or grown[t] < grown[trough]:
            trough = t
            depth = 1.0 - grown[t] / grown[peak]
            slot = most
            for known in range(most):
                if peaks[known] == peak:
                    slot = known
                    break
            peaks[slot], troughs[slot], depths[slot] = peak, trough, depth
            while slot > 0 and depths[slot] > depths[slot - 1]:
                for of in (peaks, troughs):
                    of[slot], of[slot - 1] = of[slot - 1], of[slot]
                depths[slot], depths[slot - 1] = depths[slot - 1], depths[slot]
                slot -= 1
            depths[most], peaks[most] = 0.0, -1
        while place < len(rows) and rows[place] == t:
            for known in range(most):
                if peaks[known] >= 0 and depths[known] > 0.0:
                    found[place, known, 0], found[place, known, 1] = peaks[known], troughs[known]
            place += 1
    return found
