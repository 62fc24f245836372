"""Tables that parameter sets share: which symbols come first at each decision, and which a filter lets through.

An order belongs to a look-back and a filter to a moving average, so a grid of many parameter sets needs few of either.
They are made at the sessions of the decisions only. Not here: playing them (`segment_kernel`), or a strategy's rule.

NaN policy: a score that is NaN or infinite has no place in an order; a comparison with NaN is not allowed through.
Time: a row sees its own session and earlier ones.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.panel import Array


@njit(cache=True, nogil=True)
def order_table(scores, places):  # pragma: no cover
    """The `places` best symbols of each row of scores, best first, int16; -1 where there are none left.

    On a tie the earlier symbol comes first, as in `strategies.base.best`.
    """
    rows, symbols = scores.shape
    order = np.full((rows, places), -1, np.int16)
    top = np.empty(places)
    for r in range(rows):
        filled = 0
        for i in range(symbols):
            score = scores[r, i]
            if not np.isfinite(score) or (filled == places and not score > top[places - 1]):
                continue
            at = filled if filled < places else places - 1
            while at > 0 and top[at - 1] < score:
                top[at], order[r, at] = top[at - 1], order[r, at - 1]
                at -= 1
            top[at], order[r, at] = score, i
            filled = min(filled + 1, places)
    return order


def momentum_at(close: Array, rows: Array, lookback: int) -> Array:
    """Total return over `lookback` sessions at the given rows; NaN without them."""
    past = np.maximum(rows - lookback, 0)
    return np.where((rows >= lookback)[:, None], close[rows] / close[past] - 1.0, np.nan)


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
