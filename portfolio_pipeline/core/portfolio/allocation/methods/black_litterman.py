"""Black and Litterman: what equal shares imply everyone earns, corrected by the strategies' own signals.

A strategy that holds more than usual expects more than usual: its view is off the prior by its volatility times SKILL
times how many deviations its exposure is from the mean of the window. Views are as uncertain as the prior (He and
Litterman 1999). Who had no exposures, or always the same, has the prior's view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.figures import covariances
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known
from portfolio_pipeline.core.portfolio.allocation.methods.max_sharpe import FULL_AT
from portfolio_pipeline.core.weighing.mean_variance import largest_sharpe

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

RISK_AVERSION = 3.0
SKILL = 0.1
_USUAL_DEVIATION = 0.05
"""Exposures that deviate less than this count as deviating so much."""
_MOST_DEVIATIONS = 2.0


def _wish(known: Known, settings: Allocation) -> Array:
    covariance = covariances(known.returns, settings)
    size = len(covariance)
    prior = RISK_AVERSION * covariance @ np.full(size, 1.0 / size)
    views = prior + SKILL * np.sqrt(np.diag(covariance)) * signals(known.exposure)
    return largest_sharpe(*posterior(prior, covariance, views, settings.tau), FULL_AT)


def signals(exposure: Array) -> Array:
    """How far the newest exposure is from the mean of all, in deviations."""
    found = np.zeros(exposure.shape[1])
    for column in range(exposure.shape[1]):
        values = np.ascontiguousarray(exposure[:, column])
        values = values[~np.isnan(values)]
        if len(values) and not np.isnan(exposure[-1, column]):
            found[column] = (values[-1] - values.mean()) / max(float(values.std()), _USUAL_DEVIATION)
    return np.clip(found, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)


def posterior(prior: Array, covariance: Array, views: Array, tau: float) -> tuple[Array, Array]:
    """Means and covariance after one view on each strategy, whose variances are tau times the strategy's own."""
    uncertain = tau * covariance
    gain = np.linalg.solve(uncertain + tau * np.diag(np.diag(covariance)), uncertain).T
    left = uncertain - gain @ uncertain
    return prior + gain @ (views - prior), covariance + (left + left.T) / 2.0


BLACK_LITTERMAN = AllocationMethod("black_litterman", _wish, needs_exposure=True)
