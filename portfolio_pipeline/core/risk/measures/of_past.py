"""Measures of the returns that today's targets would have had (volatility, worst runs), and of targets held on paper
from close to close: the day's return, and the fall below the highest growth.

NaN policy: past returns are never NaN; with fewer than FEWEST sessions there is no figure, and a volatility needs its
full window, but worst runs use what there is. On paper nothing is ever NaN: before the first targets returns are 0.
Time: the past ends with the session itself.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.risk.measures.range_measure import Bound, RangeMeasure
from portfolio_pipeline.core.risk.measures.ranges import SeenRange

WINDOWS = (30, 60, 63, 90, 252)


def volatility(seen: SeenRange, window: int) -> Array:
    """Sample standard deviation over the last `window` sessions, a year."""

    def deviation(past: Array) -> list[Array]:
        found = past[:, -window:].std(axis=1, ddof=1) * np.sqrt(SESSIONS_PER_YEAR)
        return [found if past.shape[1] >= window else np.full(len(past), np.nan)]

    return seen.over_past(deviation)[0]


def worst_run(past: Array, sessions: int) -> Array:
    """The worst compounded return over so many sessions in a row; `past` [some, sessions]."""
    runs = np.ones((len(past), past.shape[1] - sessions + 1))
    for lag in range(sessions):
        runs *= 1.0 + past[:, lag : lag + runs.shape[1]]
    found: Array = runs.min(axis=1) - 1.0
    return found


def worst_runs(seen: SeenRange) -> Array:
    return np.column_stack(seen.over_past(lambda past: [worst_run(past, 1), worst_run(past, 5)], 2))


DRAWDOWN = Bound("drawdown", floor=True, loss=True)
MEASURES = (
    *(
        RangeMeasure(f"volatility_{window}d", f"volatility_{window}d", partial(volatility, window=window))
        for window in WINDOWS
    ),
    RangeMeasure("worst_runs", "return", worst_runs, scope="stress", named=("worst_1d", "worst_5d"), unit="return"),
    RangeMeasure("paper_return_1d", "paper_return_1d", lambda seen: seen.paper[seen.rows], unit="return"),
    RangeMeasure(
        "paper_drawdown", "paper_drawdown", lambda seen: seen.paper_drawdowns[seen.rows], unit="return", bound=DRAWDOWN
    ),
    RangeMeasure(
        "paper_max_drawdown",
        "paper_max_drawdown",
        lambda seen: np.minimum.accumulate(seen.paper_drawdowns)[seen.rows],
        unit="return",
    ),
)
