"""What is kept of each search: the best sets by the score of their neighbourhood, and some more that nothing beats.

Of sets with the same score the earlier of the pool comes first, and is kept where not all can be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array

BEST_KEPT = 10
UNBEATEN_KEPT = 5  # beside the best


@dataclass(frozen=True, eq=False)
class Ranking:
    """One entry for each set that is kept, session after session, the best first."""

    row: Array  # position of the session in the history
    rank: Array
    place: Array  # in the pool
    is_pareto: Array
    metrics: Array  # [entries, METRICS]
    score: Array
    smoothed: Array

    @property
    def last(self) -> list[int]:
        """Places of the newest session's sets."""
        return [int(place) for place in self.place[self.row == self.row[-1]]] if len(self.row) else []


def ranked(rows: Array, metrics: Array, scores: Array, smoothed: Array, pareto: Array) -> Ranking:
    """All arrays [rows, candidates], but `metrics` [METRICS, rows, candidates]; no score is NaN."""
    k, rank, place = _ranked(np.ascontiguousarray(smoothed), pareto, BEST_KEPT, UNBEATEN_KEPT)
    return Ranking(
        row=rows[k],
        rank=rank,
        place=place,
        is_pareto=pareto[k, place],
        metrics=np.ascontiguousarray(metrics[:, k, place].T),
        score=scores[k, place],
        smoothed=smoothed[k, place],
    )


@njit(cache=True, nogil=True)
def _best(scores: Array, among: Array, best: Array) -> int:  # pragma: no cover
    """Fill `best` with the best of those that are `among` them, in order; on a tie the earlier. How many there are."""
    size, least = 0, -np.inf
    for c in range(len(scores)):
        if not among[c] or (size == len(best) and not scores[c] > least):
            continue
        size = min(size + 1, len(best))
        place = size - 1
        while place > 0 and scores[c] > scores[best[place - 1]]:
            best[place] = best[place - 1]
            place -= 1
        best[place] = c
        least = scores[best[size - 1]]
    return size


@njit(cache=True, nogil=True)
def _ranked(scores: Array, pareto: Array, best: int, further: int) -> tuple[Array, Array, Array]:  # pragma: no cover
    rows, candidates = scores.shape
    most = rows * (best + further)
    row, rank, place = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    # The unbeaten among the best are left out below: enough of them are kept here.
    first, others = np.empty(best, np.int64), np.empty(best + further, np.int64)
    everyone, count = np.ones(candidates, np.bool_), 0
    for k in range(rows):
        size, more = _best(scores[k], everyone, first), _best(scores[k], pareto[k], others)
        for n in range(size):
            row[count], rank[count], place[count] = k, n + 1, first[n]
            count += 1
        added = 0
        for n in range(more):
            among = False
            for m in range(size):
                among |= first[m] == others[n]
            if not among and added < further:
                added += 1
                row[count], rank[count], place[count] = k, size + added, others[n]
                count += 1
    return row[:count], rank[:count], place[:count]
