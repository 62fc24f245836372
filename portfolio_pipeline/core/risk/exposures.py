"""What limits and risk measures look at: a set of weights beside the one before it, their exposures, the way between.

Which figures are limited, and which are written down, is said in `limits` and `measures`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.past import Past

PORTFOLIO = "portfolio"
NO_SECTORS: Mapping[str, str] = {}
EPSILON = 1e-9
"""How far a figure may stand past its limit through rounding alone."""


@dataclass(frozen=True)
class Exposures:
    """Sums of weights, exactly rounded, so that neither order nor zero weights change a bit."""

    gross: float
    net: float
    by_class: Mapping[str, float]  # absolute exposure of each asset class


@dataclass(frozen=True)
class Portfolio:
    """Weights by symbol (fractions of equity), and those before them where the way between is judged too.

    `past` is what symbols earned up to the session; None where nobody has looked.
    """

    weights: Mapping[str, float]
    asset_classes: Mapping[str, str]
    previous: Mapping[str, float] | None = None
    sectors: Mapping[str, str] = field(default_factory=dict)
    past: Past | None = None

    @cached_property
    def exposures(self) -> Exposures:
        return exposures(self.weights, self.asset_classes)

    @cached_property
    def earned(self) -> Array:
        """What the weights would have earned in each session of the past."""
        assert self.past is not None
        return self.past.of(self.weights)


def exposures(weights: Mapping[str, float], asset_classes: Mapping[str, str]) -> Exposures:
    """Gross, net and per-class absolute exposure. A symbol without an asset class counts in gross and net only."""
    members: dict[str, list[float]] = {}
    for symbol, weight in weights.items():
        if symbol in asset_classes:
            members.setdefault(asset_classes[symbol], []).append(abs(weight))
    return Exposures(
        gross=math.fsum(abs(weight) for weight in weights.values()),
        net=math.fsum(weights.values()),
        by_class={name: math.fsum(values) for name, values in members.items()},
    )


def turnover(weights: Mapping[str, float], previous: Mapping[str, float]) -> float:
    """Bought plus sold on the way from `previous` to `weights`, as a fraction of equity."""
    symbols = dict.fromkeys((*weights, *previous))
    return math.fsum(abs(weights.get(symbol, 0.0) - previous.get(symbol, 0.0)) for symbol in symbols)


def only_shrinks(weights: Mapping[str, float], previous: Mapping[str, float]) -> bool:
    """Whether every position is at most as large as before, and none has changed sides; a figure that is no number,
    on either side, does not shrink.
    """
    pairs = [(weights.get(symbol, 0.0), previous.get(symbol, 0.0)) for symbol in dict.fromkeys((*weights, *previous))]
    return all(abs(now) <= abs(before) + EPSILON and now * before >= -(EPSILON**2) for now, before in pairs)
