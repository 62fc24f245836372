"""Time-series trend: each symbol by itself, held while its faster averages stand above its slower ones."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.families import SMA, VOLATILITY
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.market.indicators import AtRows, Inputs
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.selection import STILL, UNKNOWN, share_risk, side


class TrendParameters(p.Parameters):
    """`speeds` pairs of averages: fast and slow, then half of both, then a quarter. Shares by inverse volatility."""

    constraints: ClassVar[tuple[str, ...]] = ("fast < slow",)

    fast: Annotated[int, p.Range(10, 80, 10)] = 40
    slow: Annotated[int, p.Range(80, 240, 20)] = 200
    speeds: Annotated[int, p.Range(1, 3, 1)] = 2
    volatility_window: Annotated[int, p.Range(20, 120, 20)] = 60


class Trend:
    """The share of speeds that point up is held; long-short cards also go short what points down."""

    name: ClassVar[str] = "trend"
    description: ClassVar[str] = (
        "Holds each symbol while its faster averages stand above its slower ones, at several speeds."
    )
    inputs: ClassVar[tuple[Family, ...]] = (
        SMA,
        VOLATILITY,
    )
    Parameters: ClassVar[type[p.Parameters]] = TrendParameters

    def window(self, parameters: TrendParameters) -> int:
        return max(parameters.slow, parameters.volatility_window + 1)

    def target_weights(
        self, inputs: Inputs, parameters: TrendParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        at, fast, slow, speeds = inputs.at(rows), parameters.fast, parameters.slow, parameters.speeds
        shares = at.shared(("inverse_volatility", parameters.volatility_window), partial(_shares, at, parameters))
        direction = at.shared(("direction", fast, slow, speeds), partial(_direction, at, fast, slow, speeds))
        weights: Array = share_risk(direction, speeds, shares, long_short)
        return weights


def _direction(at: AtRows, fast: int, slow: int, speeds: int) -> Array:
    """The sum over the speeds of 1 above, -1 below, 0 for a tie, int8; UNKNOWN without the history of the slowest."""
    total = np.zeros(at.traded.shape)
    for speed in range(speeds):
        total += side(at.feature(SMA, fast >> speed), at.feature(SMA, slow >> speed))
    return np.where(np.isnan(total), UNKNOWN, total).astype(np.int8)


def _shares(at: AtRows, parameters: TrendParameters) -> Array:
    """Inverse volatility of what has a bar and moved, else 0."""
    volatility = at.feature(VOLATILITY, parameters.volatility_window)
    shares: Array = np.divide(1.0, volatility, out=np.zeros_like(volatility), where=at.traded & (volatility > STILL))
    return shares
