"""Weights on their way into the limits, with the reasons of every cut: what a limit works on when it cuts.

Which limit cuts when is said in `core.risk.cutting`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from portfolio_pipeline.core.market.past import Past
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.exposures import Portfolio

Weights = dict[str, float]

ROUNDING = 1e-12
"""What scaling to a limit may leave above it; far below the rounding that a check forgives."""


@dataclass(eq=False)
class CuttingRoom:
    """One session's weights, changed in place by one limit after the other.

    `shrunk_previous` gives yesterday's weights cut into every limit of today but those about the way.
    """

    weights: Weights
    asset_classes: Mapping[str, str]
    previous: Mapping[str, float] = field(default_factory=dict)
    shrunk_previous: Callable[[], Weights] = dict
    sectors: Mapping[str, str] = field(default_factory=dict)
    past: Past | None = None
    breaches: list[Breach] = field(default_factory=list)
    reasons: dict[str, list[str]] = field(default_factory=dict)

    @property
    def portfolio(self) -> Portfolio:
        """The weights as they are now."""
        return self.portfolio_of(self.weights)

    def portfolio_of(self, weights: Mapping[str, float]) -> Portfolio:
        return Portfolio(weights, self.asset_classes, self.previous, self.sectors, self.past)

    def put(self, symbol: str, weight: float, why: str) -> None:
        self.weights[symbol] = weight
        self.explain(symbol, why)

    def scale(self, members: Iterable[str], factor: float, why: str) -> None:
        for symbol in members:
            if self.weights[symbol]:
                self.put(symbol, self.weights[symbol] * factor, why)

    def explain(self, symbol: str, why: str) -> None:
        self.reasons.setdefault(symbol, []).append(why)
