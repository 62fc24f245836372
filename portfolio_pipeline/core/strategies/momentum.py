"""Cross-sectional momentum: hold what rose most over a fast and a slow look-back, while the trend holds."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from portfolio_pipeline.core.panel import Array
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.base import best, ranks
from portfolio_pipeline.core.strategies.inputs import Inputs


class MomentumParameters(p.Parameters):
    """Ranks over both look-backs are blended; `top` symbols are held in equal parts, empty places stay in cash."""

    fast: Annotated[int, p.Range(21, 105, 21)] = 63
    slow: Annotated[int, p.Range(84, 252, 42)] = 210
    slow_share: Annotated[float, p.Range(0.0, 1.0, 0.25)] = 0.5
    top: Annotated[int, p.Range(2, 8, 1)] = 4
    trend_window: Annotated[int, p.Range(50, 200, 50)] = 200
    trend_filter: Annotated[
        Literal["none", "symbol", "market", "both"], p.choices("none", "symbol", "market", "both")
    ] = "symbol"

    @model_validator(mode="after")
    def _fast_below_slow(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast {self.fast} is not below slow {self.slow}")
        return self


class Momentum:
    """Long the top; long-short cards also short as many of the bottom, half of the capital each side."""

    name: ClassVar[str] = "momentum"
    description: ClassVar[str] = "Holds the symbols that rose most over two look-backs, while their trend holds."
    inputs: ClassVar[tuple[str, ...]] = ("prices",)
    Parameters: ClassVar[type[p.Parameters]] = MomentumParameters

    def window(self, parameters: MomentumParameters) -> int:
        filtered = parameters.trend_window if parameters.trend_filter != "none" else 1
        return max(parameters.slow + 1, filtered)

    def target_weights(
        self, inputs: Inputs, parameters: MomentumParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        share = parameters.slow_share
        fast, slow = _ranks(inputs, parameters.fast)[rows], _ranks(inputs, parameters.slow)[rows]
        score = np.where(inputs.traded[rows], (1.0 - share) * fast + share * slow, np.nan)
        rising, falling = self._trend(inputs, parameters, rows)
        weights = np.where(best(score, parameters.top) & rising, 1.0 / parameters.top, 0.0)
        if long_short:
            weights = (weights - np.where(best(-score, parameters.top) & falling, 1.0 / parameters.top, 0.0)) / 2.0
        return weights

    def _trend(self, inputs: Inputs, parameters: MomentumParameters, rows: Array) -> tuple[Array, Array]:
        """Which symbols may be bought, and which may be sold short."""
        rising = np.ones((len(rows), len(inputs.panel.symbols)), dtype=bool)
        falling = rising.copy()
        if parameters.trend_filter in ("symbol", "both"):
            close, sma = inputs.close[rows], inputs.sma(parameters.trend_window)[rows]
            rising, falling = rising & (close > sma), falling & (close < sma)
        if parameters.trend_filter in ("market", "both"):
            above = inputs.market_above_sma(parameters.trend_window)[rows, None]
            rising, falling = rising & above, falling & ~above
        return rising, falling


def _ranks(inputs: Inputs, lookback: int) -> Array:
    return inputs.shared(("momentum_ranks", lookback), lambda: ranks(inputs.momentum(lookback)))
