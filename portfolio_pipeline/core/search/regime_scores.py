"""The figures of `backtest.windows` with the past weighted by how alike its regime was to today's.

Seen from session t, session u of the window weighs sum_r p_r(u) p_r(t): the chance that both were in one regime, by the
probabilities known at each. With the weights v that add up to 1, the mean is sum v x, the variance
(sum v x^2 - mean^2) e / (e - 1) with the effective number of sessions e = 1 / sum v^2, the return the weighted mean of
the log returns, a year long. A greatest drawdown and what is made of it have no weights: they are NaN.

Where fewer than ALIKE_SESSIONS sessions are alike, by their effective number, the weights are blended with equal ones:
v = share * v_alike + (1 - share) / n, with share = effective number / ALIKE_SESSIONS.

Weights that factor over the regimes make every sum a few running sums, one per regime, which start at `begin`: so the
bits of a session do not depend on which sessions are asked for, nor on anything later. What the regimes are is not
decided here (`regimes`), nor what the figures are used for (`search`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.parallel import in_chunks
from portfolio_pipeline.core.performance.windows import METRICS, NOTHING, columns
from portfolio_pipeline.core.tables.market import REGIMES

ALIKE_SESSIONS = 63


def regime_metrics(
    net: Array,
    turnover: Array,
    probabilities: Array,
    begin: int,
    window: int,
    rows: Array,
    *,
    ago: int = 0,
    traded_at: Array | None = None,
    workers: int = 1,
) -> Array:
    """METRICS of `performance.windows`, weighted; calmar and deepest_fall are NaN. [METRICS, rows, candidates].

    `probabilities` are [sessions, regimes], the other arrays those of `window_metrics`. The windows end at `rows`;
    today, whose regime the past is likened to, is `ago` sessions later. Before there are `window` sessions since
    `begin`, over what there is; NaN with fewer than two.
    """
    windows = RegimeWindows(net, turnover, probabilities, begin, window, traded_at)
    return windows.metrics(rows, ago=ago, workers=workers)


class RegimeWindows:
    """`regime_metrics` of the same candidates at one range of rows after the other: sums go on where they were left."""

    def __init__(
        self,
        net: Array,
        turnover: Array,
        probabilities: Array,
        begin: int,
        window: int,
        traded_at: Array | None = None,
    ) -> None:
        self._net, self._turnover, self._begin, self._window = net, turnover, begin, window
        self._column = columns(net.shape[1], traded_at)
        self._chances = np.ascontiguousarray(probabilities, dtype=np.float64)
        self._sums, self._row = np.zeros((len(net), 2, 7, self._chances.shape[1])), begin - 1

    def metrics(self, rows: Array, *, ago: int = 0, workers: int = 1) -> Array:
        asked = np.ascontiguousarray(rows, dtype=np.int64)
        result = np.full((len(METRICS), len(asked), len(self._net)), np.nan)
        if not len(asked) or asked[-1] <= self._begin:
            return result
        if asked[0] < self._row:
            self._sums[:], self._row = 0.0, self._begin - 1
        begin, window, reached = self._begin, self._window, self._row + 1 - self._begin
        net, turnover, column, chances, sums = self._net, self._turnover, self._column, self._chances, self._sums
        weight, correction = _blend(chances, begin, window, asked, ago)

        def fill(low: int, high: int) -> None:
            _fill(
                net,
                turnover,
                column,
                chances,
                begin,
                window,
                asked,
                weight,
                correction,
                reached,
                sums,
                result,
                low,
                high,
            )

        in_chunks(fill, len(net), workers)
        self._row = int(asked[-1])
        return result


def probabilities_at(regimes: pd.DataFrame, sessions: Array) -> Array:
    """The stored probabilities at each session; every regime as likely as any other where none are stored."""
    columns = [f"probability_{name}" for name in REGIMES]
    stored = pd.Index(regimes["session"].to_numpy().astype("datetime64[D]"))
    place = stored.get_indexer(pd.Index(np.asarray(sessions, dtype="datetime64[D]")))
    chances = np.full((len(sessions), len(REGIMES)), 1.0 / len(REGIMES))
    chances[place >= 0] = regimes[columns].to_numpy(dtype=np.float64)[place[place >= 0]]
    return chances


@njit(cache=True, nogil=True)
def _blend(chances: Array, begin: int, window: int, rows: Array, ago: int) -> tuple[Array, Array]:  # pragma: no cover
    """Per row: what each regime's sums count for, and e / (e - 1) of the blended weights."""
    regimes, count = chances.shape[1], rows.max() + 1 - begin
    sums, products = np.zeros((count + 1, regimes)), np.zeros((count + 1, regimes, regimes))
    for u in range(count):
        for r in range(regimes):
            sums[u + 1, r] = sums[u, r] + chances[begin + u, r]
            for s in range(regimes):
                products[u + 1, r, s] = products[u, r, s] + chances[begin + u, r] * chances[begin + u, s]
    weight, correction = np.zeros((len(rows), regimes)), np.ones(len(rows))
    for k in range(len(rows)):
        last = rows[k] + 1 - begin
        n = min(window, last)
        if n < 2:
            continue
        total, squares = 0.0, 0.0
        for r in range(regimes):
            mine = chances[rows[k] + ago, r]
            total += mine * (sums[last, r] - sums[last - n, r])
            for s in range(regimes):
                squares += mine * chances[rows[k] + ago, s] * (products[last, r, s] - products[last - n, r, s])
        # None may be alike, where today is not one of them.
        alike = min(float(n), total * total / squares) if squares > 0.0 else 0.0
        share = min(1.0, alike / ALIKE_SESSIONS)
        blended = 1.0 / ((share * share / alike if alike > 0.0 else 0.0) + (1.0 - share * share) / n)
        correction[k] = blended / (blended - 1.0)
        for r in range(regimes):
            # A session's probabilities add up to 1, so equal weights of sessions are equal weights of regimes.
            weight[k, r] = (1.0 - share) / n
            if share > 0.0:
                weight[k, r] += share * chances[rows[k] + ago, r] / total
    return weight, correction


