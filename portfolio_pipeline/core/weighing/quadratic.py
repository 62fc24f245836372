"""Quadratic problems of a few dozen unknowns, solved exactly: no iteration that stops when it is near enough.

The dual of the least-distance problem is a least-squares problem with unknowns that are not negative (Lawson and Hanson
1974, chapter 23), and SciPy's `nnls` solves it by an active set in finitely many steps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from portfolio_pipeline.core.arrays import Array

_IMPOSSIBLE, _ENDLESS = 1e-9, 1e12


def minimise(curvature: Array, slope: Array, rows: Array, most: Array) -> Array | None:
    """The x with the smallest x'Hx / 2 - c'x of those with `rows` @ x <= `most`; None where there is none.

    H is `curvature`, positive definite, c is `slope`.
    """
    from scipy.optimize import nnls  # takes a while to import, and most days nobody asks

    root = np.linalg.cholesky(curvature)
    best = np.linalg.solve(root.T, np.linalg.solve(root, slope))
    sides = np.linalg.solve(root, rows.T)  # those of y = root.T @ (x - best)
    room = most - rows @ best
    lengths = np.sqrt((sides * sides).sum(axis=0))
    lengths = np.where(lengths > 0.0, lengths, 1.0)
    sides, room = sides / lengths, room / lengths
    if (room >= 0.0).all():
        return best
    # y is measured in the largest violation, so that its length is about 1 whatever the units are.
    unit = -float(room.min())
    matrix = np.vstack([-sides, -room / unit])
    aim = np.zeros(len(matrix))
    aim[-1] = 1.0
    multipliers, _ = nnls(matrix, aim, maxiter=50 * matrix.shape[1])
    left = matrix @ multipliers - aim
    if -left[-1] <= _IMPOSSIBLE:
        return None
    found: Array = best - unit * np.linalg.solve(root.T, left[:-1] / left[-1])
    return found


def largest_below(measure: Callable[[float], float], limit: float, start: float, steps: int = 60) -> float:
    """The smallest x from `start` on where a `measure` that falls as x grows is not above `limit`, to 12 digits.

    One over the measure is nearly linear in x for what is used here (a distance by its Lagrange multiplier), so that
    the secant finds it in a few steps; halving takes over where it does not.
    """
    if measure(start) <= limit:
        return start
    low, high = start, max(1.0, 2.0 * start)
    while measure(high) > limit:
        low, high = high, 8.0 * high
        if high > _ENDLESS:
            return high
    low_gap, high_gap = 1.0 / measure(low) - 1.0 / limit, 1.0 / measure(high) - 1.0 / limit
    for step in range(steps):
        if high - low <= 1e-12 * high or high_gap * limit <= 1e-12:
            break
        middle = low + (high - low) * (low_gap / (low_gap - high_gap)) if step % 3 else (low + high) / 2.0
        middle = min(max(middle, low), high)
        gap = 1.0 / measure(middle) - 1.0 / limit
        if gap < 0.0:
            low, low_gap = middle, gap
        else:
            high, high_gap = middle, gap
    return high
