"""The figures of many back-tests on the trailing window of any session: evaluated once, scored at every session.

Conventions are those of empyrical: 252 sessions a year, no risk-free rate, sample standard deviation, downside over all
sessions. The deepest fall is from the highest equity of the window (its start counts): a positive fraction, the
greatest drawdown without its sign. A figure that would divide by nothing is 0, so that a parameter set that never
trades can be ranked; one that lost everything before the window has fallen by all of it, or it would seem the safest.
Not here: figures of live books (`metrics`), scores and choices (`search`).

NaN policy: returns are never NaN. Time: a session's figures see returns up to it. Running sums start at `begin` and
drawdowns are pieced together from blocks counted from `begin`, so a session's figures have the same bits whichever
other sessions are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.parallel import in_chunks

METRICS = ("return", "volatility", "sharpe", "sortino", "calmar", "deepest_fall", "turnover", "hit_rate")
NOTHING = 1e-7  # what is smaller is not divided by


def window_metrics(
    net: Array, turnover: Array, begin: int, window: int, rows: Array | Sequence[int], *, workers: int = 1
) -> Array:
    """METRICS of each candidate over the last `window` sessions at each of `rows`: [METRICS, rows, candidates].

    `net` and `turnover` are [candidates, sessions]. Before there are `window` sessions since `begin`, over what there
    is; NaN with fewer than two.
    """
    asked = np.ascontiguousarray(rows, dtype=np.int64)
    result = np.full((len(METRICS), len(asked), len(net)), np.nan)

    def fill(first: int, stop: int) -> None:
        _fill(net, turnover, begin, window, asked, result, first, stop)

    if len(asked):
        in_chunks(fill, len(net), workers)
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(
    net: Array, turnover: Array, begin: int, window: int, rows: Array, result: Array, low: int, high: int
) -> None:  # pragma: no cover
    count = rows.max() + 1 - begin
    if count < 2:
        return
    # Points of equity lie between sessions: point p is what there is before the p-th session since `begin`.
    earliest = max(0, rows.min() + 1 - begin - window)
    block = earliest - earliest % (window + 1)
    sums, squares, falls = np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1)
    trades, equity, hits = np.zeros(count + 1), np.ones(count + 1), np.zeros(count + 1, np.int64)
    for c in range(low, high):
        for u in range(count):
            value = net[c, begin + u]
            down = min(value, 0.0)
            sums[u + 1] = sums[u] + value
            squares[u + 1] = squares[u] + value * value
            falls[u + 1] = falls[u] + down * down
            trades[u + 1] = trades[u] + turnover[c, begin + u]
            equity[u + 1] = equity[u] * (1.0 + value)
            hits[u + 1] = hits[u] + (value > 0.0)
        ratio = worst_ratio(equity[block:], window + 1)
        for k in range(len(rows)):
            last = rows[k] + 1 - begin
            if last < 2:
                continue
            n = min(window, last)
            first = last - n
            mean = (sums[last] - sums[first]) / n
            variance = max(0.0, (squares[last] - squares[first] - n * mean * mean) / (n - 1))
            deviation = np.sqrt(variance)
            downside = np.sqrt(max(0.0, (falls[last] - falls[first]) / n))
            growth = equity[last] / equity[first] if equity[first] > 0.0 else 0.0
            yearly = growth ** (SESSIONS_PER_YEAR / n) - 1.0
            fall = 1.0 - ratio[last - block] if equity[first] > 0.0 else 1.0
            result[0, k, c] = yearly
            result[1, k, c] = deviation * np.sqrt(SESSIONS_PER_YEAR)
            result[2, k, c] = mean / deviation * np.sqrt(SESSIONS_PER_YEAR) if deviation > NOTHING else 0.0
            result[3, k, c] = mean / downside * np.sqrt(SESSIONS_PER_YEAR) if downside > NOTHING else 0.0
            result[4, k, c] = yearly / fall if fall > NOTHING else 0.0
            result[5, k, c] = fall
            result[6, k, c] = (trades[last] - trades[first]) / n * SESSIONS_PER_YEAR
            result[7, k, c] = (hits[last] - hits[first]) / n


@njit(cache=True, nogil=True)
def worst_ratio(equity: Array, length: int) -> Array:  # pragma: no cover
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
