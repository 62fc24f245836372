"""What regimes are told from: a trend's strength, the level of volatility and how alike everything moves.

NaN policy: sessions without a bar of the benchmark carry its last close forward; symbols without a full window are left
out of the correlation. Sees the past only. NaN before there is a year of the benchmark. What the figures mean for the
regime is not said here (`rules`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.kernels import covariance, rolling_mean_std
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


def market_state(inputs: Inputs, benchmark: int, rows: Array) -> MarketState:
    """The figures at `rows`; `benchmark` is the place of its symbol."""
    returns = inputs.returns[:, [benchmark]]
    known = np.flatnonzero(~np.isnan(returns[:, 0]))
    first = known[0] + SESSIONS_NEEDED - 1 if len(known) else len(returns)
    mean, deviation = rolling_mean_std(returns, TREND_WINDOW)
    volatility = rolling_mean_std(returns, VOLATILITY_WINDOW)[1][:, 0]

    shape = len(rows)
    strength, level, correlation = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    for k, row in enumerate(rows):
        if row < first:
            continue
        spread = deviation[row, 0]
        strength[k] = mean[row, 0] / spread * np.sqrt(TREND_WINDOW) if spread > 1e-10 else 0.0
        past = volatility[max(0, row + 1 - VOLATILITY_MEMORY) : row + 1]
        past = past[~np.isnan(past)]
        level[k] = np.count_nonzero(past <= volatility[row]) / len(past)
        correlation[k] = _average_correlation(inputs.returns[row + 1 - CORRELATION_WINDOW : row + 1])
    return MarketState(strength, level, correlation)


def _average_correlation(returns: Array) -> float:
    complete = np.ascontiguousarray(returns[:, ~np.isnan(returns).any(axis=0)])
    if complete.shape[1] == 0:
        return 0.0
    cov = covariance(complete)
    moving = np.diag(cov) > 1e-20
    cov, count = cov[np.ix_(moving, moving)], int(moving.sum())
    if count < 2:
        return 0.0
    deviation = np.sqrt(np.diag(cov))
    return float(((cov / np.outer(deviation, deviation)).sum() - count) / (count * (count - 1)))
