"""Measures of the targets held on paper from close to close: the day's return, and the fall below the highest growth.

NaN policy: none is ever NaN; before the first targets paper returns are 0.
"""

from __future__ import annotations

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.risk.measures.measure import Measure


def newest(series: Array) -> float:
    return float(series[-1])


def lowest(series: Array) -> float:
    return float(series.min())


PAPER_RETURN = Measure("paper_return_1d", "paper_return_1d", ("paper",), newest, unit="return")
PAPER_DRAWDOWN = Measure("paper_drawdown", "paper_drawdown", ("paper_drawdowns",), newest, unit="return")
PAPER_MAX_DRAWDOWN = Measure("paper_max_drawdown", "paper_max_drawdown", ("paper_drawdowns",), lowest, unit="return")
