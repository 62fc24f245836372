"""What a strategy type is: declared inputs, a window, parameters with ranges, and arrays in, target weights out.

Here: the protocol and what types share when they turn scores into weights. Not here: a type's own rule, sizing
(`sizing`), or when a strategy decides (`rebalancing`).
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np

from portfolio_pipeline.core.panel import Array
from portfolio_pipeline.core.strategies.inputs import Inputs
from portfolio_pipeline.core.strategies.parameters import Parameters


class Strategy(Protocol):
    """One type. Stateless: everything it knows comes in as arguments.

    `target_weights` gives raw weights [len(rows), symbols] at the given rows of the history; row t may see sessions up
    to t only. A symbol without the history that the parameters need, or without a bar at t, gets 0. Long-only weights
    are not negative; absolute weights add up to at most 1, and what is left is cash.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    Parameters: ClassVar[type[Parameters]]

    def window(self, parameters: Any) -> int:
        """Sessions of history, the present one included, that a weight needs."""
        ...

    def target_weights(self, inputs: Inputs, parameters: Any, rows: Array, *, long_short: bool = False) -> Array: ...


def best(scores: Array, count: int) -> Array:
    """Marks the `count` highest finite scores of each row; on a tie the earlier symbol."""
    count = min(count, scores.shape[1])
    order = np.argsort(np.where(np.isfinite(scores), -scores, np.inf), axis=1, kind="stable")[:, :count]
    marks = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(marks, order, True, axis=1)
    return marks & np.isfinite(scores)


def ranks(scores: Array) -> Array:
    """Rank of each finite score within its row, from 1/n to 1, else NaN. On a tie the later symbol ranks higher."""
    known = np.isfinite(scores)
    order = np.argsort(np.where(known, scores, np.inf), axis=1, kind="stable")
    position = np.empty(scores.shape)
    np.put_along_axis(position, order, np.broadcast_to(np.arange(1.0, scores.shape[1] + 1), scores.shape), axis=1)
    return np.where(known, position / np.maximum(known.sum(axis=1, keepdims=True), 1), np.nan)