@njit(cache=True, nogil=True)
def _run(
    net: Array, turnover: Array, column: Array, chances: Array, c: int, start: int, sums: Array, running: Array
) -> None:  # pragma: no cover
    """The sums of candidate c before each session from `start` on, [sessions, sums, regimes].

    Of: returns, squares, squares of losses, log returns, turnover, gains, and losses of everything. Those after the
    last session are kept.
    """
    running[0] = sums
    for u in range(len(running) - 1):
        t = start + u
        value, traded = net[c, t], turnover[c, column[t]] if column[t] >= 0 else 0.0
        down, up, growth, lost = min(value, 0.0), 1.0 if value > 0.0 else 0.0, 0.0, 1.0
        if value > -1.0:
            growth, lost = np.log1p(value), 0.0
        for r in range(chances.shape[1]):
            chance = chances[t, r]
            running[u + 1, 0, r] = running[u, 0, r] + chance * value
            running[u + 1, 1, r] = running[u, 1, r] + chance * value * value
            running[u + 1, 2, r] = running[u, 2, r] + chance * down * down
            running[u + 1, 3, r] = running[u, 3, r] + chance * growth
            running[u + 1, 4, r] = running[u, 4, r] + chance * traded
            running[u + 1, 5, r] = running[u, 5, r] + chance * up
            running[u + 1, 6, r] = running[u, 6, r] + lost
    sums[:] = running[-1]


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(
    net: Array,
    turnover: Array,
    column: Array,
    chances: Array,
    begin: int,
    window: int,
    rows: Array,
    weight: Array,
    correction: Array,
    reached: int,
    sums: Array,
    result: Array,
    low: int,
    high: int,
) -> None:  # pragma: no cover
    """`sums` [candidates, 2, sums, regimes] are those up to the session that was reached and before its window."""
    regimes, count = chances.shape[1], rows[-1] + 1 - begin
    left, leaving = max(0, reached - window), max(0, count - window)
    now = np.empty((count - reached + 1, 7, regimes))
    # From the first session on, both are the same sums.
    before = now if reached == 0 else np.empty((leaving - left + 1, 7, regimes))
    mean = np.empty(6)
    for c in range(low, high):
        _run(net, turnover, column, chances, c, begin + reached, sums[c, 0], now)
        if reached == 0:
            sums[c, 1] = now[leaving]
        else:
            _run(net, turnover, column, chances, c, begin + left, sums[c, 1], before)
        for k in range(len(rows)):
            last = rows[k] + 1 - begin
            if last < 2:
                continue
            a, b = last - reached, max(0, last - window) - left
            for f in range(6):
                total = 0.0
                for r in range(regimes):
                    total += weight[k, r] * (now[a, f, r] - before[b, f, r])
                mean[f] = total
            deviation = np.sqrt(max(0.0, mean[1] - mean[0] * mean[0]) * correction[k])
            downside = np.sqrt(max(0.0, mean[2]))
            result[0, k, c] = np.exp(mean[3] * SESSIONS_PER_YEAR) - 1.0 if now[a, 6, 0] == 0.0 else -1.0
            result[1, k, c] = deviation * np.sqrt(SESSIONS_PER_YEAR)
            result[2, k, c] = mean[0] / deviation * np.sqrt(SESSIONS_PER_YEAR) if deviation > NOTHING else 0.0
            result[3, k, c] = mean[0] / downside * np.sqrt(SESSIONS_PER_YEAR) if downside > NOTHING else 0.0
            result[6, k, c] = mean[4] * SESSIONS_PER_YEAR
            result[7, k, c] = mean[5]
