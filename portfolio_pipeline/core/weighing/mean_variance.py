"""Weights that are best by mean and variance, none of them negative. Means and covariances are of the same time."""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.weighing.quadratic import largest_below, minimise

LEAST_AVERSION = 1.0
"""Who cares less for risk than this would put everything on the one with the largest mean."""


def best_growth(means: Array, covariance: Array) -> Array:
    """The w >= 0 with the largest means'w - w'Cw / 2: the bets that grow fastest, in whatever sum."""
    found = minimise(covariance, means, -np.eye(len(means)), np.zeros(len(means)))
    return np.maximum(found, 0.0) if found is not None else np.zeros(len(means))


def least_variance(covariance: Array) -> Array:
    """Adding up to 1."""
    weights = best_growth(np.ones(len(covariance)), covariance)
    weights /= weights.sum()
    return weights


def largest_sharpe(means: Array, covariance: Array, full_at: float) -> Array:
    """Adding up to 1. Where the best Sharpe ratio is below `full_at`, the less it is the more of least variance.

    Nothing jumps, therefore, where the last positive mean turns negative.
    """
    growth = best_growth(means, covariance)
    ratio = float(np.sqrt(growth @ covariance @ growth))
    part = min(1.0, ratio / full_at)
    calm = least_variance(covariance)
    return part * growth / growth.sum() + (1.0 - part) * calm if growth.any() else calm


def largest_mean(means: Array, covariance: Array, volatility: float) -> Array:
    """The w >= 0 with the largest mean whose sum is at most 1 and whose volatility is at most so much."""
    size = len(means)
    rows, most = np.vstack([-np.eye(size), np.ones(size)]), np.append(np.zeros(size), 1.0)

    def weights(aversion: float) -> Array:
        found = minimise(aversion * covariance, means, rows, most)
        return np.maximum(found, 0.0) if found is not None else np.zeros(size)

    def moves(aversion: float) -> float:
        found = weights(aversion)
        return float(np.sqrt(found @ covariance @ found))

    return weights(largest_below(moves, volatility, LEAST_AVERSION))
