"""Robustness: a set is worth what its neighbourhood is worth, so a lone lucky point loses against a plateau.

Neighbours are the nearest sets of the same pool in normalised parameter space. Which scores are smoothed is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.parallel import in_chunks
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace, Range


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """Each candidate's nearest others and their weights, [candidates, neighbours]; its own weight is 1.

    A neighbour as far away as a candidate's neighbours are on average counts half, nearer ones more.
    """

    nearest: Array
    weights: Array

    @classmethod
    def of(cls, space: ParameterSpace, candidates: Sequence[Parameters], count: int) -> Neighbourhoods:
        """Numbers lie where they stand in the grid, from 0 to 1; different choices and flags are 1 apart."""
        count = min(count, len(candidates) - 1)
        domains = space.model.domains()
        measured = np.array([isinstance(domains[name], Range) for name in space.values])
        places = np.array([space.order(one) for one in candidates], dtype=np.float64)
        sizes = np.array([len(values) for values in space.values.values()])
        places = np.where(measured, places / np.maximum(sizes - 1, 1), places)
        nearest, distance = _nearest(places, measured, count)
        typical = distance.mean(axis=1, keepdims=True) if count else distance
        return cls(nearest, 1.0 / (1.0 + distance / np.where(typical > 0.0, typical, 1.0)))

    def smoothed(self, scores: Array, *, workers: int = 1) -> Array:
        """Weighted mean of each candidate's score and its neighbours', [rows, candidates].

        A candidate without a score has none; neighbours without one are left out.
        """
        scores = np.ascontiguousarray(scores)
        if not self.nearest.shape[1]:
            return scores
        result = np.empty(scores.shape)
        in_chunks(
            lambda first, stop: _smooth(scores, self.nearest, self.weights, result, first, stop), len(scores), workers
        )
        return result


@njit(cache=True, nogil=True)
def _nearest(places: Array, measured: Array, count: int) -> tuple[Array, Array]:  # pragma: no cover
    """Insertion into a short list: on a tie the earlier candidate is nearer."""
    candidates, dimensions = places.shape
    nearest, distance = np.zeros((candidates, count), np.int64), np.full((candidates, count), np.inf)
    if count == 0:
        return nearest, distance
    for c in range(candidates):
        for other in range(candidates):
            if other == c:
                continue
            square = 0.0
            for d in range(dimensions):
                if measured[d]:
                    square += (places[c, d] - places[other, d]) ** 2
                elif places[c, d] != places[other, d]:
                    square += 1.0
            # Steps of a third differ in their last bits, depending on where they begin: they are equally far.
            apart = np.rint(np.sqrt(square) * 1e9) / 1e9
            if apart >= distance[c, count - 1]:
                continue
            place = count - 1
            while place > 0 and distance[c, place - 1] > apart:
                distance[c, place], nearest[c, place] = distance[c, place - 1], nearest[c, place - 1]
                place -= 1
            distance[c, place], nearest[c, place] = apart, other
    return nearest, distance


@njit(cache=True, nogil=True)
def _smooth(
    scores: Array, nearest: Array, weights: Array, result: Array, first: int, stop: int
) -> None:  # pragma: no cover
    for k in range(first, stop):
        row = scores[k]
        for c in range(len(row)):
            total, weight = row[c], 1.0
            for n in range(nearest.shape[1]):
                score = row[nearest[c, n]]
                if not np.isnan(score):
                    total += weights[c, n] * score
                    weight += weights[c, n]
            result[k, c] = total / weight
