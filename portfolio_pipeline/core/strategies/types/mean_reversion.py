"""Short-term mean reversion: buy what has fallen unusually far within a rising trend, and give it a few sessions."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.families import CARRIED_CLOSE, RSI, SMA, ZSCORE
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.market.indicators import AtRows, Inputs
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.selection import Ranked, add_passing, ranked, side


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
    inputs: ClassVar[tuple[Family, ...]] = (
        CARRIED_CLOSE,
        RSI,
        SMA,
        ZSCORE,
    )
    Parameters: ClassVar[type[p.Parameters]] = MeanReversionParameters

    def window(self, parameters: MeanReversionParameters) -> int:
        return max(parameters.lookback + parameters.hold, parameters.trend_window)

    def target_weights(
        self, inputs: Inputs, parameters: MeanReversionParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        at, window, places = inputs.at(rows), parameters.trend_window, parameters.places
        weights = np.zeros(at.traded.shape)
        for sign in (1.0, -1.0) if long_short else (1.0,):
            stretch = _stretch(inputs, at, parameters.indicator, parameters.lookback, parameters.hold, sign)
            allowed = at.shared(("reverting", window, sign), partial(_allowed, at, window, sign))
            add_passing(weights, stretch.order, stretch.scores, allowed, parameters.entry, places, sign / places)
        if long_short:
            weights /= 2.0
        return weights


def _allowed(at: AtRows, window: int, sign: float) -> Array:
    """Where there is a bar and the price is above its long average, or below for the mirror image."""
    allowed: Array = at.traded & (side(at.close, at.feature(SMA, window)) == sign)
    return allowed


def _stretch(inputs: Inputs, at: AtRows, indicator: str, lookback: int, hold: int, sign: float) -> Ranked:
    """How far a symbol was stretched down, or up, at most within `hold` sessions, in about standard deviations."""

    def compute() -> Ranked:
        up = (
            inputs.feature(ZSCORE, lookback) if indicator == "zscore" else (inputs.feature(RSI, lookback) - 50.0) / 15.0
        )
        return ranked(_recent_maximum(-sign * up, hold)[at.rows])

    return at.shared(("stretch", indicator, lookback, hold, sign), compute)


def _recent_maximum(values: Array, window: int) -> Array:
    """The greatest of the last `window` rows; NaN until there are that many."""
    greatest = values.copy()
    for back in range(1, window):
        greatest[back:] = np.maximum(greatest[back:], values[:-back])
    greatest[: window - 1] = np.nan
    return greatest
