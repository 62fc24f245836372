"""Tables that parameter sets share: which symbols come first at each decision, and which a filter lets through.

An order belongs to a look-back and a filter to a moving average, so a grid of many parameter sets needs few of either.
They are made at the sessions of the decisions only. Not here: playing them (`segments`), or a strategy's rule.

NaN policy: a score that is NaN or infinite has no place in an order; a comparison with NaN is not allowed through.
Time: a row sees its own session and earlier ones.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array


@njit(cache=True, nogil=True)
def order_table(scores, places):  # pragma: no cover
    """The `places` best symbols of each row of scores, best first, int16; -1 where there are none left.

    On a tie the earlier symbol comes first. For few symbols a symbol's place is the number of better ones: counting
    them all takes no branches, and for up to some hundred no sort is as fast. Of many, most are worse than the last
    place that is taken, and the others are inserted.
    """
    rows, symbols = scores.shape
    order = np.full((rows, places), -1, np.int16)
    row, better = np.empty(symbols), np.empty(symbols, np.int64)
    for r in range(rows):
        for i in range(symbols):
            row[i] = scores[r, i] if np.isfinite(scores[r, i]) else np.nan
        if symbols > 100 and places < symbols:
            _insert_best(row, order[r])
            continue
        better[:] = 0
        for other in range(symbols):
            score = row[other]
            for i in range(symbols):
                better[i] += score > row[i]
        for i in range(symbols):
            place = better[i]
            while place < places and order[r, place] >= 0:
                place += 1
            if place < places and not np.isnan(row[i]):
                order[r, place] = i
    return order


@njit(cache=True, nogil=True)
def _insert_best(row, order):  # pragma: no cover
    taken = 0
    for i in range(len(row)):
        if np.isnan(row[i]) or (taken == len(order) and not row[i] > row[order[taken - 1]]):
            continue
        place = taken if taken < len(order) else taken - 1
        while place > 0 and row[i] > row[order[place - 1]]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = i
        taken = min(taken + 1, len(order))


@njit(cache=True, nogil=True, error_model="numpy")
def momentum_orders(close, rows, lookbacks, places):  # pragma: no cover
    """An order table by total return for each look-back, [lookbacks, rows, places]; no places without the history.

    `close` is carried forward over gaps, [sessions, symbols]. A symbol without a bar has a place: filters say what of
    today counts.
    """
    symbols = close.shape[1]
    orders = np.empty((len(lookbacks), len(rows), places), np.int16)
    scores = np.empty((len(rows), symbols))
    for n in range(len(lookbacks)):
        for r in range(len(rows)):
            past = rows[r] - lookbacks[n]
            for i in range(symbols):
                scores[r, i] = close[rows[r], i] / close[past, i] - 1.0 if past >= 0 else np.nan
        orders[n] = order_table(scores, places)
    return orders


@njit(cache=True, nogil=True)
def above_average(close, rows, window):  # pragma: no cover
    """Whether the close stands above its mean of `window` sessions at each of the rows, [rows, symbols].

    Adds oldest first, like `kernels.rolling_mean_std`, and so compares the same bits as `Inputs.sma`.
    """
    symbols = close.shape[1]
    above = np.zeros((len(rows), symbols), np.bool_)
    total = np.empty(symbols)
    for r in range(len(rows)):
        if rows[r] < window - 1:
            continue
        total[:] = 0.0
        for u in range(rows[r] - window + 1, rows[r] + 1):
            for i in range(symbols):
                total[i] += close[u, i]
        for i in range(symbols):
            above[r, i] = close[rows[r], i] > total[i] / window
    return above


def top_k_weights(order: Array, allowed: Array, k: int) -> Array:
    """Equal weights [rows, symbols] of the first k places where allowed; the others' shares stay in cash."""
    weights = np.zeros(allowed.shape)
    row, place = np.nonzero(order[:, :k] >= 0)
    weights[row, order[row, place]] = 1.0 / k
    return np.where(allowed, weights, 0.0)
