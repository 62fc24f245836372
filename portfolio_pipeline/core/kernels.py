"""Loops that are too slow in NumPy, compiled once and cached: the back-test's day loop, rolling windows, scores.

Every kernel adds up in one fixed order (no fast-math, no parallel sums), so a value at session t has the same bits
whatever range it was computed in. Kernels release the GIL. The day loop's meaning is said in `backtest`, which also
holds its readable NumPy form. No rule of a strategy belongs here.
"""

from __future__ import annotations

import numpy as np
from numba import njit

METRICS = ("return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "turnover")
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
def rolling_mean_std(values, window):  # pragma: no cover
    """Mean and sample standard deviation of the last `window` rows; NaN where one of them is NaN or missing."""
    sessions, symbols = values.shape
    mean, std = np.full((sessions, symbols), np.nan), np.full((sessions, symbols), np.nan)
    for i in range(symbols):
        column = np.ascontiguousarray(values[:, i])
        for t in range(window - 1, sessions):
            total = 0.0
            for u in range(t - window + 1, t + 1):
                total += column[u]
            if np.isnan(total):
                continue
            centre = total / window
            mean[t, i] = centre
            squares = 0.0
            for u in range(t - window + 1, t + 1):
                squares += (column[u] - centre) ** 2
            if window > 1:
                std[t, i] = np.sqrt(squares / (window - 1))
    return mean, std


@njit(cache=True, nogil=True)
def weighted_volatility(returns, rows, weights, window):  # pragma: no cover
    """Annualised volatility that each row of weights, held constant, had over the `window` sessions up to its row.

    Returns that are NaN count as 0; NaN where there are fewer sessions than the window.
    """
    result = np.full(len(rows), np.nan)
    series = np.empty(window)
    for k in range(len(rows)):
        if rows[k] < window:
            continue
        centre = 0.0
        for u in range(window):
            total = 0.0
            for i in range(returns.shape[1]):
                value = returns[rows[k] - window + 1 + u, i]
                if weights[k, i] != 0.0 and not np.isnan(value):
                    total += weights[k, i] * value
            series[u] = total
            centre += total
        centre /= window
        squares = 0.0
        for u in range(window):
            squares += (series[u] - centre) ** 2
        result[k] = np.sqrt(squares / (window - 1) * YEAR)
    return result


@njit(cache=True, nogil=True)
def covariance(returns):  # pragma: no cover
    """Sample covariance of the columns."""
    count, symbols = returns.shape
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
            total = 0.0
            for u in range(count):
                total += centred[i, u] * centred[j, u]
            result[i, j] = result[j, i] = total / (count - 1)
    return result


@njit(cache=True, nogil=True)
def bisect_risk(cov, order):  # pragma: no cover
    """The recursive bisection of hierarchical risk parity over symbols in the order of their clusters."""
    count = len(order)
    weights = np.ones(count)
    starts, stops = np.empty(2 * count, np.int64), np.empty(2 * count, np.int64)
    starts[0], stops[0], waiting = 0, count, 1
    variance = np.empty(2)
    while waiting > 0:
        waiting -= 1
        start, stop = starts[waiting], stops[waiting]
        if stop - start < 2:
            continue
        middle = start + (stop - start) // 2
        for side in range(2):
            low, high = (start, middle) if side == 0 else (middle, stop)
            total = 0.0
            for i in range(low, high):
                total += 1.0 / cov[order[i], order[i]]
            risk = 0.0
            for i in range(low, high):
                for j in range(low, high):
                    a, b = order[i], order[j]
                    risk += cov[a, b] / (cov[a, a] * total * cov[b, b] * total)
            variance[side] = risk
        share = 1.0 - variance[0] / (variance[0] + variance[1])
        for i in range(start, stop):
            weights[order[i]] *= share if i < middle else 1.0 - share
        starts[waiting], stops[waiting] = start, middle
        starts[waiting + 1], stops[waiting + 1] = middle, stop
        waiting += 2
    return weights


@njit(cache=True, nogil=True)
def window_metrics(net, turnover, begin, window):  # pragma: no cover
    """METRICS of each column of daily returns over the last `window` sessions at each session, from `begin` on.

    Before there are that many sessions since `begin`, over what there is; NaN with fewer than two. The running sums
    start at `begin`. The greatest drawdown takes constant work per session: windows are pieced together from blocks.
    """
    sessions, columns = net.shape
    result = np.full((7, sessions, columns), np.nan)
    count = sessions - begin
    if count < 2:
        return result
    for c in range(columns):
        sums, squares, falls = np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1)
        trades, equity = np.zeros(count + 1), np.ones(count + 1)
        for u in range(count):
            value = net[begin + u, c]
            sums[u + 1] = sums[u] + value
            squares[u + 1] = squares[u] + value * value
            falls[u + 1] = falls[u] + (value * value if value < 0.0 else 0.0)
            trades[u + 1] = trades[u] + turnover[begin + u, c]
            equity[u + 1] = equity[u] * (1.0 + value)
        drawdown = _worst_ratio(equity, window + 1)
        for u in range(1, count):
            n = min(window, u + 1)
            first, last = u + 1 - n, u + 1
            mean = (sums[last] - sums[first]) / n
            variance = max(0.0, (squares[last] - squares[first] - n * mean * mean) / (n - 1))
            downside = np.sqrt(max(0.0, (falls[last] - falls[first]) / n))
            deviation = np.sqrt(variance)
            growth = equity[last] / equity[first] if equity[first] > 0.0 else 0.0
            yearly = growth ** (YEAR / n) - 1.0
            fall = 1.0 - drawdown[u + 1]
            t = begin + u
            result[0, t, c] = yearly
            result[1, t, c] = deviation * np.sqrt(YEAR)
            result[2, t, c] = mean / deviation * np.sqrt(YEAR) if deviation > 1e-7 else 0.0
            result[3, t, c] = mean / downside * np.sqrt(YEAR) if downside > 1e-7 else 0.0
            result[4, t, c] = yearly / fall if fall > 1e-7 else 0.0
            result[5, t, c] = fall
            result[6, t, c] = (trades[last] - trades[first]) / n * YEAR
    return result


