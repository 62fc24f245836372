"""The shares with the largest Sharpe ratio, by means shrunk towards each other.

Where the best that can be had is below a Sharpe ratio of FULL_AT, the less it is the more of the calmest shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.portfolio.allocation.figures import covariances, means
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known
from portfolio_pipeline.core.weighing.mean_variance import largest_sharpe
from portfolio_pipeline.core.weighing.means import shrunk_means

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

FULL_AT = 0.1


def _wish(known: Known, settings: Allocation) -> Array:
    expected, covariance = expectations(known, settings)
    return largest_sharpe(expected, covariance, FULL_AT)


def expectations(known: Known, settings: Allocation) -> tuple[Array, Array]:
    """Shrunk means and covariance, of a year."""
    covariance = covariances(known.returns, settings)
    shrunk = shrunk_means(means(known.returns), covariance / SESSIONS_PER_YEAR, len(known.returns))
    return SESSIONS_PER_YEAR * shrunk, covariance


MAX_SHARPE = AllocationMethod("max_sharpe", _wish)
