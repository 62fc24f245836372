"""The figures of many back-tests on the trailing window of any session: evaluated once, scored at every session.

Conventions are those of empyrical: 252 sessions a year, sample standard deviation, downside over all sessions; the
returns handed over are above cash. The deepest fall is from the highest equity of the window (its start counts): a
positive fraction, the greatest drawdown without its sign. A figure that would divide by nothing is 0, so that a
parameter set that never trades can be ranked; one that lost everything before the window has fallen by all of it, or it
would seem the safest. Not here: figures of live books (`metrics`), scores and choices (`search`).

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
    net: Array,
    turnover: Array,
    begin: int,
    window: int,
    rows: Array | Sequence[int],
    *,
    traded_at: Array | None = None,
    workers: int = 1,
) -> Array:
    """METRICS of each candidate over the last `window` sessions at each of `rows`: [METRICS, rows, candidates].

    `net` and `turnover` are [candidates, sessions], `rows` ascending; or `turnover` is that of the sessions `traded_at`
    alone. Before there are `window` sessions since `begin`, over what there is; NaN with fewer than two.
    """
    return Windows(net, turnover, begin, window, traded_at).metrics(rows, workers=workers)


class Windows:
    """`window_metrics` of the same candidates at one range of rows after the other.

    Sums go on where they were left, which changes no bit; for earlier rows they begin anew.
    """

    def __init__(self, net: Array, turnover: Array, begin: int, window: int, traded_at: Array | None = None) -> None:
        self._net, self._turnover, self._begin, self._window = net, turnover, begin, window
        self._column = columns(net.shape[1], traded_at)
        self._nothing = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
        self._sums, self._row = np.tile(self._nothing, (len(net), 2, 1)), begin - 1

    def metrics(self, rows: Array | Sequence[int], *, workers: int = 1) -> Array:
        asked = np.ascontiguousarray(rows, dtype=np.int64)
        result = np.full((len(METRICS), len(asked), len(self._net)), np.nan)
        if not len(asked) or asked[-1] <= self._begin:
            return result
        if asked[0] < self._row:
            self._sums[:], self._row = self._nothing, self._begin - 1
        begin, window, reached = self._begin, self._window, self._row + 1 - self._begin

        net, turnover, column, sums = self._net, self._turnover, self._column, self._sums

        def fill(low: int, high: int) -> None:
            _fill(net, turnover, column, begin, window, asked, reached, sums, result, low, high)

        in_chunks(fill, len(net), workers)
        self._row = int(asked[-1])
        return result


def columns(sessions: int, traded_at: Array | None) -> Array:
    """The column of `turnover` that each session has, -1 for those without a trade."""
    if traded_at is None:
        return np.arange(sessions)
    column = np.full(sessions, -1, np.int64)
    column[traded_at] = np.arange(len(traded_at))
    return column


@njit(cache=True, nogil=True)
def _run(
    net: Array, turnover: Array, column: Array, c: int, start: int, sums: Array, running: Array
) -> None:  # pragma: no cover
    """The sums of candidate c before each session from `start` on, [sums, sessions]; those after the last are kept."""
    for f in range(6):
        running[f, 0] = sums[f]
    for u in range(running.shape[1] - 1):
        value = net[c, start + u]
        down = min(value, 0.0)
        traded = turnover[c, column[start + u]] if column[start + u] >= 0 else 0.0
        running[0, u + 1] = running[0, u] + value
        running[1, u + 1] = running[1, u] + value * value
        running[2, u + 1] = running[2, u] + down * down
        running[3, u + 1] = running[3, u] + traded
        running[4, u + 1] = running[4, u] + (1.0 if value > 0.0 else 0.0)
        running[5, u + 1] = running[5, u] * (1.0 + value)
    for f in range(6):
        sums[f] = running[f, running.shape[1] - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(
    net: Array,
    turnover: Array,
    column: Array,
    begin: int,
    window: int,
    rows: Array,
    reached: int,
    sums: Array,
    result: Array,
    low: int,
    high: int,
) -> None:  # pragma: no cover
    """`sums` [candidates, 2, sums] are those up to the session that was reached and those before its window."""
    # Points of equity lie between sessions: point p is what there is before the p-th session since `begin`.
    count, earliest = rows[-1] + 1 - begin, max(0, rows[0] + 1 - begin - window)
    left, leaving = max(0, reached - window), max(0, count - window)
    now = np.empty((6, count - reached + 1))
    # From the first session on, both are the same sums.
    before = now if reached == 0 else np.empty((6, leaving - left + 1))
    equity = np.empty(count + 1 - earliest)
    for c in range(low, high):
        _run(net, turnover, column, c, begin + reached, sums[c, 0], now)
        if reached == 0:
            sums[c, 1] = now[:, leaving]
        else:
            _run(net, turnover, column, c, begin + left, sums[c, 1], before)
        equity[0] = before[5, earliest - left]
        for p in range(1, len(equity)):
            equity[p] = equity[p - 1] * (1.0 + net[c, begin + earliest + p - 1])
        ratio = worst_ratio(equity, window + 1, earliest)
        for k in range(len(rows)):
            last = rows[k] + 1 - begin
            if last < 2:
                continue
            n = min(window, last)
            a, b = last - reached, last - n - left
            mean = (now[0, a] - before[0, b]) / n
            variance = max(0.0, (now[1, a] - before[1, b] - n * mean * mean) / (n - 1))
            deviation = np.sqrt(variance)
            downside = np.sqrt(max(0.0, (now[2, a] - before[2, b]) / n))
            growth = now[5, a] / before[5, b] if before[5, b] > 0.0 else 0.0
            yearly = growth ** (SESSIONS_PER_YEAR / n) - 1.0
            fall = 1.0 - ratio[last - earliest] if before[5, b] > 0.0 else 1.0
            result[0, k, c] = yearly
            result[1, k, c] = deviation * np.sqrt(SESSIONS_PER_YEAR)
            result[2, k, c] = mean / deviation * np.sqrt(SESSIONS_PER_YEAR) if deviation > NOTHING else 0.0
            result[3, k, c] = mean / downside * np.sqrt(SESSIONS_PER_YEAR) if downside > NOTHING else 0.0
            result[4, k, c] = yearly / fall if fall > NOTHING else 0.0
            result[5, k, c] = fall
            result[6, k, c] = (now[3, a] - before[3, b]) / n * SESSIONS_PER_YEAR
            result[7, k, c] = (now[4, a] - before[4, b]) / n


@njit(cache=True, nogil=True, error_model="numpy")
def worst_ratio(equity: Array, length: int, earliest: int = 0) -> Array:  # pragma: no cover
    """Smallest later/earlier ratio within the last `length` points at each point: one minus the greatest drawdown.

    Blocks of `length` points: every window is the tail of one block and the head of the next, so running maxima from
    both ends of each block give each window in constant time, exactly as comparing all pairs would. `equity` begins
    with the point `earliest`; only windows that lie within it, or begin with point 0, are whole.
    """
    count = len(equity)
    tail_high, tail_ratio = np.empty(count), np.empty(count)
    # `place` is that of a point within its block, counted along: a division for each would take longer than the rest.
    place = (earliest + count - 1) % length
    tail_low = 0.0
    for p in range(count - 1, -1, -1):
        value = equity[p]
        if p == count - 1 or place == length - 1:
            tail_high[p], tail_low, tail_ratio[p] = value, value, 1.0
        else:
            tail_low = min(value, tail_low)
            tail_high[p] = max(value, tail_high[p + 1])
            tail_ratio[p] = min(tail_ratio[p + 1], tail_low / value if value > 0.0 else 1.0)
        place = place - 1 if place > 0 else length - 1
    place = earliest % length
    result = np.empty(count)
    head_high, head_low, head_ratio = 0.0, 0.0, 1.0
    for p in range(count):
        value = equity[p]
        if p == 0 or place == 0:
            head_high, head_low, head_ratio = value, value, 1.0
        else:
            head_high, head_low = max(head_high, value), min(head_low, value)
            if head_high > 0.0:
                head_ratio = min(head_ratio, value / head_high)
        result[p] = head_ratio
        first = p - length + 1
        if first >= 0 and place != length - 1:
            result[p] = min(result[p], tail_ratio[first])
            if tail_high[first] > 0.0:
                result[p] = min(result[p], head_low / tail_high[first])
        place = place + 1 if place < length - 1 else 0
    return result
