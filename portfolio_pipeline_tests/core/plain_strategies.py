"""The types' rules in plain NumPy, one readable step after the other: what the compiled ones are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from portfolio_pipeline.core.features.families import MARKET, MOMENTUM, RSI, SMA, VOLATILITY, ZSCORE
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.strategies.selection import ranks
from portfolio_pipeline.core.strategies.types.relative_strength import FRAMES, MONTH

Array = np.ndarray


def best(scores: Array, count: int) -> Array:
    """Marks the `count` highest finite scores of each row; on a tie the earlier symbol."""
    count = min(count, scores.shape[1])
    order = np.argsort(np.where(np.isfinite(scores), -scores, np.inf), axis=1, kind="stable")[:, :count]
    marks = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(marks, order, True, axis=1)
    best_marks: Array = marks & np.isfinite(scores)
    return best_marks


def momentum(inputs: Inputs, p: Any, rows: Array, long_short: bool) -> Array:
    fast, slow = ranks(inputs.feature(MOMENTUM, p.fast))[rows], ranks(inputs.feature(MOMENTUM, p.slow))[rows]
    score = np.where(inputs.traded[rows], (1.0 - p.slow_share) * fast + p.slow_share * slow, np.nan)
    rising = np.ones(score.shape, dtype=bool)
    falling = rising.copy()
    if p.trend_filter in ("symbol", "both"):
        close, sma = inputs.close[rows], inputs.feature(SMA, p.trend_window)[rows]
        rising, falling = rising & (close > sma), falling & (close < sma)
    if p.trend_filter in ("market", "both"):
        level = pd.DataFrame(inputs.feature(MARKET))
        # Comparisons with what is not known yet are false.
        above, below = (level > level.rolling(p.trend_window).mean(), level < level.rolling(p.trend_window).mean())
        rising, falling = rising & above.to_numpy()[rows], falling & below.to_numpy()[rows]
    longs = np.where(best(score, p.top) & rising, 1.0 / p.top, 0.0)
    shorts = np.where(best(-score, p.top) & falling, 1.0 / p.top, 0.0)
    return (longs - shorts) / 2.0 if long_short else longs


def trend(inputs: Inputs, p: Any, rows: Array, long_short: bool) -> Array:
    direction = np.zeros((len(rows), len(inputs.panel.symbols)))
    for speed in range(p.speeds):
        direction += (
            np.sign(inputs.feature(SMA, p.fast >> speed) - inputs.feature(SMA, p.slow >> speed))[rows] / p.speeds
        )
    volatility = inputs.feature(VOLATILITY, p.volatility_window)[rows]
    known = inputs.traded[rows] & ~np.isnan(direction) & (volatility > 0.0)
    share = np.where(known, 1.0 / np.where(known, volatility, 1.0), 0.0)
    total = share.sum(axis=1, keepdims=True)
    wanted = direction if long_short else np.maximum(direction, 0.0)
    return np.where(known, wanted, 0.0) * share / np.where(total > 0.0, total, 1.0)


def mean_reversion(inputs: Inputs, p: Any, rows: Array, long_short: bool) -> Array:
    up = (
        inputs.feature(ZSCORE, p.lookback)
        if p.indicator == "zscore"
        else (inputs.feature(RSI, p.lookback) - 50.0) / 15.0
    )

    def held(stretch: Array, allowed: Array) -> Array:
        recent = np.stack([stretch[np.maximum(rows - back, 0)] for back in range(p.hold)]).max(axis=0)
        recent[rows < p.hold - 1] = np.nan
        wanted = inputs.traded[rows] & allowed[rows] & (recent > p.entry)
        return np.where(best(np.where(wanted, recent, np.nan), p.places), 1.0 / p.places, 0.0)

    sma = inputs.feature(SMA, p.trend_window)
    longs, shorts = held(-up, inputs.close > sma), held(up, inputs.close < sma)
    return (longs - shorts) / 2.0 if long_short else longs


def relative_strength(inputs: Inputs, p: Any, rows: Array, long_short: bool) -> Array:
    last = rows - (MONTH if p.skip_month else 0)
    strength = np.zeros((len(rows), len(inputs.panel.symbols)))
    for frame, place in zip(FRAMES, (-1.0, -1.0 / 3.0, 1.0 / 3.0, 1.0), strict=True):
        first = last - frame
        grown = inputs.close[last] / inputs.close[first]
        average = inputs.feature(MARKET)[last] / inputs.feature(MARKET)[first]
        weight = (1.0 + p.tilt * place) / 4.0
        yearly = np.log(grown / average) * np.sqrt(252.0 / frame)
        strength += np.where((first >= 0)[:, None], weight * yearly, np.nan)
    strength = np.where(np.abs(strength) < 1e-9, 0.0, strength)
    sma = inputs.feature(SMA, p.trend_window)[rows]
    above = inputs.close[rows] > sma if p.confirmed else inputs.traded[rows]
    below = inputs.close[rows] < sma if p.confirmed else inputs.traded[rows]

    def held(score: Array, allowed: Array) -> Array:
        wanted = inputs.traded[rows] & allowed & (score > p.minimum)
        return np.where(best(np.where(wanted, score, np.nan), p.top), 1.0 / p.top, 0.0)

    return (held(strength, above) - held(-strength, below)) / 2.0 if long_short else held(strength, above)


RULES = {
    "momentum": momentum,
    "trend": trend,
    "mean_reversion": mean_reversion,
    "relative_strength": relative_strength,
}
