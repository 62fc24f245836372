"""The shares whose whole moves least."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.figures import covariances
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known
from portfolio_pipeline.core.weighing.mean_variance import least_variance

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


def _wish(known: Known, settings: Allocation) -> Array:
    return least_variance(covariances(known.returns, settings))


MIN_VARIANCE = AllocationMethod("min_variance", _wish)
