"""The steadier a strategy's paper returns while it is exposed, the more capital: one over their standard deviation.

A session without any gain or loss is one in cash, and says nothing about how much the strategy moves: who is idle half
of the time is no calmer for it. NaN policy: a NaN return is a session before the strategy had any; it is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

MINIMUM_OBSERVATIONS = 20
"""Fewer exposed sessions than this say nothing about a strategy's volatility."""
_NO_VOLATILITY = 1e-8


def _wish(known: Known, settings: Allocation) -> Array:
    return 1.0 / volatilities(known.returns)


def volatilities(window: Array) -> Array:
    """Standard deviation of each strategy's exposed returns; too few of them take the others' median."""
    rows = np.ascontiguousarray(window.T)
    exposed = ~np.isnan(rows) & (rows != 0.0)
    counts = exposed.sum(axis=1)
    found = np.full(len(rows), np.nan)
    # Those with as many sessions all at once: to the bit what each has alone, and soon done for hundreds of symbols.
    for count in np.unique(counts[counts >= MINIMUM_OBSERVATIONS]):
        those = counts == count
        found[those] = rows[those][exposed[those]].reshape(-1, count).std(axis=1, ddof=1)
    known = found > _NO_VOLATILITY
    return np.where(known, found, np.median(found[known]) if known.any() else 1.0)


INVERSE_VOLATILITY = AllocationMethod("inverse_volatility", _wish)
