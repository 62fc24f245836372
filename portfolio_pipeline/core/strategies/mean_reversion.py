"""Short-term mean reversion: buy what has fallen unusually far within a rising trend, and give it a few sessions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np

from portfolio_pipeline.core.panel import Array
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.base import best
from portfolio_pipeline.core.strategies.inputs import Inputs


class MeanReversionParameters(p.Parameters):
    """A symbol is held when its stretch passed `entry` within the last `hold` sessions; at most `places` at once."""

    indicator: Annotated[Literal["zscore", "rsi"], p.choices("zscore", "rsi")] = "zscore"
    lookback: Annotated[int, p.Range(5, 20, 5)] = 10
    entry: Annotated[float, p.Range(0.5, 2.5, 0.5)] = 1.5
    hold: Annotated[int, p.Range(1, 9, 2)] = 5
    places: Annotated[int, p.Range(2, 6, 1)] = 4
    trend_window: Annotated[int, p.Range(50, 200, 50)] = 200


class MeanReversion:
    """Long what is stretched downwards above its long average; long-short cards also short the mirror image."""

    name: ClassVar[str] = "mean_reversion"
    description: ClassVar[str] = (
        "Buys what has fallen unusually far within a rising trend, and holds it for a few sessions."
    )
    inputs: ClassVar[tuple[str, ...]] = ("prices",)
    Parameters: ClassVar[type[p.Parameters]] = MeanReversionParameters

    def window(self, parameters: MeanReversionParameters) -> int:
        return max(parameters.lookback + parameters.hold, parameters.trend_window)

    def target_weights(
        self, inputs: Inputs, parameters: MeanReversionParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        fallen, risen = _stretch(inputs, parameters.indicator, parameters.lookback, parameters.hold)
        close, sma = inputs.close[rows], inputs.sma(parameters.trend_window)[rows]
        weights = self._held(inputs, parameters, fallen[rows], close > sma, rows)
        if long_short:
            weights = (weights - self._held(inputs, parameters, risen[rows], close < sma, rows)) / 2.0
        return weights

    def _held(
        self, inputs: Inputs, parameters: MeanReversionParameters, stretch: Array, allowed: Array, rows: Array
    ) -> Array:
        wanted = inputs.traded[rows] & allowed & (stretch > parameters.entry)
        return np.where(best(np.where(wanted, stretch, np.nan), parameters.places), 1.0 / parameters.places, 0.0)


def _stretch(inputs: Inputs, indicator: str, lookback: int, hold: int) -> tuple[Array, Array]:
    """How far a symbol was stretched down, and up, at most within `hold` sessions, in about standard deviations."""

    def compute() -> tuple[Array, Array]:
        up = inputs.zscore(lookback) if indicator == "zscore" else (inputs.rsi(lookback) - 50.0) / 15.0
        return _recent_maximum(-up, hold), _recent_maximum(up, hold)

    return inputs.shared(("stretch", indicator, lookback, hold), compute)


def _recent_maximum(values: Array, window: int) -> Array:
    """The greatest of the last `window` rows; NaN until there are that many."""
    greatest = values.copy()
    for back in range(1, window):
        greatest[back:] = np.maximum(greatest[back:], values[:-back])
    greatest[: window - 1] = np.nan
    return greatest
