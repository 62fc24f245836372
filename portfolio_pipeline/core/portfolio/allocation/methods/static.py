"""Exactly what is written in the settings; a strategy that is not mentioned gets nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation


def _wish(known: Known, settings: Allocation) -> Array:
    return np.array([settings.static.get(name, 0.0) for name in known.strategies], dtype=np.float64)


STATIC = AllocationMethod("static", _wish, exact=True)
