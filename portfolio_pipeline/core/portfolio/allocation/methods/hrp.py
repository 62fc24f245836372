"""Hierarchical risk parity: capital by recursive bisection of strategies in the order of their clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.figures import covariances
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


def _wish(known: Known, settings: Allocation) -> Array:
    # Compiled, and so slow to import.
    from portfolio_pipeline.core.weighing.hierarchical_risk_parity import hierarchical_risk_parity

    return hierarchical_risk_parity(covariances(known.returns, settings))


HRP = AllocationMethod("hrp", _wish)
