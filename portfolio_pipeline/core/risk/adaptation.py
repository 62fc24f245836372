"""The book adapts to the regime of the market: how much it holds, in how many positions, and where its stops are.

Factors on what is asked for, on how many of the positions that are asked for are kept, and on `limits.position_stop`:
means over the regimes by their probability at the close. What strategies make of regimes for themselves is on their
cards (`regime_share`). Nothing here ever makes a position larger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import Strict

from portfolio_pipeline.core.sections import Section, SomeFraction
from portfolio_pipeline.core.tables.market import REGIMES


class Factors(Section):
    """What is left of each, from above 0 to 1."""

    leverage: SomeFraction
    positions: SomeFraction
    stop: SomeFraction


def _factors(leverage: float, positions: float, stop: float) -> Factors:
    return Factors(leverage=leverage, positions=positions, stop=stop)


class Adaptation(Section):
    """Whether the book adapts to the regime, and by which factors."""

    to_regime: Annotated[bool, Strict()] = False
    bull_quiet: Factors = _factors(1.0, 1.0, 1.0)
    bull_volatile: Factors = _factors(0.8, 0.8, 1.0)
    bear_quiet: Factors = _factors(0.7, 0.8, 0.8)
    bear_volatile: Factors = _factors(0.5, 0.6, 0.8)
    transition: Factors = _factors(0.7, 0.8, 0.9)
    crisis: Factors = _factors(0.25, 0.4, 0.5)

    def at(self, probabilities: Mapping[str, float]) -> Factors:
        """The mean over the regimes, by their probabilities, which add up to 1."""
        named = {regime: getattr(self, regime) for regime in REGIMES}
        leverage, positions, stop = (
            min(math.fsum(probabilities[regime] * getattr(one, what) for regime, one in named.items()), 1.0)
            for what in ("leverage", "positions", "stop")
        )
        return _factors(leverage, positions, stop)


def adapted(wanted: Mapping[str, float], factors: Factors) -> tuple[dict[str, float], dict[str, str]]:
    """What the regime leaves of the weights that are asked for, and why of each that it makes smaller.

    Of the positions the largest stay, of two as large the first by name, and one at least.
    """
    asked = sorted((symbol for symbol, weight in wanted.items() if weight), key=lambda s: (-abs(wanted[s]), s))
    # Up to what adding up the probabilities may leave above a whole number.
    kept = asked[: math.ceil(factors.positions * len(asked) - 1e-9)]
    left = {symbol: weight * factors.leverage if symbol in kept else 0.0 for symbol, weight in wanted.items()}
    scaled = f"regime: {factors.leverage:.2f} of the leverage"
    thinned = f"regime: the largest {len(kept)} of {len(asked)} positions"
    told = {symbol: scaled if symbol in kept else thinned for symbol in asked if left[symbol] != wanted[symbol]}
    return left, told
