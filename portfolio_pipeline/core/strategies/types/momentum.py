"""Cross-sectional momentum: hold what rose most over a fast and a slow look-back, while the trend holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.families import CARRIED_CLOSE, MARKET_TREND, MOMENTUM, SMA
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.market.indicators import AtRows, Inputs
from portfolio_pipeline.core.simulation.selections import Selections, order_table
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.selection import add_first, blended, ranks, side

MOST_PLACES = 8


class MomentumParameters(p.Parameters):
    """Ranks over both look-backs are blended; `top` symbols are held in equal parts, empty places stay in cash."""

    constraints: ClassVar[tuple[str, ...]] = ("fast < slow",)

    fast: Annotated[int, p.Range(21, 105, 21)] = 63
    slow: Annotated[int, p.Range(84, 252, 42)] = 210
    slow_share: Annotated[float, p.Range(0.0, 1.0, 0.25)] = 0.5
    top: Annotated[int, p.Range(2, MOST_PLACES, 1)] = 4
    trend_window: Annotated[int, p.Range(50, 200, 50)] = 200
    trend_filter: Annotated[
        Literal["none", "symbol", "market", "both"], p.choices("none", "symbol", "market", "both")
    ] = "symbol"


class Momentum:
    """Long the top; long-short cards also short as many of the bottom, half of the capital each side."""

    name: ClassVar[str] = "momentum"
    description: ClassVar[str] = "Holds the symbols that rose most over two look-backs, while their trend holds."
    inputs: ClassVar[tuple[Family, ...]] = (
        CARRIED_CLOSE,
        MARKET_TREND,
        MOMENTUM,
        SMA,
    )
    Parameters: ClassVar[type[p.Parameters]] = MomentumParameters

    def window(self, parameters: MomentumParameters) -> int:
        filtered = parameters.trend_window if parameters.trend_filter != "none" else 1
        return max(parameters.slow + 1, filtered)

    def target_weights(
        self, inputs: Inputs, parameters: MomentumParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        at, top = inputs.at(rows), parameters.top
        weights = np.zeros(at.traded.shape)
        rising, falling = _trend(inputs, at, parameters.trend_filter, parameters.trend_window)
        add_first(weights, _order(at, parameters), rising, top, 1.0 / top)
        if long_short:
            add_first(weights, _order(at, parameters, from_the_bottom=True), falling, top, -1.0 / top)
            weights /= 2.0
        return weights

    def selections(self, inputs: Inputs, candidates: Sequence[MomentumParameters], rows: Array) -> Selections:
        at = inputs.at(rows)
        return Selections.of(
            (_order(at, one), _trend(inputs, at, one.trend_filter, one.trend_window)[0], one.top) for one in candidates
        )


def _order(at: AtRows, parameters: MomentumParameters, *, from_the_bottom: bool = False) -> Array:
    """The first symbols by blended ranks; those without a bar have no place."""
    fast, slow, share = parameters.fast, parameters.slow, parameters.slow_share

    def compute() -> Array:
        score = blended(_ranks(at, fast), _ranks(at, slow), share, at.traded)
        order: Array = order_table(-score if from_the_bottom else score, MOST_PLACES)
        return order

    return at.shared(("momentum_order", fast, slow, share, from_the_bottom), compute)


def _ranks(at: AtRows, lookback: int) -> Array:
    found: Array = at.shared(("momentum_ranks", lookback), lambda: ranks(at.feature(MOMENTUM, lookback)))
    return found


def _trend(inputs: Inputs, at: AtRows, trend_filter: str, window: int) -> tuple[Array, Array]:
    """Which symbols may be bought, and which may be sold short."""

    def compute() -> tuple[Array, Array]:
        rising, falling = np.ones((2, *at.traded.shape), dtype=bool)
        if trend_filter in ("symbol", "both"):
            own = side(at.close, at.feature(SMA, window))
            rising, falling = rising & (own > 0.0), falling & (own < 0.0)
        if trend_filter in ("market", "both"):
            # Not known before its window is full: then neither holds.
            market = at.feature(MARKET_TREND, window)
            rising, falling = rising & (market > 0.0), falling & (market < 0.0)
        return rising, falling

    return at.shared(("momentum_trend", trend_filter, window), compute)
