"""The methods of sharing out capital, by the name that the settings use. One more is a file here and a word below.

What a method wants is all that belongs here; bounds, locks and daily changes are put on it by `allocate`.
"""

from __future__ import annotations

from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known
from portfolio_pipeline.core.portfolio.allocation.methods.black_litterman import BLACK_LITTERMAN
from portfolio_pipeline.core.portfolio.allocation.methods.ensemble import ensemble
from portfolio_pipeline.core.portfolio.allocation.methods.equal import EQUAL
from portfolio_pipeline.core.portfolio.allocation.methods.hierarchical import HIERARCHICAL
from portfolio_pipeline.core.portfolio.allocation.methods.hrp import HRP
from portfolio_pipeline.core.portfolio.allocation.methods.inverse_volatility import INVERSE_VOLATILITY
from portfolio_pipeline.core.portfolio.allocation.methods.kelly import KELLY
from portfolio_pipeline.core.portfolio.allocation.methods.max_sharpe import MAX_SHARPE
from portfolio_pipeline.core.portfolio.allocation.methods.min_variance import MIN_VARIANCE
from portfolio_pipeline.core.portfolio.allocation.methods.momentum import MOMENTUM
from portfolio_pipeline.core.portfolio.allocation.methods.performance import PERFORMANCE
from portfolio_pipeline.core.portfolio.allocation.methods.risk_parity import RISK_PARITY
from portfolio_pipeline.core.portfolio.allocation.methods.score import SCORE
from portfolio_pipeline.core.portfolio.allocation.methods.static import STATIC
from portfolio_pipeline.core.portfolio.allocation.methods.target_volatility import TARGET_VOLATILITY
from portfolio_pipeline.core.registry import Registry

__all__ = ["ALLOCATION_METHODS", "AllocationMethod", "Known"]

ALLOCATION_METHODS: Registry[AllocationMethod] = Registry(
    "allocation method",
    (
        *(EQUAL, STATIC, INVERSE_VOLATILITY, RISK_PARITY, HIERARCHICAL, HRP, MIN_VARIANCE, MAX_SHARPE),
        *(TARGET_VOLATILITY, BLACK_LITTERMAN, KELLY, MOMENTUM, PERFORMANCE, SCORE),
    ),
)
ALLOCATION_METHODS.add(ensemble(ALLOCATION_METHODS))
