"""In proportion to (1 + Sharpe) (1 + return) / (1 + drawdown), no factor below 0, over the window.

If all are 0, everyone gets the same. Who has too short a history is a middling one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.figures import (
    deepest_fall,
    sharpe,
    total_return,
    usual_where_unknown,
)
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known
from portfolio_pipeline.core.portfolio.allocation.methods.performance import in_proportion

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


def _wish(known: Known, settings: Allocation) -> Array:
    returns = known.returns
    earned = np.maximum(1.0 + sharpe(returns), 0.0) * np.maximum(1.0 + total_return(returns), 0.0)
    return in_proportion(usual_where_unknown(earned / (1.0 - deepest_fall(returns)), 0.0))


SCORE = AllocationMethod("score", _wish)
