"""What a score says about its neighbours: a response surface fitted over the parameters of all sets of a pool.

The score of a set is noisy; how scores change along the parameters is much less so. At each session the scores are
regressed, with a ridge, on the place of each number in its range, on the square of that place, and on each choice
(Box and Wilson's second-order surface without its interactions). A set is then worth the mean of its own score and of
the surface at its place: half is its own, half is what all others say of it.

The surface is linear in the scores, so one small matrix serves all sessions. Not here: what a score is, and which sets
are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.parallel import in_chunks
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace, Range

RIDGE = 0.1
"""A slope is fitted as if a tenth as many sets more had shown none."""
OWN = 0.5
"""How much of what a set is worth is its own score."""


@dataclass(frozen=True, eq=False)
class ResponseSurface:
    """`slopes` [terms, candidates] fit a surface to scores; `terms` [candidates, terms] say where sets lie on it."""

    terms: Array
    slopes: Array

    @classmethod
    def of(cls, space: ParameterSpace, candidates: Sequence[Parameters]) -> ResponseSurface:
        terms = _terms(space, candidates)
        penalty = np.diag(np.where(np.arange(terms.shape[1]) == 0, 0.0, RIDGE * len(terms)))
        return cls(terms, np.ascontiguousarray(np.linalg.solve(terms.T @ terms + penalty, terms.T)))

    def smoothed(self, scores: Array, *, workers: int = 1) -> Array:
        """Half of each score and half of the surface at its place, [rows, candidates]; rows with a NaN are NaN."""
        scores = np.ascontiguousarray(scores)
        result = np.empty(scores.shape)
        in_chunks(
            lambda first, stop: _smooth(scores, self.terms, self.slopes, result, first, stop), len(scores), workers
        )
        return result


def _terms(space: ParameterSpace, candidates: Sequence[Parameters]) -> Array:
    """A constant and, of variance 1 over the candidates, the place and its square, or whether each choice is taken."""
    domains = space.model.domains()
    columns = [np.ones(len(candidates))]
    places = np.array([space.order(one) for one in candidates], dtype=np.float64)
    for place, (name, values) in zip(places.T, space.values.items(), strict=True):
        if isinstance(domains[name], Range):
            along = place - (len(values) - 1) / 2.0
            columns += [along, along * along]
        else:
            columns += [(place == k).astype(np.float64) for k in range(1, len(values))]
    kept = columns[:1]
    for column in columns[1:]:
        centred = column - column.mean()
        deviation = np.sqrt(np.mean(centred * centred))
        if deviation > 0.0:
            kept.append(centred / deviation)
    return np.ascontiguousarray(np.stack(kept, axis=1))


@njit(cache=True, nogil=True)
def _smooth(
    scores: Array, terms: Array, slopes: Array, result: Array, first: int, stop: int
) -> None:  # pragma: no cover
    """Sums are taken in one order, so that a session has the same bits whichever others are asked for."""
    candidates, count = terms.shape
    slope = np.empty(count)
    for k in range(first, stop):
        row = scores[k]
        for j in range(count):
            total = 0.0
            for c in range(candidates):
                total += slopes[j, c] * row[c]
            slope[j] = total
        for c in range(candidates):
            total = 0.0
            for j in range(count):
                total += terms[c, j] * slope[j]
            result[k, c] = OWN * row[c] + (1.0 - OWN) * total
