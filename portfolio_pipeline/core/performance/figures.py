"""The figures of many back-tests: one row of daily net returns each, compiled.

Conventions are those of empyrical and `windows`: 252 sessions a year, no risk-free rate, sample standard
deviation, downside over all sessions, the deepest fall from the highest equity so far (the start counts), positive.
A figure that would divide by nothing is 0, so that a parameter set that never trades can be ranked. Figures at every
session of a trailing window are in `windows`, those of live books in `metrics`.

NaN policy: returns are never NaN. Time: a row's figures see the whole of the columns they are asked for.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.parallel import in_chunks
from portfolio_pipeline.core.performance.windows import METRICS, NOTHING


def sharpe(net_return: Array, first: int = 0, *, workers: int = 1) -> Array:
    """Annual Sharpe ratio of each row of [candidates, sessions], from session `first` on."""
    result = np.empty(len(net_return))
    in_chunks(lambda low, high: _sharpe(net_return, first, result, low, high), len(net_return), workers)
    return result


def figures(net_return: Array, turnover: Array, first: int = 0, *, workers: int = 1) -> Array:
    """METRICS of each row of [candidates, sessions], from session `first` on: [candidates, METRICS]."""
    result = np.empty((len(net_return), len(METRICS)))
    in_chunks(lambda low, high: _figures(net_return, turnover, first, result, low, high), len(net_return), workers)
    return result


@njit(cache=True, nogil=True)
def _moments(returns):  # pragma: no cover
    """Mean and sample standard deviation. Four sums side by side: an addition need not wait for the one before."""
    count = len(returns)
    even = count - count % 4
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for t in range(0, even, 4):
        a += returns[t]
        b += returns[t + 1]
        c += returns[t + 2]
        d += returns[t + 3]
    for t in range(even, count):
        a += returns[t]
    mean = (a + b + c + d) / max(count, 1)
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for t in range(0, even, 4):
        a += (returns[t] - mean) ** 2
        b += (returns[t + 1] - mean) ** 2
        c += (returns[t + 2] - mean) ** 2
        d += (returns[t + 3] - mean) ** 2
    for t in range(even, count):
        a += (returns[t] - mean) ** 2
    return mean, np.sqrt((a + b + c + d) / max(count - 1, 1))


@njit(cache=True, nogil=True)
def _over(above, below):  # pragma: no cover
    return above / below if below > NOTHING else 0.0


@njit(cache=True, nogil=True)
def _sharpe(net_return, first, result, low, high):  # pragma: no cover
    for c in range(low, high):
        mean, deviation = _moments(net_return[c, first:])
        result[c] = _over(mean, deviation) * np.sqrt(SESSIONS_PER_YEAR)


@njit(cache=True, nogil=True)
def _figures(net_return, turnover, first, result, low, high):  # pragma: no cover
    for c in range(low, high):
        returns = net_return[c, first:]
        count = max(len(returns), 1)
        mean, deviation = _moments(returns)
        equity, peak, fall, squares, traded, hits = 1.0, 1.0, 0.0, 0.0, 0.0, 0
        for t in range(len(returns)):
            value = returns[t]
            equity *= 1.0 + value
            peak = max(peak, equity)
            fall = max(fall, 1.0 - equity / peak)
            down = min(value, 0.0)
            squares += down * down
            traded += turnover[c, first + t]
            hits += value > 0.0
        yearly = max(equity, 0.0) ** (SESSIONS_PER_YEAR / count) - 1.0
        result[c, 0] = yearly
        result[c, 1] = deviation * np.sqrt(SESSIONS_PER_YEAR)
        result[c, 2] = _over(mean, deviation) * np.sqrt(SESSIONS_PER_YEAR)
        result[c, 3] = _over(mean, np.sqrt(squares / count)) * np.sqrt(SESSIONS_PER_YEAR)
        result[c, 4] = _over(yearly, fall)
        result[c, 5] = fall
        result[c, 6] = traded / count * SESSIONS_PER_YEAR
        result[c, 7] = hits / count
