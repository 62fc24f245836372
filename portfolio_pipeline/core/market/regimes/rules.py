"""Regimes by rules that anyone can read: soft steps of the market's figures, and a tree of what they say together.

The tree's probabilities add up to 1: crisis or not; if not, transition or a clear trend; if clear, bull or bear, each
quiet or volatile. Every regime is as likely as any other where the figures are not known (NaN).

Roots and quotients only, which have the same bits in arrays of any length. Measuring the figures is not done here
(`state`), nor telling volatility by a model (`markov`).
"""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.regimes.state import MarketState
from portfolio_pipeline.core.tables.market import REGIMES


def volatility(state: MarketState) -> tuple[Array, Array]:
    """How much the market is volatile, and how much turbulent: volatility is in its highest third, highest tenth."""
    level = np.nan_to_num(state.volatility_level)
    return _soft_step((level - 0.65) / 0.1), _soft_step((level - 0.9) / 0.03)


def tree(state: MarketState, volatile: Array, turbulent: Array) -> Array:
    """Probability of each of REGIMES, [sessions, regimes]; rows add up to 1."""
    strength, correlation = np.nan_to_num(state.trend_strength), np.nan_to_num(state.average_correlation)
    rising = _soft_step(strength / 0.4)
    crisis = (1.0 - rising) * turbulent * _soft_step((correlation - 0.35) / 0.1)
    unclear = 1.0 / (1.0 + (strength / 0.25) ** 2)
    clear = (1.0 - crisis) * (1.0 - unclear)
    parts = {
        "bull_quiet": clear * rising * (1.0 - volatile),
        "bull_volatile": clear * rising * volatile,
        "bear_quiet": clear * (1.0 - rising) * (1.0 - volatile),
        "bear_volatile": clear * (1.0 - rising) * volatile,
        "transition": (1.0 - crisis) * unclear,
        "crisis": crisis,
    }
    known = ~np.isnan(state.trend_strength)[:, None]
    return np.where(known, np.stack([parts[name] for name in REGIMES], axis=1), 1.0 / len(REGIMES))


def _soft_step(x: Array) -> Array:
    """From 0 to 1 around 0."""
    step: Array = 0.5 * (1.0 + x / np.sqrt(1.0 + x * x))
    return step
