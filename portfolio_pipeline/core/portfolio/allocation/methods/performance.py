"""In proportion to what was earned for the risk: Sharpe or Sortino ratio, as `performance_ratio` says; losses are 0.

If nobody earned anything, everyone gets the same; if all together have less than FULL_AT, partly so. Who has too
short a history is a middling one. What guards against luck is the minimum share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.figures import sharpe, sortino, usual_where_unknown
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

FULL_AT = 0.1


def _wish(known: Known, settings: Allocation) -> Array:
    ratio = sortino if settings.performance_ratio == "sortino" else sharpe
    return in_proportion(usual_where_unknown(ratio(known.returns), 0.0))


def in_proportion(scores: Array) -> Array:
    """Shares by positive scores, adding up to 1; equal ones as far as their sum is short of FULL_AT."""
    positive: Array = np.maximum(scores, 0.0)
    total = float(positive.sum())
    same = max(0.0, 1.0 - total / FULL_AT)
    return positive / max(total, FULL_AT) + same / len(scores)


PERFORMANCE = AllocationMethod("performance", _wish)
