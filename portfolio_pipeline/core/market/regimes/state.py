"""What regimes are told from: a trend's strength, the level of volatility and how alike everything moves.

NaN policy: sessions without a bar of the benchmark carry its last close forward; symbols without a full window are left
out of the correlation. Sees the past only. NaN before there is a year of the benchmark. What the figures mean for the
regime is not said here (`rules`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.kernels import rolling_mean_std
from portfolio_pipeline.core.market.indicators import Inputs

TREND_WINDOW = 126
VOLATILITY_WINDOW = 20
VOLATILITY_MEMORY = 504
CORRELATION_WINDOW = 60
SESSIONS_NEEDED = 252


@dataclass(frozen=True, eq=False)
class MarketState:
    """The three figures at some sessions. NaN where there is not enough history."""

    trend_strength: Array  # mean over standard deviation of the benchmark's returns, times the root of their number
    volatility_level: Array  # share of the past two years' 20-session volatilities that are not above today's
    average_correlation: Array  # mean over all pairs of symbols; 0 when there are none

    def at(self, places: Array) -> MarketState:
        """At some of the sessions."""
        return MarketState(self.trend_strength[places], self.volatility_level[places], self.average_correlation[places])


def market_state(inputs: Inputs, benchmark: int, rows: Array) -> MarketState:
    """The figures at `rows`; `benchmark` is the place of its symbol."""
    returns = inputs.returns[:, [benchmark]]
    known = np.flatnonzero(~np.isnan(returns[:, 0]))
    first = known[0] + SESSIONS_NEEDED - 1 if len(known) else len(returns)
    mean, deviation = rolling_mean_std(returns, TREND_WINDOW)
    volatility = rolling_mean_std(returns, VOLATILITY_WINDOW)[1]

    late = rows >= first
    strength, level, correlation = np.full((3, len(rows)), np.nan)
    spread = deviation[rows[late], 0]
    moved = spread > 1e-10
    strength[late] = np.where(moved, mean[rows[late], 0] / np.where(moved, spread, 1.0) * np.sqrt(TREND_WINDOW), 0.0)
    level[late] = _levels(volatility[:, 0], rows[late])
    correlation[late] = _average_correlations(inputs.returns, rows[late])
    return MarketState(strength, level, correlation)


@njit(cache=True, nogil=True)
def _levels(volatility: Array, rows: Array) -> Array:  # pragma: no cover
    """Share of those known within VOLATILITY_MEMORY sessions that are not above that of each row."""
    level = np.empty(len(rows))
    for k in range(len(rows)):
        known, lower = 0, 0
        for u in range(max(0, rows[k] + 1 - VOLATILITY_MEMORY), rows[k] + 1):
            known += not np.isnan(volatility[u])
            lower += volatility[u] <= volatility[rows[k]]
        level[k] = lower / known
    return level


@njit(cache=True, nogil=True)
def _average_correlations(returns: Array, rows: Array) -> Array:  # pragma: no cover
    """Without a matrix: returns of variance 1 add up to a series whose variance is the sum over all pairs."""
    symbols, average = returns.shape[1], np.zeros(len(rows))
    mean, scale, together = np.empty(symbols), np.empty(symbols), np.empty(CORRELATION_WINDOW)
    for k in range(len(rows)):
        past = returns[rows[k] + 1 - CORRELATION_WINDOW : rows[k] + 1]
        mean[:], scale[:] = 0.0, 0.0
        for u in range(CORRELATION_WINDOW):
            for i in range(symbols):
                mean[i] += past[u, i]
        for i in range(symbols):
            mean[i] /= CORRELATION_WINDOW
        for u in range(CORRELATION_WINDOW):
            for i in range(symbols):
                scale[i] += (past[u, i] - mean[i]) ** 2
        count = 0
        for i in range(symbols):
            # Where a return is NaN, so is the sum of squares, and no comparison holds.
            moved = scale[i] > 1e-20 * (CORRELATION_WINDOW - 1)
            count += moved
            scale[i] = 1.0 / np.sqrt(scale[i]) if moved else 0.0
            mean[i] = mean[i] if moved else 0.0
        if count < 2:
            continue
        total = 0.0
        for u in range(CORRELATION_WINDOW):
            together[u] = 0.0
            for i in range(symbols):
                if scale[i] > 0.0:
                    together[u] += (past[u, i] - mean[i]) * scale[i]
            total += together[u] * together[u]
        average[k] = (total - count) / (count * (count - 1))
    return average
