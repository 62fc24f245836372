"""What a strategy type is: declared inputs, a window, parameters with ranges, and arrays in, target weights out.

Here: the protocols. Not here: a type's own rule, what types share when they turn scores into weights (`selection`),
sizing (`sizing`), or when a strategy decides (`core.calendar.cadence`, `exposure`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.simulation.selections import Selections
from portfolio_pipeline.core.strategies.parameters import Parameters


class Strategy(Protocol):
    """One type. Stateless: everything it knows comes in as arguments.

    `target_weights` gives raw weights [len(rows), symbols] at the given rows of the history; row t may see sessions up
    to t only. A symbol without the history that the parameters need, or without a bar at t, gets 0. Long-only weights
    are not negative; absolute weights add up to at most 1, and what is left is cash.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    inputs: ClassVar[tuple[Family, ...]]  # what it computes on, beside whether there is a bar
    Parameters: ClassVar[type[Parameters]]

    def window(self, parameters: Any) -> int:
        """Sessions of history, the present one included, that a weight needs."""
        ...

    def target_weights(self, inputs: Inputs, parameters: Any, rows: Array, *, long_short: bool = False) -> Array: ...


@runtime_checkable
class Selecting(Strategy, Protocol):
    """A type whose long-only weights are equal parts of the first places of an order, where a filter allows them.

    A search plays many of its sets at once from the tables that they share. `selections` stand for exactly what
    `target_weights` gives.
    """

    def selections(self, inputs: Inputs, candidates: Sequence[Any], rows: Array) -> Selections: ...
