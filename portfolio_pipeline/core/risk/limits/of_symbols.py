"""Limits of single symbols: a weight is a number, inside the universe, and not too large."""

from __future__ import annotations

import math
from collections.abc import Mapping

from portfolio_pipeline.core.risk.exposures import Portfolio
from portfolio_pipeline.core.risk.limits.cutting_room import CuttingRoom
from portfolio_pipeline.core.risk.limits.limit import Caps, Limit
from portfolio_pipeline.core.risk.limits.setting import Setting


class Finite(Limit):
    """A weight that is no number. It is never cut: whoever asks for it has to be found."""

    name = "finite"
    place = "symbol"
    tolerated = False
    decisive = True

    def measure(self, portfolio: Portfolio) -> Mapping[str, float]:
        return {symbol: weight for symbol, weight in sorted(portfolio.weights.items()) if not math.isfinite(weight)}

    def excess(self, found: float, cap: float) -> float:
        return math.inf


class Universe(Limit):
    """Any weight in a symbol without an asset class."""

    name = "universe"
    place = "symbol"
    tolerated = False

    def measure(self, portfolio: Portfolio) -> Mapping[str, float]:
        return {s: abs(weight) for s, weight in sorted(portfolio.weights.items()) if s not in portfolio.asset_classes}

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        self.clip(room, caps)

    def why(self, subject: str, cap: float) -> str:
        return "outside the universe"


class SymbolWeight(Limit):
    """The size of one weight, long or short."""

    name = "symbol"
    place = "symbol"
    setting = Setting(default=0.20, low=0, high=2)

    def measure(self, portfolio: Portfolio) -> Mapping[str, float]:
        return {symbol: abs(weight) for symbol, weight in sorted(portfolio.weights.items())}

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        self.clip(room, caps)


FINITE = Finite()
UNIVERSE = Universe()
SYMBOL = SymbolWeight()
