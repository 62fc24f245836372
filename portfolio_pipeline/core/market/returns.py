"""Returns and what they compound to: small functions that `risk` and `metrics` share.

Everything here is prefix-stable: a value at session t has the same bits whatever comes after t.
"""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array, forward_fill
from portfolio_pipeline.core.market.panel import PricePanel


def total_returns(panel: PricePanel) -> Array:
    """Return of each bar since the bar before it, dividends and splits included; [sessions, symbols].

    NaN where there is no bar, or none before it. A bar after a gap carries the whole move since the last bar.
    """
    before = np.full_like(panel.close, np.nan)
    before[1:] = forward_fill(panel.close)[:-1]
    returns: Array = panel.split_ratio * (panel.close + panel.dividend) / before - 1.0
    return returns


def growth(returns: Array) -> Array:
    """What 1 has become after each session. Compounded one after the other, so the bits do not depend on the end."""
    return np.cumprod(1.0 + returns, axis=0)


def drawdowns(grown: Array) -> Array:
    """Distance of each session's growth below the highest before it (1 at the start counts): 0 or negative."""
    return grown / np.maximum.accumulate(np.maximum(grown, 1.0), axis=0) - 1.0


def scenario(weights: Array, returns_by_symbol: Array) -> Array:
    """Returns that fixed `weights` [symbols] would have had; `returns_by_symbol` is [symbols, sessions].

    Added symbol by symbol, so that a symbol of weight 0 changes no bit.
    """
    total = np.zeros(returns_by_symbol.shape[1])
    for symbol in np.flatnonzero(weights):
        total += weights[symbol] * returns_by_symbol[symbol]
    return total
