"""Limits of what the weights would have earned in the sessions before: their volatility, and the loss of a bad day.

Above one of them all weights are scaled to it. With a past of fewer than FEWEST sessions they say nothing. In units of
returns, so that prices may carry a book past them by the tolerance as a part of the limit, not of equity. NaN policy
and time are those of `core.market.past`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.past import HALF_LIFE, WINDOW
from portfolio_pipeline.core.risk.exposures import EPSILON, PORTFOLIO, Portfolio, only_shrinks
from portfolio_pipeline.core.risk.limits.cutting_room import CuttingRoom
from portfolio_pipeline.core.risk.limits.limit import Caps, Figure, PortfolioLimit
from portfolio_pipeline.core.risk.limits.setting import Setting

FEWEST = 63
CONFIDENCE = 0.95
_COUNTS = 0.5 ** (np.arange(WINDOW)[::-1] / HALF_LIFE)


class _OfReturns(PortfolioLimit):
    scales_all = True
    gravity = "high"

    @abstractmethod
    def of_returns(self, earned: Array) -> float: ...

    def of_whole(self, portfolio: Portfolio) -> float:
        return self.of_returns(portfolio.earned)

    def measure(self, portfolio: Portfolio) -> Mapping[str, float]:
        told = portfolio.past is not None and portfolio.past.sessions >= FEWEST
        return {PORTFOLIO: self.of_whole(portfolio)} if told else {}

    def cut(self, room: CuttingRoom, caps: Caps) -> None:
        self.scale_all(room, caps)

    def slack(self, cap: float, tolerance: float) -> float:
        return tolerance * cap

    def too_much(self, found: float, cap: float, gross: float) -> float:
        return (1.0 - cap / found) * gross if found > 0 else 0.0

    def forgives(self, figure: Figure, before: Figure | None, portfolio: Portfolio) -> bool:
        """Also a book that only shrinks: without a hedge the figure may be larger, and reductions always pass."""
        if before is None:
            return False
        return figure.excess <= before.excess + EPSILON or only_shrinks(portfolio.weights, portfolio.previous or {})


class Volatility(_OfReturns):
    """The deviation from 0, a year, newer sessions counting more: what `allocation.volatility_target` aims at."""

    name = "volatility"
    setting = Setting(default=None, low=0, high=2, unit="volatility")

    def of_returns(self, earned: Array) -> float:
        counts = _COUNTS[-len(earned) :]
        return math.sqrt(float((counts * earned * earned).sum() / counts.sum()) * SESSIONS_PER_YEAR)


class ValueAtRisk(_OfReturns):
    """The loss of a session that one in 20 of the past exceeds, linear between the two beside it.

    Half-way between two sets of weights it can be larger than for both.
    """

    name = "value_at_risk"
    setting = Setting(default=None, low=0, high=1, unit="return")
    convex = False

    def of_returns(self, earned: Array) -> float:
        place = (1.0 - CONFIDENCE) * (len(earned) - 1)
        below = math.floor(place)
        worst = np.partition(earned, (below, below + 1))
        return -float(worst[below] + (place - below) * (worst[below + 1] - worst[below]))


VOLATILITY = Volatility()
VALUE_AT_RISK = ValueAtRisk()
