"""The same for everyone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


def _wish(window: Array, strategies: Sequence[str], settings: Allocation) -> Array:
    return np.ones(len(strategies))


EQUAL = AllocationMethod("equal", _wish)
