"""Everyone brings the same risk into the whole: w_i (Cw)_i is equal for all, on realised covariances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.figures import covariances
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known
from portfolio_pipeline.core.weighing.risk_budgets import risk_budget_weights

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


def _wish(known: Known, settings: Allocation) -> Array:
    return risk_budget_weights(covariances(known.returns, settings), np.ones(len(known.strategies)))


RISK_PARITY = AllocationMethod("risk_parity", _wish)
