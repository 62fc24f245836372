"""Settings of the risk limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portfolio_pipeline.core.sections import AssetClass, NonNegative, Positive, Section


class Limits(Section):
    """The risk limits, as fractions of equity. `tolerance` is how far prices may carry a book past a limit."""

    gross: Positive = 1.0
    net: Positive = 1.0
    net_minimum: Annotated[float, Field(le=0)] = 0.0  # the empty book fits every limit
    symbol: Positive = 0.20
    asset_class: dict[AssetClass, Positive] = Field(
        default={"equity": 0.7, "bond": 0.7, "commodity": 0.35, "real_estate": 0.25}
    )
    turnover: Positive = 0.5
    tolerance: NonNegative = 0.01
