"""Mean returns shrunk towards each other: what each earned beyond the others is for the most part luck."""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array


def shrunk_means(means: Array, covariance: Array, sessions: int) -> Array:
    """Jorion's Bayes-Stein means: towards the mean of the portfolio that moves least, the more the shorter the past.

    `means` and `covariance` are per session, of so many `sessions`. NaN policy: a mean that is NaN is that portfolio's.
    """
    known = ~np.isnan(means)
    if not known.any():
        return np.zeros(len(means))
    own = covariance[np.ix_(known, known)]
    inverse = np.linalg.inv(own)
    calmest = inverse.sum(axis=0) / inverse.sum()
    centre = float(calmest @ means[known])
    apart = means[known] - centre
    part = (len(own) + 2.0) / (len(own) + 2.0 + sessions * float(apart @ inverse @ apart))
    found = np.full(len(means), centre)
    found[known] = centre + (1.0 - part) * apart
    return found
