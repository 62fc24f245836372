"""The same for everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


def _wish(known: Known, settings: Allocation) -> Array:
    return np.ones(len(known.strategies))


EQUAL = AllocationMethod("equal", _wish)
