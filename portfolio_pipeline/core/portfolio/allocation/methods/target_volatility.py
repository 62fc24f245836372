"""The largest expected return at a volatility of `volatility_target`, by means shrunk towards each other.

What is not needed for it stays in cash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known
from portfolio_pipeline.core.portfolio.allocation.methods.max_sharpe import expectations
from portfolio_pipeline.core.weighing.mean_variance import largest_mean

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

USUAL = 0.10
"""Of a year, where the settings aim at none."""


def _wish(known: Known, settings: Allocation) -> Array:
    return largest_mean(*expectations(known, settings), settings.volatility_target or USUAL)


TARGET_VOLATILITY = AllocationMethod("target_volatility", _wish, exact=True)
