"""Time-series trend: each symbol by itself, held while its faster averages stand above its slower ones."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import model_validator

from portfolio_pipeline.core.panel import Array
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.inputs import Inputs


class TrendParameters(p.Parameters):
    """`speeds` pairs of averages: fast and slow, then half of both, then a quarter. Shares by inverse volatility."""

    fast: Annotated[int, p.Range(20, 80, 20)] = 40
    slow: Annotated[int, p.Range(80, 240, 40)] = 200
    speeds: Annotated[int, p.Range(1, 3, 1)] = 2
    volatility_window: Annotated[int, p.Range(20, 120, 20)] = 60

    @model_validator(mode="after")
    def _fast_below_slow(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast {self.fast} is not below slow {self.slow}")
        return self


class Trend:
    """The share of speeds that point up is held; long-short cards also go short what points down."""

    name: ClassVar[str] = "trend"
    description: ClassVar[str] = (
        "Holds each symbol while its faster averages stand above its slower ones, at several speeds."
    )
    inputs: ClassVar[tuple[str, ...]] = ("prices",)
    Parameters: ClassVar[type[p.Parameters]] = TrendParameters

    def window(self, parameters: TrendParameters) -> int:
        return max(parameters.slow, parameters.volatility_window + 1)

    def target_weights(
        self, inputs: Inputs, parameters: TrendParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        direction = np.zeros((len(rows), len(inputs.panel.symbols)))
        for speed in range(parameters.speeds):
            direction += _direction(inputs, parameters.fast >> speed, parameters.slow >> speed)[rows]
        direction /= parameters.speeds
        if not long_short:
            direction = np.maximum(direction, 0.0)
        volatility = inputs.volatility(parameters.volatility_window)[rows]
        known = inputs.traded[rows] & ~np.isnan(direction) & (volatility > 0.0)
        share = np.where(known, 1.0 / np.where(known, volatility, 1.0), 0.0)
        total = share.sum(axis=1, keepdims=True)
        return np.where(known, direction, 0.0) * share / np.where(total > 0.0, total, 1.0)


def _direction(inputs: Inputs, fast: int, slow: int) -> Array:
    """1 above, -1 below; NaN without the history of the slow one."""
    return inputs.shared(("direction", fast, slow), lambda: np.sign(inputs.sma(fast) - inputs.sma(slow)))
