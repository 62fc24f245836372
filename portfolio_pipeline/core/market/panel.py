"""Prices as arrays: sessions down, symbols across, NaN where a symbol has no bar.

`PricePanel` is what strategies, back-tests and the fill model compute on. Adjusted prices are total-return prices,
scaled forward from the first bar: a symbol's value at session t uses only actions up to t: nothing later changes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array

_VALUES = ("open", "high", "low", "close", "volume", "dividend", "split_ratio")


@dataclass(frozen=True, eq=False)
class PricePanel:
    """Raw bars of some symbols over consecutive sessions. All arrays are float64 [sessions, symbols]."""

    sessions: Array  # datetime64[D], ascending, every session of the calendar in between
    symbols: tuple[str, ...]
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    dividend: Array  # 0 where there is none
    split_ratio: Array  # 1 where there is none

    @classmethod
    def from_prices(cls, prices: pd.DataFrame, sessions: Array, symbols: tuple[str, ...]) -> PricePanel:
        """Spread rows of the prices table over the given sessions and symbols; rows outside them are left out."""
        shape = (len(sessions), len(symbols))
        row = pd.Index(sessions).get_indexer(pd.Index(prices["session"].to_numpy().astype("datetime64[D]")))
        column = pd.Index(symbols).get_indexer(pd.Index(prices["symbol"]))
        wanted = (row >= 0) & (column >= 0)

        def spread(name: str, missing: float) -> Array:
            values = np.full(shape, missing)
            values[row[wanted], column[wanted]] = prices[name].to_numpy(dtype=np.float64)[wanted]
            return values

        return cls(
            sessions=np.asarray(sessions, dtype="datetime64[D]"),
            symbols=tuple(symbols),
            open=spread("open", np.nan),
            high=spread("high", np.nan),
            low=spread("low", np.nan),
            close=spread("close", np.nan),
            volume=spread("volume", np.nan),
            dividend=spread("dividend", 0.0),
            split_ratio=spread("split_ratio", 1.0),
        )

    @cached_property
    def traded(self) -> Array:
        """True where there is a bar."""
        return ~np.isnan(self.close)

    @cached_property
    def adjustment_factor(self) -> Array:
        """What raw prices are multiplied with: splits and reinvested dividends since the first session."""
        growth = np.where(self.traded, self.split_ratio * (1.0 + self.dividend / self.close), 1.0)
        return np.cumprod(growth, axis=0)

    @cached_property
    def adjusted_close(self) -> Array:
        return self.close * self.adjustment_factor

    @cached_property
    def adjusted_open(self) -> Array:
        return self.open * self.adjustment_factor

    @cached_property
    def fingerprint(self) -> bytes:
        """Of everything in it: panels with the same one are the same."""
        told = hashlib.blake2b(repr((self.symbols, self.close.shape)).encode(), digest_size=16)
        for values in (self.sessions, *(getattr(self, name) for name in _VALUES)):
            told.update(np.ascontiguousarray(values).tobytes())
        return told.digest()

    def select(self, symbols: tuple[str, ...]) -> PricePanel:
        columns = [self.symbols.index(symbol) for symbol in symbols]
        return self._map(lambda values: np.ascontiguousarray(values[:, columns]), self.sessions, tuple(symbols))

    def rows(self, start: int, stop: int) -> PricePanel:
        """Sessions `start` to `stop`, by position. Adjusted prices then start at `start`, so use it for raw prices."""
        return self._map(lambda values: values[start:stop], self.sessions[start:stop], self.symbols)

    def _map(self, change: Callable[[Array], Array], sessions: Array, symbols: tuple[str, ...]) -> PricePanel:
        return PricePanel(sessions, symbols, **{name: change(getattr(self, name)) for name in _VALUES})
