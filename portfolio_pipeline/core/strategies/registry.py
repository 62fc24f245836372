"""The strategy types by the name that cards use. A new type is a module of its own and a word here."""

from __future__ import annotations

from portfolio_pipeline.core.registry import Registry
from portfolio_pipeline.core.strategies.base import Strategy
from portfolio_pipeline.core.strategies.types.constructed import Constructed
from portfolio_pipeline.core.strategies.types.diversified import Diversified
from portfolio_pipeline.core.strategies.types.mean_reversion import MeanReversion
from portfolio_pipeline.core.strategies.types.momentum import Momentum
from portfolio_pipeline.core.strategies.types.relative_strength import RelativeStrength
from portfolio_pipeline.core.strategies.types.trend import Trend

STRATEGY_TYPES: Registry[Strategy] = Registry(
    "strategy type", (Momentum(), Trend(), MeanReversion(), Diversified(), RelativeStrength(), Constructed())
)
