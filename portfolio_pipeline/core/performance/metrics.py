"""Performance figures of a series of returns, at every session: expanding from the first, and over a rolling quarter.

Conventions (those of empyrical): 252 sessions a year, no risk-free rate, sample standard deviation, downside deviation
over all sessions, drawdown from the highest growth so far (the start counts). Where the returns come from does not
belong here.

NaN policy: a NaN return stands for "no capital, no return" and counts 0; before the first number there is nothing, and
the figures are NaN. Figures that divide by a volatility, downside or drawdown of 0 are NaN. Time: session t sees
returns up to t. Prefix-stable: the series always starts at the same first session, and sums are taken one by one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.returns import drawdowns, growth

ROLLING_SESSIONS = 63
METRICS = (
    "return_1d",
    "cumulative_return",
    "annual_return",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "drawdown",
    "max_drawdown",
    "hit_rate",
    f"sharpe_{ROLLING_SESSIONS}d",
    f"volatility_{ROLLING_SESSIONS}d",
)
TURNOVER_METRICS = ("turnover", "annual_turnover")
_NOTHING = 1e-12
_NO_VARIANCE = 1e-18


@dataclass(frozen=True, eq=False)
class Performance:
    """One scope's series, aligned with the sessions of the account from its first on; NaN before there is any.

    `turnover` is bought plus sold over equity; None where it is not known. `since` is the position of the first session
    that knows of the scope at all: it has no rows before.
    """

    returns: Array
    turnover: Array | None = None
    since: int = 0


def performance(returns: Array) -> dict[str, Array]:
    """Every metric at every session."""
    started = np.logical_or.accumulate(~np.isnan(returns))
    filled = np.where(np.isnan(returns), 0.0, returns)
    count = np.cumsum(started)
    grown = growth(filled)
    fallen = drawdowns(grown)
    deepest = np.minimum.accumulate(fallen)
    mean = _ratio(np.cumsum(filled), count)
    volatility = _deviation(np.cumsum(filled), np.cumsum(filled * filled), count) * math.sqrt(SESSIONS_PER_YEAR)
    losses = np.minimum(filled, 0.0)
    downside = np.sqrt(_ratio(np.cumsum(losses * losses), count)) * math.sqrt(SESSIONS_PER_YEAR)
    annual = _annualised(grown, count)
    rolling_sum, rolling_squares = _rolling_sum(filled), _rolling_sum(filled * filled)
    full = np.where(count >= ROLLING_SESSIONS, float(ROLLING_SESSIONS), np.nan)
    rolling_volatility = _deviation(rolling_sum, rolling_squares, full) * math.sqrt(SESSIONS_PER_YEAR)
    figures = (
        filled,
        grown - 1.0,
        annual,
        volatility,
        _ratio(mean * SESSIONS_PER_YEAR, volatility),
        _ratio(mean * SESSIONS_PER_YEAR, downside),
        _ratio(annual, -deepest),
        fallen,
        deepest,
        _ratio(np.cumsum(filled > 0), count),
        _ratio(rolling_sum / full * SESSIONS_PER_YEAR, rolling_volatility),
        rolling_volatility,
    )
    return {name: np.where(started, values, np.nan) for name, values in zip(METRICS, figures, strict=True)}


def turnover_metrics(turnover: Array) -> dict[str, Array]:
    """The session's turnover, and the mean so far a year."""
    started = np.logical_or.accumulate(~np.isnan(turnover))
    filled = np.where(np.isnan(turnover), 0.0, turnover)
    mean = _ratio(np.cumsum(filled), np.cumsum(started))
    figures = (filled, mean * SESSIONS_PER_YEAR)
    return {name: np.where(started, values, np.nan) for name, values in zip(TURNOVER_METRICS, figures, strict=True)}


def metric_rows(sessions: Array, scopes: Mapping[str, Performance], count: int) -> pd.DataFrame:
    """Rows of the metrics table for the last `count` sessions: every scope, every metric, NULL where undefined."""
    frames = []
    for scope, series in scopes.items():
        start = max(len(sessions) - count, series.since)
        figures = performance(series.returns)
        if series.turnover is not None:
            figures |= turnover_metrics(series.turnover)
        for metric, values in figures.items():
            columns = {"session": sessions[start:].astype("datetime64[s]"), "value": values[start:]}
            frames.append(pd.DataFrame(columns).assign(scope=scope, metric=metric))
    rows = pd.concat(frames, ignore_index=True)[["session", "scope", "metric", "value"]]
    return rows.astype({"scope": "category", "metric": "category"})


def book_returns(equity: Array, profit_and_loss: Array) -> Array:
    """Return of a book over each session: profit over the equity it started with, after capital was moved.

    NaN in the first session and wherever the book started without capital.
    """
    start = np.full_like(equity, np.nan)
    start[1:] = equity[:-1]
    return np.where(start > _NOTHING, profit_and_loss / np.where(start > _NOTHING, start, 1.0), np.nan)


def trade_turnover(sessions: Array, traded_on: Array, values: Array, equity: Array) -> Array:
    """Value traded in each session over the equity before it; NaN in the first session.

    `traded_on` and `values` are day and value of each fill, in the order of the fills table.
    """
    traded = np.zeros(len(sessions))
    np.add.at(traded, np.searchsorted(sessions, traded_on), np.abs(values))
    start = np.full_like(equity, np.nan)
    start[1:] = equity[:-1]
    return np.where(start > _NOTHING, traded / np.where(start > _NOTHING, start, 1.0), np.nan)


def _ratio(above: Array, below: Array) -> Array:
    """above / below; NaN where below is 0 or negative."""
    defined = below > _NOTHING
    return np.where(defined, above / np.where(defined, below, 1.0), np.nan)


def _deviation(total: Array, squares: Array, count: Array) -> Array:
    """Sample standard deviation from sums; NaN with fewer than two."""
    variance = _ratio(squares - _ratio(total * total, count), count - 1.0)
    # Rounding may leave a constant series a variance just beside 0.
    return np.sqrt(np.where(variance < _NO_VARIANCE, 0.0, variance))


def _annualised(grown: Array, count: Array) -> Array:
    # The power of one number at a time: vectorised powers may round differently by position.
    return np.array([_yearly(g, n) for g, n in zip(grown.tolist(), count.tolist(), strict=True)])


def _yearly(grown: float, count: int) -> float:
    """What growth in so many sessions is in a year; NaN without sessions, and where no number is large enough."""
    if not count or grown <= 0.0:
        return -1.0 if count else math.nan
    try:
        return math.pow(grown, SESSIONS_PER_YEAR / count) - 1.0
    except OverflowError:
        return math.nan


def _rolling_sum(values: Array) -> Array:
    """Sum of the last ROLLING_SESSIONS values, added oldest first; NaN while there are fewer."""
    total = np.full(len(values), np.nan)
    if len(values) >= ROLLING_SESSIONS:
        stop = len(values) - ROLLING_SESSIONS + 1
        total[ROLLING_SESSIONS - 1 :] = 0.0
        for lag in range(ROLLING_SESSIONS):
            total[ROLLING_SESSIONS - 1 :] += values[lag : lag + stop]
    return total
