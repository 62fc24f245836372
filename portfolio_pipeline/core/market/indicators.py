"""What a strategy computes on: prices, and indicators that parameter sets share.

An indicator is computed once for the whole history and kept under a name, so that forty parameter sets with six
look-backs cost six tables. What is needed at the rows of decisions only is kept for these (`Inputs.at`). Rules that
make weights of indicators do not belong here: they are in the types' modules.

NaN policy: closes are total-return closes carried forward over sessions without a bar; NaN before a symbol's first bar.
An indicator is NaN until its whole window lies after that first bar. Row t sees sessions up to t only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from threading import Lock, RLock
from typing import Any

import numpy as np

from portfolio_pipeline.core.arrays import Array, forward_fill
from portfolio_pipeline.core.market.kernels import rolling_mean, rolling_mean_at, rolling_mean_std
from portfolio_pipeline.core.market.panel import PricePanel


class Shared:
    """A memory for what parameter sets have in common. Safe to ask from several threads.

    While one thread computes a value, others may ask for and compute other values; who asks for the same one waits.
    """

    def __init__(self) -> None:
        self._memory: dict[Hashable, Any] = {}
        self._computing: dict[Hashable, RLock] = {}
        self._lock = RLock()

    def shared(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The value kept under `key`, computed at the first asking."""
        if key not in self._memory:
            with self._lock:
                computing = self._computing.setdefault(key, RLock())
            with computing:
                if key not in self._memory:
                    self._memory[key] = compute()
        return self._memory[key]


class AtRows(Shared):
    """Tables [rows, symbols] at some rows of the history, contiguous. Their order is that of the rows."""

    def __init__(self, inputs: Inputs, rows: Array) -> None:
        super().__init__()
        self.rows = rows
        self.traded = np.ascontiguousarray(inputs.traded[rows])
        self._inputs = inputs

    def indicator(self, name: str, window: int) -> Array:
        """The indicator of `Inputs` of that name, at the rows."""
        return self.shared((name, window), lambda: np.ascontiguousarray(getattr(self._inputs, name)(window)[self.rows]))

    def momentum(self, lookback: int) -> Array:
        """Total return over `lookback` sessions."""

        def compute() -> Array:
            past = self._inputs.close[np.maximum(self.rows - lookback, 0)]
            return np.where((self.rows >= lookback)[:, None], self.close / past - 1.0, np.nan)

        return self.shared(("momentum", lookback), compute)

    def sma(self, window: int) -> Array:
        """Mean close of `window` sessions."""
        return self.shared(("sma", window), lambda: rolling_mean_at(self._inputs.close, window, self.rows))

    @cached_property
    def close(self) -> Array:
        return np.ascontiguousarray(self._inputs.close[self.rows])


class Inputs(Shared):
    """A panel of a strategy's symbols from the first stored session on, with a memory for what is derived from it."""

    def __init__(self, panel: PricePanel) -> None:
        super().__init__()
        self.panel = panel
        self.sessions = panel.sessions
        self.traded = panel.traded

    def at(self, rows: Array) -> AtRows:
        """What is known at these rows: the same object whenever rows of the same values are asked for."""
        rows = np.array(rows, dtype=np.int64)
        return self.shared(("rows", rows.tobytes()), lambda: AtRows(self, rows))

    @cached_property
    def close(self) -> Array:
        return forward_fill(self.panel.adjusted_close)

    @cached_property
    def returns(self) -> Array:
        """Daily returns of `close`: 0 where there is no bar, NaN up to and including the first bar."""
        returns = np.full_like(self.close, np.nan)
        returns[1:] = self.close[1:] / self.close[:-1] - 1.0
        return returns

    @cached_property
    def close_by_symbol(self) -> Array:
        """`close` as [symbols, sessions], for loops that touch few symbols."""
        return np.ascontiguousarray(self.close.T)

    @cached_property
    def returns_by_symbol(self) -> Array:
        """`returns` as [symbols, sessions], and 0 before the first bar."""
        return np.ascontiguousarray(np.where(np.isnan(self.returns), 0.0, self.returns).T)

    def zscore(self, window: int) -> Array:
        """Distance of the close from its mean, in standard deviations; 0 for a price that did not move."""

        def compute() -> Array:
            mean, std = rolling_mean_std(self.close, window)
            moved = std > 1e-12 * np.abs(mean)
            return np.where(
                moved, (self.close - mean) / np.where(moved, std, 1.0), np.where(np.isnan(std), np.nan, 0.0)
            )

        return self.shared(("zscore", window), compute)

    def rsi(self, window: int) -> Array:
        """Relative strength index with simple means; 50 for a price that did not move."""

        def compute() -> Array:
            change = np.full_like(self.close, np.nan)
            change[1:] = self.close[1:] - self.close[:-1]
            gain = rolling_mean(np.maximum(change, 0.0), window)
            loss = rolling_mean(np.maximum(-change, 0.0), window)
            total = gain + loss
            moved = total > 0
            return np.where(moved, 100.0 * gain / np.where(moved, total, 1.0), np.where(np.isnan(total), np.nan, 50.0))

        return self.shared(("rsi", window), compute)

    def volatility(self, window: int) -> Array:
        """Standard deviation of `window` daily returns."""
        return self._return_statistics(window)[1]

    def gain_per_risk(self, window: int) -> Array:
        """Mean of `window` daily returns in their standard deviations; NaN for a price that did not move."""

        def compute() -> Array:
            mean, std = self._return_statistics(window)
            return np.divide(mean, std, out=np.full_like(mean, np.nan), where=std > 1e-10)

        return self.shared(("gain_per_risk", window), compute)

    def market(self) -> Array:
        """Level [sessions, 1] of an average over the symbols: it grows by the mean return of those that have one."""

        def compute() -> Array:
            known = ~np.isnan(self.returns)
            total = np.where(known, self.returns, 0.0).sum(axis=1)
            return np.cumprod(1.0 + total / np.maximum(known.sum(axis=1), 1))[:, None]

        return self.shared("market", compute)

    def market_above_sma(self, window: int) -> Array:
        """Whether the average over the symbols stands above its mean of `window` sessions, [sessions]."""

        def compute() -> Array:
            level = self.market()
            return (level > rolling_mean(level, window))[:, 0]

        return self.shared(("market_above_sma", window), compute)

    def _return_statistics(self, window: int) -> tuple[Array, Array]:
        return self.shared(("returns", window), lambda: rolling_mean_std(self.returns, window))


_KEPT = 8
_newest: OrderedDict[tuple[str, bytes], Inputs] = OrderedDict()
_lock = Lock()


def inputs_of(panel: PricePanel, user: str) -> Inputs:
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
