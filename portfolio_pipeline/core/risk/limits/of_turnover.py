"""The limit of the way from the weights before: how much is bought plus sold in one session."""

from __future__ import annotations

from collections.abc import Mapping

from portfolio_pipeline.core.risk.breaches import Severity
from portfolio_pipeline.core.risk.exposures import EPSILON, PORTFOLIO, Portfolio, only_shrinks, turnover
from portfolio_pipeline.core.risk.limits.cutting_room import ROUNDING, CuttingRoom
from portfolio_pipeline.core.risk.limits.limit import Caps, Figure, Limit
from portfolio_pipeline.core.risk.limits.setting import Setting

ONLY_SHRINKS = "left above the limit: the trades only bring yesterday's targets into the limits"


class Turnover(Limit):
    """Bought plus sold; all trades are cut by the same factor.

    It may be passed by what does nothing but shrink positions: getting into the other limits comes first.
    """

    name = "turnover"
    setting = Setting(default=0.5, low=0, high=4)
    metric = "turnover"
    about_the_way = True

    def measure(self, portfolio: Portfolio) -> Mapping[str, float]:
        return {} if portfolio.previous is None else {PORTFOLIO: turnover(portfolio.weights, portfolio.previous)}

    def forgives(self, figure: Figure, before: Figure | None, portfolio: Portfolio) -> bool:
        return only_shrinks(portfolio.weights, portfolio.previous or {})

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        """Stop on the way from yesterday's weights where the limit is reached.

        The way starts at yesterday's weights shrunk into today's limits. Both ends hold every other limit, and these
        are convex: every point between the two holds them too.
        """
        limit, found = self.cap(caps), turnover(room.weights, room.previous)
        if limit is None or found <= limit + ROUNDING:
            return
        start = room.shrunk_previous()
        left = max(limit - turnover(start, room.previous), 0.0)
        way = turnover(room.weights, start)
        if way <= left:
            room.breaches.append(self.breach(PORTFOLIO, "warning", found, limit, ONLY_SHRINKS))
            return
        part = left / way
        for symbol, weight in room.weights.items():
            base = start[symbol]
            if abs(weight - base) > ROUNDING:
                room.explain(symbol, self.why(PORTFOLIO, limit))
            room.weights[symbol] = base + part * (weight - base)
        severity: Severity = "warning" if turnover(room.weights, room.previous) > limit + EPSILON else "cut"
        room.breaches.append(self.breach(PORTFOLIO, severity, found, limit, f"trades scaled by {part:.4f}"))


TURNOVER = Turnover()
