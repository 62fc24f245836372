"""Sharpe ratios beside one of them, over the same sessions: the difference, and its standard error.

The error is that of the paired difference: what both have in common is no noise between them. Conventions are those of
`windows`. NaN policy: returns are never NaN; where either series never moved the difference is that of a ratio of 0,
and its error NaN. Time: every session that is handed over counts alike.
"""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.performance.windows import NOTHING


def sharpe_differences(net: Array, base: Array) -> tuple[Array, Array]:
    """Of each row of `net` [candidates, sessions] to `base` [sessions]: yearly difference, and its standard error."""
    count = len(base)
    if count < 2:
        return np.full(len(net), np.nan), np.full(len(net), np.nan)
    mean, deviation = net.mean(axis=1), net.std(axis=1, ddof=1)
    others, spread = base.mean(), base.std(ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(deviation > NOTHING, mean / deviation, 0.0)
        of_base = others / spread if spread > NOTHING else 0.0
        covariance = (net - mean[:, None]) @ (base - others) / (count - 1)
        together = covariance / (deviation * spread)
        error = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * together) / count)
    error = np.where((deviation > NOTHING) & (spread > NOTHING), error, np.nan)
    # Of the base beside itself rounding is left.
    same = (net == base).all(axis=1)
    yearly = np.sqrt(SESSIONS_PER_YEAR)
    return np.where(same, 0.0, yearly * (ratio - of_base)), np.where(same, 0.0, yearly * error)
