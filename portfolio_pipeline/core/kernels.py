"""Loops that are too slow in NumPy, compiled once and cached: the back-test's day loop, rolling windows.

Every kernel adds up in one fixed order (no fast-math, no parallel sums), so a value at session t has the same bits
whatever range it was computed in. Kernels release the GIL. The day loop's meaning is said in `backtest`, which also
holds its readable NumPy form. No rule of a strategy belongs here.
"""

from __future__ import annotations

import numpy as np
from numba import njit

YEAR = 252.0


@njit(cache=True, nogil=True)
def day_loop(
    opens,
    closes,
    decision_at,
    decisions,
    cost_rate,
    delist_after,
    quantity,
    price,
    missing,
    cash,
    pending,
    has_pending,
    weights,
):  # pragma: no cover
    """Play every session, as `backtest.simulate_plainly` does; the state's arrays are changed in place.

    `decision_at[t]` is the row of `decisions` made at the close of t, or -1. `weights` is filled when it has rows.
    """
    sessions, symbols = opens.shape
    net, cost, turnover = np.zeros(sessions), np.zeros(sessions), np.zeros(sessions)
    before = cash
    for i in range(symbols):
        if quantity[i] != 0.0:
            before += quantity[i] * price[i]
    for t in range(sessions):
        if has_pending and before > 0.0:
            equity, asked, stuck, tradable = cash, 0.0, 0.0, 0.0
            for i in range(symbols):
                asked += abs(pending[i])
                if np.isnan(opens[t, i]):
                    if quantity[i] != 0.0:
                        equity += quantity[i] * price[i]
                        stuck += abs(quantity[i] * price[i])
                else:
                    tradable += abs(pending[i])
                    if quantity[i] != 0.0:
                        equity += quantity[i] * opens[t, i]
            if equity > 0.0:
                scale = 1.0
                if stuck > 0.0 and tradable > 0.0:
                    scale = min(1.0, max(0.0, asked - stuck / equity) / tradable)
                traded = 0.0
                for i in range(symbols):
                    if not np.isnan(opens[t, i]):
                        wanted = pending[i] * scale * equity / opens[t, i]
                        change = wanted - quantity[i]
                        traded += abs(change) * opens[t, i]
                        cash -= change * opens[t, i]
                        quantity[i] = wanted
                cash -= cost_rate * traded
                turnover[t] = traded / before
                cost[t] = cost_rate * traded / before
        for i in range(symbols):
            if np.isnan(closes[t, i]):
                if quantity[i] != 0.0:
                    missing[i] += 1
                    if missing[i] >= delist_after:
                        cash += quantity[i] * price[i]
                        quantity[i] = 0.0
            else:
                price[i] = closes[t, i]
                missing[i] = 0
            if quantity[i] == 0.0:
                missing[i] = 0
        after = cash
        for i in range(symbols):
            if quantity[i] != 0.0:
                after += quantity[i] * price[i]
        if before > 0.0:
            if after <= 0.0:
                cash, after = 0.0, 0.0
                for i in range(symbols):
                    quantity[i] = 0.0
                    missing[i] = 0
            net[t] = after / before - 1.0
        if weights.shape[0] > 0:
            for i in range(symbols):
                weights[t, i] = quantity[i] * price[i] / after if quantity[i] != 0.0 else 0.0
        before = after
        has_pending = decision_at[t] >= 0
        if has_pending:
            for i in range(symbols):
                pending[i] = decisions[decision_at[t], i]
    return net, cost, turnover, cash, has_pending


@njit(cache=True, nogil=True)
def rolling_mean(values, window):  # pragma: no cover
    """Mean of the last `window` rows; NaN where one of them is NaN or missing.

    Columns side by side, each added up from its oldest row on: as fast as the machine can for many of them.
    """
    sessions, symbols = values.shape
    mean = np.full((sessions, symbols), np.nan)
    for t in range(window - 1, sessions):
        total = mean[t]
        total[:] = 0.0
        for u in range(t - window + 1, t + 1):
            row = values[u]
            for i in range(symbols):
                total[i] += row[i]
        for i in range(symbols):
            total[i] /= window
    return mean


@njit(cache=True, nogil=True)
def rolling_mean_std(values, window):  # pragma: no cover
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
def covariance(returns):  # pragma: no cover
    """Sample covariance of the columns."""
    count, symbols = returns.shape
    whole = count - count % 4
    centred = np.empty((symbols, count))
    for i in range(symbols):
        total = 0.0
        for u in range(count):
            total += returns[u, i]
        for u in range(count):
            centred[i, u] = returns[u, i] - total / count
    result = np.empty((symbols, symbols))
    for i in range(symbols):
        for j in range(i + 1):
            # In four strands, so that one addition need not wait for the one before; always in the same order.
            one, other = centred[i], centred[j]
            a, b, c, d = 0.0, 0.0, 0.0, 0.0
            for u in range(0, whole, 4):
                a += one[u] * other[u]
                b += one[u + 1] * other[u + 1]
                c += one[u + 2] * other[u + 2]
                d += one[u + 3] * other[u + 3]
            for u in range(whole, count):
                a += one[u] * other[u]
            result[i, j] = result[j, i] = ((a + b) + (c + d)) / (count - 1)
    return result
