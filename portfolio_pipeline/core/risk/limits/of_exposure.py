"""Limits of sums of weights: asset classes, gross, margin, shorts, net and the net minimum."""

from __future__ import annotations

import math
from collections.abc import Mapping

from portfolio_pipeline.core.risk.exposures import PORTFOLIO, Portfolio
from portfolio_pipeline.core.risk.limits.cutting_room import CuttingRoom, Weights
from portfolio_pipeline.core.risk.limits.limit import Caps, Limit, PortfolioLimit
from portfolio_pipeline.core.risk.limits.setting import Setting

_MAINTENANCE = 0.3


class AssetClassExposure(Limit):
    """Absolute exposure of each asset class. A class that the settings do not name may not be held at all."""

    name = "asset_class"
    place = "asset_class"
    setting = Setting(
        default={"equity": 0.7, "bond": 0.7, "commodity": 0.35, "real_estate": 0.25}, low=0, high=2, by_class=True
    )
    metric = "gross_exposure"

    def measure(self, portfolio: Portfolio) -> Mapping[str, float]:
        by_class = portfolio.exposures.by_class
        return {name: by_class.get(name, 0.0) for name in sorted(set(portfolio.asset_classes.values()))}

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        for figure in self.figures(room.portfolio, caps):
            members = [symbol for symbol in room.weights if room.asset_classes.get(symbol) == figure.subject]
            shown = (figure.subject, figure.found, figure.cap)
            self.scale(room, members, size=figure.found, into=figure.cap, figure=shown)

    def why(self, subject: str, cap: float) -> str:
        return f"{subject} limit {cap:g}"


class GrossExposure(PortfolioLimit):
    """Longs plus shorts."""

    name = "gross"
    setting = Setting(default=1.0, low=0, high=4)
    metric = "gross_exposure"
    gravity = "high"

    def of_whole(self, portfolio: Portfolio) -> float:
        return portfolio.exposures.gross

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        self.scale_all(room, caps)


class MarginUse(PortfolioLimit):
    """What of the equity the broker's maintenance margin takes: a quarter of what is long and three tenths of what is
    short by the rules of American exchanges, here three tenths of both.
    """

    name = "margin"
    setting = Setting(default=0.8, low=0, high=2)
    metric = "margin_use"
    gravity = "high"

    def of_whole(self, portfolio: Portfolio) -> float:
        return _MAINTENANCE * portfolio.exposures.gross

    def too_much(self, found: float, cap: float, gross: float) -> float:
        return super().too_much(found, cap, gross) / _MAINTENANCE

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        self.scale_all(room, caps)


class ShortExposure(PortfolioLimit):
    """All shorts together. 0: long only."""

    name = "short"
    setting = Setting(default=0.0, low=0, high=4, low_allowed=True)
    tolerated = False

    def of_whole(self, portfolio: Portfolio) -> float:
        return -math.fsum(weight for weight in portfolio.weights.values() if weight < 0)

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        cap = self.cap(caps)
        if cap is not None:
            shorts, short = _side(room.weights, -1)
            self.scale(room, shorts, size=short, into=cap, figure=(PORTFOLIO, short, cap))


class NetExposure(PortfolioLimit):
    """Longs less shorts. Above it the longs are cut."""

    name = "net"
    setting = Setting(default=1.0, low=0, high=4)
    metric = "net_exposure"

    def of_whole(self, portfolio: Portfolio) -> float:
        return portfolio.exposures.net

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        cap = self.cap(caps)
        if cap is not None:
            longs, long, short = *_side(room.weights, 1), _side(room.weights, -1)[1]
            self.scale(room, longs, size=long, into=cap + short, figure=(PORTFOLIO, long - short, cap))


class NetMinimum(PortfolioLimit):
    """What longs less shorts must not fall below. Below it the shorts are cut. At most 0: the empty book fits it."""

    name = "net_minimum"
    setting = Setting(default=0.0, low=-4, high=0, low_allowed=True)

    def of_whole(self, portfolio: Portfolio) -> float:
        return portfolio.exposures.net

    def excess(self, found: float, cap: float) -> float:
        return cap - found

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        floor = self.cap(caps)
        if floor is not None:
            shorts, short, long = *_side(room.weights, -1), _side(room.weights, 1)[1]
            self.scale(room, shorts, size=short, into=long - floor, figure=(PORTFOLIO, long - short, floor))

    def why(self, subject: str, cap: float) -> str:
        return f"net minimum {cap:g}"


def _side(weights: Weights, sign: int) -> tuple[list[str], float]:
    """The symbols that are long (1) or short (-1), and how much they are together, positive."""
    members = [symbol for symbol, weight in weights.items() if sign * weight > 0]
    return members, sign * math.fsum(weights[symbol] for symbol in members)


ASSET_CLASS = AssetClassExposure()
GROSS = GrossExposure()
MARGIN = MarginUse()
SHORT = ShortExposure()
NET = NetExposure()
NET_MINIMUM = NetMinimum()
