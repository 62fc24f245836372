"""What all honesty statistics ask of a matrix of back-test returns, and the Sharpe ratios taken from it.

A returns matrix is float64 [sessions, trials]: one column for each parameter set, one row for each session, the first
row being the first stored session. Whoever asks about session D hands over all rows up to D; later rows change
nothing. A parameter set that holds nothing earns 0.0: NaN is refused here. Probabilities about Sharpe ratios belong
in `sharpe`, not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array

Rows = Array | Sequence[int]

#: A series whose variance is below this share of its mean square is flat; its Sharpe ratio is 0: nothing was risked.
FLAT = 1e-9


def returns_matrix(returns: Array) -> Array:
    """The matrix as contiguous float64, refused when it is none or has holes."""
    matrix = np.ascontiguousarray(returns, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(f"returns must be [sessions, trials], found shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("returns must be finite: a trial that holds nothing earns 0.0")
    return matrix


def checked_rows(rows: Rows, sessions: int) -> Array:
    """Row numbers of the sessions asked for, as int64."""
    numbers = np.atleast_1d(np.asarray(rows, dtype=np.int64))
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < sessions):
        raise ValueError(f"rows must lie within 0..{sessions - 1}, found {numbers.min()}..{numbers.max()}")
    return numbers


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums and sums of squares of every trial up to each session; row t holds the sessions before t.

    `np.cumsum` adds in order from the first stored session, so the bits of a row depend on nothing after it.
    """

    total: Array
    square: Array

    @classmethod
    def of(cls, returns: Array) -> Sums:
        matrix = returns_matrix(returns)

        def accumulate(values: Array) -> Array:
            sums = np.zeros((matrix.shape[0] + 1, matrix.shape[1]))
            np.cumsum(values, axis=0, out=sums[1:])
            return sums

        return cls(accumulate(matrix), accumulate(matrix * matrix))

    def sharpes(self, start: int, stop: int) -> Array:
        """Per-period Sharpe ratio of every trial over the sessions start..stop-1."""
        return sharpe_from_sums(
            self.total[stop] - self.total[start], self.square[stop] - self.square[start], stop - start
        )


def sharpe_from_sums(total: Array, square: Array, sessions: int) -> Array:
    """Per-period Sharpe ratios (sample standard deviation) from sums and sums of squares; flat series give 0."""
    spread = square - total * total / sessions
    moves = spread > FLAT * square
    ratio = np.where(moves, total, 0.0) / np.sqrt(np.where(moves, spread, 1.0))
    sharpe: Array = ratio * (np.sqrt(sessions - 1) / sessions)
    return sharpe
