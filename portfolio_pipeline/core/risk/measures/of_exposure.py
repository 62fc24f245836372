"""Measures of the targets alone: how much of what is held, beside the limits on it. None is ever NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping

from portfolio_pipeline.core.risk.exposures import Portfolio
from portfolio_pipeline.core.risk.limits.of_symbols import SYMBOL
from portfolio_pipeline.core.risk.measures.measure import Measure


def top_weight(portfolio: Portfolio) -> float:
    """The largest weight, long or short."""
    return max(map(abs, portfolio.weights.values()), default=0.0)


def positions(portfolio: Portfolio) -> float:
    return float(len(portfolio.weights))


def class_net(portfolio: Portfolio) -> Mapping[str, float]:
    """Longs less shorts of each asset class."""
    classes = portfolio.asset_classes
    return {
        name: math.fsum(weight for symbol, weight in portfolio.weights.items() if classes.get(symbol) == name)
        for name in sorted(set(classes.values()))
    }


TOP_WEIGHT = Measure("top_weight", "top_weight", ("portfolio",), top_weight, limit=SYMBOL)
POSITIONS = Measure("positions", "positions", ("portfolio",), positions, unit="count")
CLASS_NET = Measure("class_net_exposure", "net_exposure", ("portfolio",), class_net, scope="asset_class")
