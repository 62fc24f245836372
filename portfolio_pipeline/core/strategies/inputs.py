"""What a strategy computes on: prices, and indicators that parameter sets share.

An indicator is computed once for the whole history and kept under a name, so that forty parameter sets with six
look-backs cost six tables. Rules that make weights of indicators do not belong here: they are in the types' modules.

NaN policy: closes are total-return closes carried forward over sessions without a bar; NaN before a symbol's first bar.
An indicator is NaN until its whole window lies after that first bar. Row t sees sessions up to t only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from threading import RLock
from typing import Any

import numpy as np

from portfolio_pipeline.core.kernels import rolling_mean_std
from portfolio_pipeline.core.panel import Array, PricePanel, forward_fill


class Inputs:
    """A panel of a strategy's symbols from the first stored session on, with a memory for what is derived from it."""

    def __init__(self, panel: PricePanel) -> None:
        self.panel = panel
        self.sessions = panel.sessions
        self.traded = panel.traded
        self._memory: dict[Hashable, Any] = {}
        self._lock = RLock()

    def shared(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The value kept under `key`, computed at the first asking. Safe to ask from several threads."""
        with self._lock:
            if key not in self._memory:
                self._memory[key] = compute()
            return self._memory[key]

    @cached_property
    def close(self) -> Array:
        return forward_fill(self.panel.adjusted_close)

    @cached_property
    def returns(self) -> Array:
        """Daily returns of `close`: 0 where there is no bar, NaN up to and including the first bar."""
        returns = np.full_like(self.close, np.nan)
        returns[1:] = self.close[1:] / self.close[:-1] - 1.0
        return returns

    def momentum(self, lookback: int) -> Array:
        """Total return over `lookback` sessions."""

        def compute() -> Array:
            momentum = np.full_like(self.close, np.nan)
            momentum[lookback:] = self.close[lookback:] / self.close[:-lookback] - 1.0
            return momentum

        return self.shared(("momentum", lookback), compute)

    def sma(self, window: int) -> Array:
        """Mean close of `window` sessions."""
        return self._close_statistics(window)[0]

    def zscore(self, window: int) -> Array:
        """Distance of the close from its mean, in standard deviations; 0 for a price that did not move."""

        def compute() -> Array:
            mean, std = self._close_statistics(window)
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
            gain, _ = rolling_mean_std(np.maximum(change, 0.0), window)
            loss, _ = rolling_mean_std(np.maximum(-change, 0.0), window)
            total = gain + loss
            moved = total > 0
            return np.where(moved, 100.0 * gain / np.where(moved, total, 1.0), np.where(np.isnan(total), np.nan, 50.0))

        return self.shared(("rsi", window), compute)

    def volatility(self, window: int) -> Array:
        """Standard deviation of `window` daily returns."""
        return self.shared(("volatility", window), lambda: rolling_mean_std(self.returns, window)[1])

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
            return (level > rolling_mean_std(level, window)[0])[:, 0]

        return self.shared(("market_above_sma", window), compute)

    def _close_statistics(self, window: int) -> tuple[Array, Array]:
        return self.shared(("close", window), lambda: rolling_mean_std(self.close, window))
