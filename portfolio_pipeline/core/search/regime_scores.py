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
from portfolio_pipeline.core.performance.windows import METRICS, NOTHING
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
    workers: int = 1,
) -> Array:
    """METRICS of `performance.windows`, weighted; calmar and deepest_fall are NaN. [METRICS, rows, candidates].

    `net` and `turnover` are [candidates, sessions], `probabilities` [sessions, regimes]. The windows end at `rows`;
    today, whose regime the past is likened to, is `ago` sessions later. Before there are `window` sessions since
    `begin`, over what there is; NaN with fewer than two.
    """
    chances = np.ascontiguousarray(probabilities, dtype=np.float64)
    asked = np.ascontiguousarray(rows, dtype=np.int64)
    result = np.full((len(METRICS), len(asked), len(net)), np.nan)
    if len(asked) and asked.max() > begin:
        weight, correction = _blend(chances, begin, window, asked, ago)

        def fill(first: int, stop: int) -> None:
            _fill(net, turnover, chances, begin, window, asked, weight, correction, result, first, stop)

        in_chunks(fill, len(net), workers)
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


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(
    net: Array,
    turnover: Array,
    chances: Array,
    begin: int,
    window: int,
    rows: Array,
    weight: Array,
    correction: Array,
    result: Array,
    low: int,
    high: int,
) -> None:  # pragma: no cover
    regimes, count = chances.shape[1], rows.max() + 1 - begin
    sums = np.zeros((count + 1, 6, regimes))  # of: returns, squares, squares of losses, log returns, turnover, gains
    mean = np.empty(6)
    for c in range(low, high):
        ruined = count + 1
        for u in range(count):
            value, traded = net[c, begin + u], turnover[c, begin + u]
            down, up, growth = min(value, 0.0), 1.0 if value > 0.0 else 0.0, 0.0
            if value > -1.0:
                growth = np.log1p(value)
            else:
                ruined = min(ruined, u + 1)
            for r in range(regimes):
                chance = chances[begin + u, r]
                sums[u + 1, 0, r] = sums[u, 0, r] + chance * value
                sums[u + 1, 1, r] = sums[u, 1, r] + chance * value * value
                sums[u + 1, 2, r] = sums[u, 2, r] + chance * down * down
                sums[u + 1, 3, r] = sums[u, 3, r] + chance * growth
                sums[u + 1, 4, r] = sums[u, 4, r] + chance * traded
                sums[u + 1, 5, r] = sums[u, 5, r] + chance * up
        for k in range(len(rows)):
            last = rows[k] + 1 - begin
            if last < 2:
                continue
            first = last - min(window, last)
            for f in range(6):
                mean[f] = 0.0
                for r in range(regimes):
                    mean[f] += weight[k, r] * (sums[last, f, r] - sums[first, f, r])
            deviation = np.sqrt(max(0.0, mean[1] - mean[0] * mean[0]) * correction[k])
            downside = np.sqrt(max(0.0, mean[2]))
            result[0, k, c] = np.exp(mean[3] * SESSIONS_PER_YEAR) - 1.0 if last < ruined else -1.0
            result[1, k, c] = deviation * np.sqrt(SESSIONS_PER_YEAR)
            result[2, k, c] = mean[0] / deviation * np.sqrt(SESSIONS_PER_YEAR) if deviation > NOTHING else 0.0
            result[3, k, c] = mean[0] / downside * np.sqrt(SESSIONS_PER_YEAR) if downside > NOTHING else 0.0
            result[6, k, c] = mean[4] * SESSIONS_PER_YEAR
            result[7, k, c] = mean[5]
