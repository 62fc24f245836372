"""Relative strength over several time frames at once: hold what beat the average of the card's symbols most clearly.

A frame's strength is the logarithm of the symbol's growth over that of the average, scaled by the root of the frame's
length, so that a month counts as much as a year. The average is causal like any level (`families.MARKET`).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.families import CARRIED_CLOSE, MARKET, SMA
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.market.indicators import AtRows, Inputs
from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.selection import Ranked, add_passing, ranked, side

FRAMES = (21, 63, 126, 252)
MONTH = 21


class RelativeStrengthParameters(p.Parameters):
    """`tilt` moves weight from the short frames (-1) to the long ones (1); 0 weighs all alike.

    `skip_month` leaves out the latest month, which often reverts; `confirmed` asks for a close above the symbol's own
    average of `trend_window`. `minimum` is the yearly strength that a symbol has to exceed.
    """

    tilt: Annotated[float, p.Range(-1.0, 1.0, 0.25)] = 0.0
    skip_month: Annotated[bool, p.flag()] = False
    minimum: Annotated[float, p.Range(0.0, 0.2, 0.05)] = 0.0
    top: Annotated[int, p.Range(2, 8, 1)] = 4
    confirmed: Annotated[bool, p.flag()] = True
    trend_window: Annotated[int, p.Range(50, 200, 50)] = 200


class RelativeStrength:
    """Long the strongest that pass, in equal parts; long-short cards also short the weakest by the mirrored rule."""

    name: ClassVar[str] = "relative_strength"
    description: ClassVar[str] = "Holds the symbols that beat their average over several time frames."
    inputs: ClassVar[tuple[Family, ...]] = (
        CARRIED_CLOSE,
        MARKET,
        SMA,
    )
    Parameters: ClassVar[type[p.Parameters]] = RelativeStrengthParameters

    def window(self, parameters: RelativeStrengthParameters) -> int:
        history = FRAMES[-1] + MONTH * parameters.skip_month + 1
        return max(history, parameters.trend_window) if parameters.confirmed else history

    def target_weights(
        self, inputs: Inputs, parameters: RelativeStrengthParameters, rows: Array, *, long_short: bool = False
    ) -> Array:
        at, top = inputs.at(rows), parameters.top
        weights = np.zeros(at.traded.shape)
        trend_window = parameters.trend_window if parameters.confirmed else 0
        for sign in (1.0, -1.0) if long_short else (1.0,):
            strength = _strength(inputs, at, parameters.tilt, parameters.skip_month, sign)
            allowed = at.shared(("confirmed", trend_window, sign), partial(_confirmed, at, trend_window, sign))
            add_passing(weights, strength.order, strength.scores, allowed, parameters.minimum, top, sign / top)
        if long_short:
            weights /= 2.0
        return weights


def _confirmed(at: AtRows, trend_window: int, sign: float) -> Array:
    """Where there is a bar, and the price is on the right side of its average if one is asked for."""
    if trend_window == 0:
        return at.traded
    allowed: Array = at.traded & (side(at.close, at.feature(SMA, trend_window)) == sign)
    return allowed


def _strength(inputs: Inputs, at: AtRows, tilt: float, skip_month: bool, sign: float) -> Ranked:
    """Yearly strength, blended over the frames, best first; the weakest first for the mirror image."""

    def compute() -> Ranked:
        skipped = MONTH if skip_month else 0
        weights = 1.0 + tilt * np.linspace(-1.0, 1.0, len(FRAMES))
        total = np.zeros(at.traded.shape)
        for frame, weight in zip(FRAMES, weights / len(FRAMES), strict=True):
            total += weight * at.shared(("strength", frame, skipped), partial(_over_frame, inputs, at, frame, skipped))
        return ranked(sign * total)

    return at.shared(("blended_strength", tilt, skip_month, sign), compute)


def _over_frame(inputs: Inputs, at: AtRows, frame: int, skipped: int) -> Array:
    """Strength over `frame` sessions that end `skipped` sessions before each row; NaN without that history."""
    last, first = at.rows - skipped, at.rows - skipped - frame
    level = np.log(inputs.close / inputs.feature(MARKET))
    strength = (level[np.maximum(last, 0)] - level[np.maximum(first, 0)]) * np.sqrt(252.0 / frame)
    return np.where((first >= 0)[:, None], strength, np.nan)
