"""Weights whose contributions to the risk of the whole are as budgeted: w_i (Cw)_i in proportion to b_i."""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array

_STEPS, _EXACT = 100, 1e-13


def risk_budget_weights(covariance: Array, budgets: Array) -> Array:
    """Weights that add up to 1; who has no budget has none.

    The smallest x'Cx / 2 - sum of b_i ln x_i has these contributions (Spinu 2013): convex, so there is one such point,
    and Newton's steps, shortened while far away, find it.
    """
    chosen = budgets > 0.0
    deviations = np.sqrt(np.diag(covariance))[chosen]
    correlations = covariance[np.ix_(chosen, chosen)] / np.outer(deviations, deviations)
    wanted = budgets[chosen] / budgets[chosen].sum()
    x = np.sqrt(wanted)
    for _ in range(_STEPS):
        slope = correlations @ x - wanted / x
        if np.abs(slope * x).max() <= _EXACT:
            break
        step = np.linalg.solve(correlations + np.diag(wanted / (x * x)), -slope)
        change = np.abs(step / x).max()
        x = x + step * (1.0 if change < 0.5 else 0.5 / change)
    weights = np.zeros(len(budgets))
    weights[chosen] = x / deviations
    weights /= weights.sum()
    return weights
