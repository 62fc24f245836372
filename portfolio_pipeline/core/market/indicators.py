"""What a strategy computes on: adjusted prices, and features that parameter sets share.

A feature is computed once for the whole history and kept under its family and window, so that forty parameter sets with
six look-backs cost six tables. What is needed at the rows of decisions only is kept for these (`Inputs.at`). How a
feature is computed, what it sees of time and where it is NaN does not belong here: `core.features.families` says it.
Nor do rules that make weights of features: they are in the types' modules.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from threading import Lock, RLock
from typing import Any, TypeVar
from weakref import proxy

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.features.families import (
    ADJUSTED_CLOSE,
    ADJUSTED_OPEN,
    CARRIED_CLOSE,
    FAMILY,
    RETURN_1D,
)
from portfolio_pipeline.core.features.family import NO_WINDOW, Family
from portfolio_pipeline.core.market.panel import AdjustedPrices

T = TypeVar("T")


class Shared:
    """A memory for what parameter sets have in common. Safe to ask from several threads.

    While one thread computes a value, others may ask for and compute other values; who asks for the same one waits.
    """

    def __init__(self) -> None:
        self._memory: dict[Hashable, Any] = {}
        self._computing: dict[Hashable, RLock] = {}
        self._lock = RLock()

    def shared(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value kept under `key`, computed at the first asking."""
        if key not in self._memory:
            with self._lock:
                computing = self._computing.setdefault(key, RLock())
            with computing:
                if key not in self._memory:
                    self._memory[key] = compute()
        kept: T = self._memory[key]
        return kept


class AtRows(Shared):
    """Tables [rows, symbols] at some rows of the history, contiguous. Their order is that of the rows."""

    def __init__(self, inputs: Inputs, rows: Array) -> None:
        super().__init__()
        self.rows = rows
        self.traded = np.ascontiguousarray(inputs.traded[rows])
        # Inputs keep what is at rows: kept by it in turn, none would be freed before the next collection of garbage.
        self._inputs = proxy(inputs)

    def feature(self, family: Family, window: int = NO_WINDOW) -> Array:
        """The feature of `Inputs`, at the rows."""
        return self.shared((family.name, window), lambda: self._inputs.feature_at(family, window, self.rows))

    @property
    def close(self) -> Array:
        return self.feature(CARRIED_CLOSE)


class Inputs(Shared):
    """A panel of a strategy's symbols from the first stored session on, with a memory for what is derived from it."""

    def __init__(self, panel: AdjustedPrices) -> None:
        super().__init__()
        self.panel = panel
        self.sessions = panel.sessions
        self.traded = panel.traded

    def at(self, rows: Array) -> AtRows:
        """What is known at these rows: the same object whenever rows of the same values are asked for."""
        rows = np.array(rows, dtype=np.int64)
        return self.shared(("rows", rows.tobytes()), lambda: AtRows(self, rows))

    def feature(self, family: Family, window: int = NO_WINDOW) -> Array:
        """The figures of a family with a window, [sessions, symbols]."""
        return self._known(family.name, window)

    def feature_at(self, family: Family, window: int, rows: Array) -> Array:
        """The same at some rows, which some families know without computing all."""
        if family.at_rows is None:
            return np.ascontiguousarray(self.feature(family, window)[rows])
        return family.at_rows(*(self._known(name, window) for name in family.inputs), window, rows)

    @property
    def close(self) -> Array:
        """Adjusted closes, carried forward."""
        return self.feature(CARRIED_CLOSE)

    @property
    def returns(self) -> Array:
        """Daily returns of `close`."""
        return self.feature(RETURN_1D)

    @cached_property
    def close_by_symbol(self) -> Array:
        """`close` as [symbols, sessions], for loops that touch few symbols."""
        return np.ascontiguousarray(self.close.T)

    @cached_property
    def returns_by_symbol(self) -> Array:
        """`returns` as [symbols, sessions], and 0 before the first bar."""
        return np.ascontiguousarray(np.where(np.isnan(self.returns), 0.0, self.returns).T)

    def _known(self, name: str, window: int) -> Array:
        """The panel's own prices, or what a family makes of its inputs."""
        if name == ADJUSTED_CLOSE.name:
            return self.panel.adjusted_close
        if name == ADJUSTED_OPEN.name:
            return self.panel.adjusted_open
        family = FAMILY[name]
        if not family.windowed:
            window = NO_WINDOW
        return self.shared((name, window), lambda: self._computed(family, window))

    def _computed(self, family: Family, window: int) -> Array:
        inputs = (self._known(name, window) for name in family.inputs)
        return family.compute(*inputs, window) if family.windowed else family.compute(*inputs)


_KEPT = 8
_newest: OrderedDict[tuple[str, bytes], Inputs] = OrderedDict()
_lock = Lock()


def inputs_of(panel: AdjustedPrices, user: str) -> Inputs:
    """The inputs of a panel for users of one name, such as a strategy type: what one has computed, the next one finds.

    Panels are the same when all their numbers are. The newest few are kept, for strategies come one after the other.
    """
    key = user, panel.fingerprint
    with _lock:
        found = _newest.pop(key, None) or Inputs(panel)
        _newest[key] = found
        if len(_newest) > _KEPT:
            _newest.popitem(last=False)
    return found


def forget_inputs() -> None:
    """Give back the memory of all inputs: whoever comes after the last strategy has a use for it."""
    with _lock:
        _newest.clear()
