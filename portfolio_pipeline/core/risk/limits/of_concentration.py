"""Limits of how much lies in few places: the five largest positions together, and each sector."""

from __future__ import annotations

import math
from collections.abc import Mapping

from portfolio_pipeline.core.risk.exposures import PORTFOLIO, Portfolio
from portfolio_pipeline.core.risk.limits.cutting_room import ROUNDING, CuttingRoom, Weights
from portfolio_pipeline.core.risk.limits.limit import Caps, Limit, PortfolioLimit
from portfolio_pipeline.core.risk.limits.setting import Setting

FEW = 5


class TopFive(PortfolioLimit):
    """The five largest weights together, long or short. The largest are cut to one size, the others stay."""

    name = "top_five"
    setting = Setting(default=None, low=0, high=4)

    def of_whole(self, portfolio: Portfolio) -> float:
        return math.fsum(_largest(portfolio.weights))

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        for figure in self.figures(room.portfolio, caps):
            if figure.found <= figure.cap + ROUNDING:
                continue
            size = _level(_largest(room.weights), figure.cap)
            for symbol, weight in list(room.weights.items()):
                if abs(weight) > size:
                    room.put(symbol, math.copysign(size, weight), self.why(PORTFOLIO, figure.cap))
            action = f"the largest clipped to {size:.4f}"
            room.breaches.append(self.breach(PORTFOLIO, "cut", figure.found, figure.cap, action))


class Sector(Limit):
    """Absolute exposure of each sector, which is the `group` of an instrument. A symbol without one is in none."""

    name = "sector"
    place = "sector"
    setting = Setting(default=None, low=0, high=2)

    def measure(self, portfolio: Portfolio) -> Mapping[str, float]:
        members: dict[str, list[float]] = {}
        for symbol, weight in portfolio.weights.items():
            if weight and symbol in portfolio.sectors:
                members.setdefault(portfolio.sectors[symbol], []).append(abs(weight))
        return {name: math.fsum(members[name]) for name in sorted(members)}

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        for figure in self.figures(room.portfolio, caps):
            members = [symbol for symbol in room.weights if room.sectors.get(symbol) == figure.subject]
            shown = (figure.subject, figure.found, figure.cap)
            self.scale(room, members, size=figure.found, into=figure.cap, figure=shown)

    def why(self, subject: str, cap: float) -> str:
        return f"sector {subject} limit {cap:g}"


def _largest(weights: Mapping[str, float] | Weights) -> list[float]:
    return sorted(map(abs, weights.values()), reverse=True)[:FEW]


def _level(largest: list[float], cap: float) -> float:
    """The size to which the first of `largest` are cut so that all of them together are `cap`."""
    size = 0.0
    for count in range(1, len(largest) + 1):
        size = (cap - math.fsum(largest[count:])) / count
        if count == len(largest) or size >= largest[count]:
            break
    return size


TOP_FIVE = TopFive()
SECTOR = Sector()
