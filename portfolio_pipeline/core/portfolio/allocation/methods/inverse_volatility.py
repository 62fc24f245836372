"""The steadier a strategy's paper returns, the more of the capital: one over their standard deviation.

NaN policy: a NaN return is a session before the strategy had any; it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

MINIMUM_OBSERVATIONS = 20
"""Fewer returns than this say nothing about a strategy's volatility."""
_NO_VOLATILITY = 1e-8


def _wish(window: Array, strategies: Sequence[str], settings: Allocation) -> Array:
    return 1.0 / _volatilities(window)


def _volatilities(window: Array) -> Array:
    """Standard deviation of each strategy's returns; too short or motionless a history takes the others' median."""
    found = np.full(window.shape[1], np.nan)
    for column in range(window.shape[1]):
        values = window[:, column]
        values = values[~np.isnan(values)]
        if len(values) >= MINIMUM_OBSERVATIONS:
            found[column] = values.std(ddof=1)
    known = found > _NO_VOLATILITY
    return np.where(known, found, np.median(found[known]) if known.any() else 1.0)


INVERSE_VOLATILITY = AllocationMethod("inverse_volatility", _wish)
