"""The methods of sharing out capital, by the name that the settings use. One more is a file here and a word below.

What a method wants is all that belongs here; bounds, locks and daily changes are put on it by `allocate`.
"""

from __future__ import annotations

from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod
from portfolio_pipeline.core.portfolio.allocation.methods.equal import EQUAL
from portfolio_pipeline.core.portfolio.allocation.methods.inverse_volatility import INVERSE_VOLATILITY
from portfolio_pipeline.core.portfolio.allocation.methods.static import STATIC
from portfolio_pipeline.core.registry import Registry

__all__ = ["ALLOCATION_METHODS", "AllocationMethod"]

ALLOCATION_METHODS: Registry[AllocationMethod] = Registry("allocation method", (EQUAL, STATIC, INVERSE_VOLATILITY))
