"""Rolling windows and covariances, too slow in NumPy: compiled once and cached.

Every kernel adds up in one fixed order (no fast-math, no parallel sums), so a value at session t has the same bits
whatever range it was computed in. Kernels release the GIL. Back-tests do not belong here (`core.simulation`), nor any
rule of a strategy.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array


@njit(cache=True, nogil=True)
def rolling_mean(values: Array, window: int) -> Array:  # pragma: no cover
    """Mean of the last `window` rows; NaN where one of them is NaN or missing."""
    return rolling_mean_at(values, window, np.arange(len(values)))


@njit(cache=True, nogil=True)
def rolling_mean_at(values: Array, window: int, rows: Array) -> Array:  # pragma: no cover
    """`rolling_mean` at some rows.

    Columns side by side, each added up from its oldest row on, four rows for one look at the total: as fast as the
    machine can for many of them.
    """
    symbols = values.shape[1]
    mean = np.full((len(rows), symbols), np.nan)
    for k in range(len(rows)):
        if rows[k] < window - 1:
            continue
        total = mean[k]
        total[:] = 0.0
        first, odd = rows[k] - window + 1, window % 4
        for u in range(first, first + odd):
            row = values[u]
            for i in range(symbols):
                total[i] += row[i]
        for u in range(first + odd, rows[k] + 1, 4):
            a, b, c, d = values[u], values[u + 1], values[u + 2], values[u + 3]
            for i in range(symbols):
                total[i] = (((total[i] + a[i]) + b[i]) + c[i]) + d[i]
        for i in range(symbols):
            total[i] /= window
    return mean


@njit(cache=True, nogil=True, error_model="numpy")
def growth_at(values: Array, window: int, rows: Array) -> Array:  # pragma: no cover
    """Growth over the `window` rows up to some rows; NaN before there are as many."""
    symbols = values.shape[1]
    growth = np.full((len(rows), symbols), np.nan)
    for k in range(len(rows)):
        if rows[k] >= window:
            now, past, row = values[rows[k]], values[rows[k] - window], growth[k]
            for i in range(symbols):
                row[i] = now[i] / past[i] - 1.0
    return growth


@njit(cache=True, nogil=True)
def rolling_mean_std(values: Array, window: int) -> tuple[Array, Array]:  # pragma: no cover
    """Mean and sample standard deviation of the last `window` rows; NaN where one of them is NaN or missing."""
    sessions, symbols = values.shape
    mean, std = rolling_mean(values, window), np.full((sessions, symbols), np.nan)
    squares = np.empty(symbols)
    for t in range(window - 1, sessions if window > 1 else 0):
        centre = mean[t]
        squares[:] = 0.0
        for u in range(t - window + 1, t + 1):
            row = values[u]
            for i in range(symbols):
                squares[i] += (row[i] - centre[i]) ** 2
        for i in range(symbols):
            std[t, i] = np.sqrt(squares[i] / (window - 1))
    return mean, std


@njit(cache=True, nogil=True)
def covariance(returns: Array) -> Array:  # pragma: no cover
    """Sample covariance of the columns."""
    count, symbols = returns.shape
    whole, eights = count - count % 4, count - count % 8
    centred = np.empty((count, symbols))
    for i in range(symbols):
        total = 0.0
        for u in range(count):
            total += returns[u, i]
        for u in range(count):
            centred[u, i] = returns[u, i] - total / count
    result = np.empty((symbols, symbols))
    # In four strands, always in the same order, and two columns with all before them at once, two rows for one look at
    # a strand: what is side by side and near is fastest.
    strands = np.empty((2, 4, symbols))
    for i in range(0, symbols, 2):
        k = min(i + 1, symbols - 1)
        strands[:, :, : k + 1] = 0.0
        for first in range(0, eights, 8):
            for strand in range(4):
                row, later = centred[first + strand], centred[first + strand + 4]
                of_i, of_k = strands[0, strand], strands[1, strand]
                row_i, row_k, later_i, later_k = row[i], row[k], later[i], later[k]
                for j in range(k + 1):
                    of_i[j] = (of_i[j] + row_i * row[j]) + later_i * later[j]
                    of_k[j] = (of_k[j] + row_k * row[j]) + later_k * later[j]
        for u in range(eights, count):
            strand, row = u % 4 if u < whole else 0, centred[u]
            of_i, of_k = strands[0, strand], strands[1, strand]
            row_i, row_k = row[i], row[k]
            for j in range(k + 1):
                of_i[j] += row_i * row[j]
                of_k[j] += row_k * row[j]
        for column, sums in ((i, strands[0]), (k, strands[1])):
            for j in range(column + 1):
                total = (sums[0, j] + sums[1, j]) + (sums[2, j] + sums[3, j])
                result[column, j] = result[j, column] = total / (count - 1)
    return result