@njit(cache=True, nogil=True)
def _worst_ratio(equity, length):  # pragma: no cover
    """Smallest later/earlier ratio within the last `length` points at each point: one minus the greatest drawdown.

    Blocks of `length` points: every window is the tail of one block and the head of the next, so running maxima from
    both ends of each block give each window in constant time, exactly as comparing all pairs would.
    """
    count = len(equity)
    tail_high, tail_ratio = np.empty(count), np.empty(count)
    tail_low = 0.0
    for p in range(count - 1, -1, -1):
        value = equity[p]
        if p == count - 1 or (p + 1) % length == 0:
            tail_high[p], tail_low, tail_ratio[p] = value, value, 1.0
        else:
            tail_low = min(value, tail_low)
            tail_high[p] = max(value, tail_high[p + 1])
            tail_ratio[p] = min(tail_ratio[p + 1], tail_low / value if value > 0.0 else 1.0)
    result = np.empty(count)
    head_high, head_low, head_ratio = 0.0, 0.0, 1.0
    for p in range(count):
        value = equity[p]
        if p % length == 0:
            head_high, head_low, head_ratio = value, value, 1.0
        else:
            head_high, head_low = max(head_high, value), min(head_low, value)
            if head_high > 0.0:
                head_ratio = min(head_ratio, value / head_high)
        result[p] = head_ratio
        first = p - length + 1
        if first > 0 and first % length != 0:
            result[p] = min(result[p], tail_ratio[first])
            if tail_high[first] > 0.0:
                result[p] = min(result[p], head_low / tail_high[first])
    return result
