"""Covariances that can be used whatever the returns are like: short, not begun yet, idle, or twice the same.

Three kinds: `sample`; `exponential`, where what is `half_life` sessions older counts half; `ledoit_wolf`, where
correlations shrink towards none as far as their noise calls for (Ledoit and Wolf 2004, on standardised returns).

NaN policy: a return that is NaN (there was none yet) or exactly 0 (nothing was held) says nothing of how much somebody
moves. Who has fewer than FEWEST others moves like the median of the known, and with nobody. Returns of sessions that
two do not have in common count as nothing in their correlation, so that the matrix has no negative eigenvalue, and no
correlation is above 1 - RIDGE, so that it can be inverted. Time: all rows are seen.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from portfolio_pipeline.core.arrays import Array

Kind = Literal["sample", "exponential", "ledoit_wolf"]
FEWEST = 20
"""Fewer sessions with something held than this say nothing about how much somebody moves."""
RIDGE = 1e-4
_NO_VOLATILITY = 1e-8


def covariance(returns: Array, kind: Kind, half_life: float) -> Array:
    """Covariance of the columns of `returns` [sessions, names], per session."""
    deviations, correlations = deviations_and_correlations(returns, kind, half_life)
    found: Array = correlations * np.outer(deviations, deviations)
    return found


def deviations_and_correlations(returns: Array, kind: Kind, half_life: float) -> tuple[Array, Array]:
    count, names = returns.shape
    there = ~np.isnan(returns) & (returns != 0.0)
    known = there.sum(axis=0) >= FEWEST
    ages = np.arange(count)[::-1, None]
    weights = np.where(there & known, 0.5 ** (ages / half_life) if kind == "exponential" else 1.0, 0.0)
    total = np.where(known, weights.sum(axis=0), 1.0)
    values = np.where(there & known, returns, 0.0)
    centred = np.where(there & known, values - (weights * values).sum(axis=0) / total, 0.0)
    squares = (weights * centred * centred).sum(axis=0)
    freedom = np.where(known, total - (weights * weights).sum(axis=0) / total, 1.0)
    deviations = np.sqrt(squares / freedom)
    known &= deviations > _NO_VOLATILITY
    deviations = np.where(known, deviations, np.median(deviations[known]) if known.any() else 1.0)
    scaled = np.sqrt(weights) * centred / np.where(known, np.sqrt(squares), 1.0) * known
    correlations = scaled.T @ scaled
    shrinkage = _noise(scaled, correlations, known) if kind == "ledoit_wolf" else 0.0
    correlations *= 1.0 - max(shrinkage, RIDGE)
    correlations[np.diag_indices(names)] = 1.0
    return deviations, correlations


def _noise(scaled: Array, correlations: Array, known: Array) -> float:
    """How far the correlations should shrink: their noise over their distance from none, at most 1."""
    distance = float((correlations**2).sum() - known.sum())
    # Each session's outer product is one estimate; `scaled` sums up to the mean of them.
    lengths = (scaled * scaled).sum(axis=1)
    noise = float((lengths**2).sum() - (correlations**2).sum() / len(scaled))
    return min(1.0, max(0.0, noise) / distance) if distance > 0.0 else 1.0
