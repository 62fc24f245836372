"""What paper returns say of each strategy: the figures that methods weigh them by, and their covariance.

All over the window that is given, on returns above cash. NaN policy: NaN is a session before the strategy had returns,
and left out; who has fewer than FEWEST gets NaN. A session in cash is a return of 0 and counts, but not for volatility
in `covariances`. Time: the window is seen, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.weighing.covariances import FEWEST, covariance

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

_MOTIONLESS = 1e-6
"""Deviations below count as this: who hardly moves has no huge ratio."""


def covariances(returns: Array, settings: Allocation) -> Array:
    """Of a year, by the kind that the settings name; can be inverted whatever the returns are."""
    return SESSIONS_PER_YEAR * covariance(returns, settings.covariance, settings.half_life_sessions)


def anybody_known(returns: Array) -> bool:
    """Whether there is anybody whose returns say how much they move."""
    return bool(((returns != 0.0) & ~np.isnan(returns)).sum(axis=0).max(initial=0) >= FEWEST)


def means(returns: Array) -> Array:
    """Per session."""
    return _each(returns, lambda values: float(values.mean()))


def sharpe(returns: Array) -> Array:
    """Of a year."""
    return _each(returns, lambda values: _ratio(values, float(values.std(ddof=1))))


def sortino(returns: Array) -> Array:
    """Of a year: over the root of the mean square of what is below 0."""
    return _each(returns, lambda values: _ratio(values, float(np.sqrt((np.minimum(values, 0.0) ** 2).mean()))))


def total_return(returns: Array) -> Array:
    return _each(returns, lambda values: float(np.prod(1.0 + values) - 1.0))


def deepest_fall(returns: Array) -> Array:
    """The deepest fall from a height, negative; the beginning is one."""
    return _each(returns, _fall)


def usual_where_unknown(figures: Array, nobody: float) -> Array:
    """NaN replaced by the median of the others, or by `nobody` where there are none."""
    known = ~np.isnan(figures)
    return np.where(known, figures, np.median(figures[known]) if known.any() else nobody)


def _each(returns: Array, figure: Callable[[Array], float]) -> Array:
    found = np.full(returns.shape[1], np.nan)
    for column in range(returns.shape[1]):
        values = np.ascontiguousarray(returns[:, column])
        values = values[~np.isnan(values)]
        if len(values) >= FEWEST:
            found[column] = figure(values)
    return found


def _ratio(values: Array, deviation: float) -> float:
    return float(values.mean()) / max(deviation, _MOTIONLESS) * float(np.sqrt(SESSIONS_PER_YEAR))


def _fall(values: Array) -> float:
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + values)])
    return float((wealth / np.maximum.accumulate(wealth) - 1.0).min())
