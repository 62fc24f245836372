"""Performance figures of a series of returns, at every session: expanding from the first, and over a rolling quarter.

Conventions (those of empyrical): 252 sessions a year, Sharpe and Sortino ratios of what is above cash, sample standard
deviation, downside deviation over all sessions, drawdown from the highest growth so far (the start counts). Where the
returns come from does not belong here.

NaN policy: a NaN return stands for "no capital, no return" and counts 0; before the first number there is nothing, and
the figures are NaN. Figures that divide by a volatility, downside or drawdown of 0 are NaN. Time: session t sees
returns up to t. Prefix-stable: the series always starts at the same first session, and sums are taken one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.cash import above_cash
from portfolio_pipeline.core.market.returns import drawdowns, growth
from portfolio_pipeline.core.registry import Registry

ROLLING_SESSIONS = 63
_NOTHING = 1e-12
_NO_VARIANCE = 1e-18


@dataclass(frozen=True, eq=False)
class Performance:
    """One scope's series, aligned with the sessions of the account from its first on; NaN before there is any.

    `cash` is what cash earned in the same sessions; None when nothing. `turnover` is bought plus sold over equity; None
    where it is not known. `since` is the position of the first session that knows of the scope at all: it has no rows
    before.
    """

    returns: Array
    turnover: Array | None = None
    since: int = 0
    cash: Array | None = None


class Series:
    """Returns or turnovers, NaN counted as 0, and what several metrics are made of: each when first asked for."""

    def __init__(self, values: Array, cash: Array | None = None) -> None:
        self.started = np.logical_or.accumulate(~np.isnan(values))
        self.values = np.where(np.isnan(values), 0.0, values)
        # A session of NaN had no capital, which therefore was not in cash either.
        self.above_cash = self if cash is None else Series(above_cash(values, cash))

    @cached_property
    def count(self) -> Array:
        """Sessions so far."""
        return np.cumsum(self.started)

    @cached_property
    def grown(self) -> Array:
        """What 1 became."""
        return growth(self.values)

    @cached_property
    def fallen(self) -> Array:
        """How far below the highest growth so far, as a negative fraction of it."""
        return drawdowns(self.grown)

    @cached_property
    def deepest(self) -> Array:
        return np.minimum.accumulate(self.fallen)

    @cached_property
    def total(self) -> Array:
        return np.cumsum(self.values)

    @cached_property
    def mean(self) -> Array:
        return ratio(self.total, self.count)

    @cached_property
    def annual(self) -> Array:
        # The power of one number at a time: vectorised powers may round differently by position.
        return np.array([_yearly(g, n) for g, n in zip(self.grown.tolist(), self.count.tolist(), strict=True)])

    @cached_property
    def volatility(self) -> Array:
        squares = np.cumsum(self.values * self.values)
        return _deviation(self.total, squares, self.count) * math.sqrt(SESSIONS_PER_YEAR)

    @cached_property
    def downside(self) -> Array:
        losses = np.minimum(self.values, 0.0)
        downside: Array = np.sqrt(ratio(np.cumsum(losses * losses), self.count)) * math.sqrt(SESSIONS_PER_YEAR)
        return downside

    @cached_property
    def sharpe(self) -> Array:
        return ratio(self.mean * SESSIONS_PER_YEAR, self.volatility)

    @cached_property
    def sortino(self) -> Array:
        return ratio(self.mean * SESSIONS_PER_YEAR, self.downside)

    @cached_property
    def rolling_sharpe(self) -> Array:
        return ratio(self.rolling_total / self.full_quarter * SESSIONS_PER_YEAR, self.rolling_volatility)

    @cached_property
    def full_quarter(self) -> Array:
        """ROLLING_SESSIONS once there are as many, NaN before."""
        return np.where(self.count >= ROLLING_SESSIONS, float(ROLLING_SESSIONS), np.nan)

    @cached_property
    def rolling_total(self) -> Array:
        return _rolling_sum(self.values)

    @cached_property
    def rolling_volatility(self) -> Array:
        squares = _rolling_sum(self.values * self.values)
        return _deviation(self.rolling_total, squares, self.full_quarter) * math.sqrt(SESSIONS_PER_YEAR)


@dataclass(frozen=True)
class Metric:
    """One figure at every session of a series; rows before the series starts are taken away from what `of` gives.

    `of` gives NaN where the figure is undefined, and row t sees rows up to t only: the table is filled session by
    session. `unit` is that of the value: fraction (of 1; losses are negative), ratio (without a unit) or per year.
    """

    name: str
    unit: Literal["fraction", "fraction a year", "ratio"]
    of: Callable[[Series], Array]


METRICS: Registry[Metric] = Registry(
    "metric",
    (
        Metric("return_1d", "fraction", lambda s: s.values),
        Metric("cumulative_return", "fraction", lambda s: s.grown - 1.0),
        Metric("annual_return", "fraction a year", lambda s: s.annual),
        Metric("volatility", "fraction a year", lambda s: s.volatility),
        Metric("sharpe", "ratio", lambda s: s.above_cash.sharpe),
        Metric("sortino", "ratio", lambda s: s.above_cash.sortino),
        Metric("calmar", "ratio", lambda s: ratio(s.annual, -s.deepest)),
        Metric("drawdown", "fraction", lambda s: s.fallen),  # 0 at a new high, else negative
        Metric("max_drawdown", "fraction", lambda s: s.deepest),
        Metric("hit_rate", "fraction", lambda s: ratio(np.cumsum(s.values > 0), s.count)),
        Metric(
            f"sharpe_{ROLLING_SESSIONS}d",
            "ratio",
            lambda s: s.above_cash.rolling_sharpe,
        ),
        Metric(f"volatility_{ROLLING_SESSIONS}d", "fraction a year", lambda s: s.rolling_volatility),
    ),
)
"""Of a scope's returns."""
TURNOVER_METRICS: Registry[Metric] = Registry(
    "turnover metric",
    (
        Metric("turnover", "fraction", lambda s: s.values),
        Metric("annual_turnover", "fraction a year", lambda s: s.mean * SESSIONS_PER_YEAR),
    ),
)
"""Of a scope's turnover, which is a series like that of its returns."""


def performance(returns: Array, cash: Array | None = None) -> dict[str, Array]:
    """Every metric at every session; `cash` is what cash earned in each."""
    return _figures(METRICS, Series(returns, cash))


def turnover_metrics(turnover: Array) -> dict[str, Array]:
    """The session's turnover, and the mean so far a year."""
    return _figures(TURNOVER_METRICS, Series(turnover))


def _figures(metrics: Registry[Metric], series: Series) -> dict[str, Array]:
    return {name: np.where(series.started, metric.of(series), np.nan) for name, metric in metrics.items()}


def metric_rows(sessions: Array, scopes: Mapping[str, Performance], count: int) -> pd.DataFrame:
    """Rows of the metrics table for the last `count` sessions: every scope, every metric, NULL where undefined."""
    frames = []
    for scope, series in scopes.items():
        start = max(len(sessions) - count, series.since)
        figures = performance(series.returns, series.cash)
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


def ratio(above: Array, below: Array) -> Array:
    """above / below; NaN where below is 0 or negative."""
    defined = below > _NOTHING
    return np.where(defined, above / np.where(defined, below, 1.0), np.nan)


def _deviation(total: Array, squares: Array, count: Array) -> Array:
    """Sample standard deviation from sums; NaN with fewer than two."""
    variance = ratio(squares - ratio(total * total, count), count - 1.0)
    # Rounding may leave a constant series a variance just beside 0.
    return np.sqrt(np.where(variance < _NO_VARIANCE, 0.0, variance))


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
