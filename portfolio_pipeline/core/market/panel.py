"""Prices as arrays: sessions down, symbols across, NaN where a symbol has no bar.

`TotalReturnPanel` is what strategies and their simulation compute on: the adjusted prices of the table `features`.
`PricePanel` holds raw bars, for what needs them: features, risk, printed trades. Adjusted prices are total-return
prices, scaled forward from the first bar: a symbol's value at session t uses only actions up to t.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, spreading
from portfolio_pipeline.core.features.families import ADJUSTED_CLOSE, ADJUSTED_OPEN, ADJUSTMENT_FACTOR


class AdjustedPrices(Protocol):
    """What a strategy may know of its symbols, whichever panel it comes from; arrays are [sessions, symbols]."""

    @property
    def sessions(self) -> Array: ...
    @property
    def symbols(self) -> tuple[str, ...]: ...
    @property
    def adjusted_open(self) -> Array: ...
    @property
    def adjusted_close(self) -> Array: ...
    @property
    def traded(self) -> Array: ...
    @property
    def fingerprint(self) -> bytes: ...
    def select(self, symbols: tuple[str, ...]) -> Self: ...


@dataclass(frozen=True, eq=False)
class TotalReturnPanel:
    """Adjusted prices of some symbols over consecutive sessions, float64 [sessions, symbols]."""

    sessions: Array  # datetime64[D], ascending, every session of the calendar in between
    symbols: tuple[str, ...]
    adjusted_open: Array
    adjusted_close: Array

    @classmethod
    def from_features(cls, features: pd.DataFrame, sessions: Array, symbols: tuple[str, ...]) -> TotalReturnPanel:
        """Spread rows of the features table over the given sessions and symbols; rows outside them are left out."""
        spread = spreading(features, sessions, symbols, by="symbol")
        return cls(
            np.asarray(sessions, dtype="datetime64[D]"),
            tuple(symbols),
            spread("adjusted_open", np.nan),
            spread("adjusted_close", np.nan),
        )

    @cached_property
    def traded(self) -> Array:
        """True where there is a bar."""
        traded: Array = ~np.isnan(self.adjusted_close)
        return traded

    @cached_property
    def fingerprint(self) -> bytes:
        """Of everything in it: panels with the same one are the same."""
        return _fingerprint(self.symbols, self.sessions, self.adjusted_open, self.adjusted_close)

    def select(self, symbols: tuple[str, ...]) -> TotalReturnPanel:
        if symbols == self.symbols:
            return self
        columns = [self.symbols.index(symbol) for symbol in symbols]
        opens = np.ascontiguousarray(self.adjusted_open[:, columns])
        closes = np.ascontiguousarray(self.adjusted_close[:, columns])
        return TotalReturnPanel(self.sessions, tuple(symbols), opens, closes)

    def rows(self, start: int, stop: int) -> TotalReturnPanel:
        """Sessions `start` to `stop`, by position."""
        part = slice(start, stop)
        return TotalReturnPanel(self.sessions[part], self.symbols, self.adjusted_open[part], self.adjusted_close[part])


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
    def from_prices(
        cls, prices: pd.DataFrame, sessions: Array, symbols: tuple[str, ...], actions: pd.DataFrame | None = None
    ) -> PricePanel:
        """Spread rows of the prices table over the given sessions and symbols; rows outside them are left out.

        Rows of `actions` (corporate_actions) without a bar of their session are in force with the symbol's next bar.
        """
        spread = spreading(prices, sessions, symbols, by="symbol")
        panel = cls(
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
        if actions is not None and len(actions):
            panel._carry_to_next_bar(actions)
        return panel

    def _carry_to_next_bar(self, actions: pd.DataFrame) -> None:
        spread = spreading(actions, self.sessions, self.symbols, by="symbol")
        dividend, split = spread("dividend", 0.0), spread("split_ratio", 1.0)
        acted = ~self.traded & ((dividend != 0) | (split != 1))
        for column in np.flatnonzero(acted.any(axis=0)):
            bars = np.flatnonzero(self.traded[:, column])
            for row in np.flatnonzero(acted[:, column])[::-1]:  # each is paid per share of the next action's split
                after = np.searchsorted(bars, row)
                if after == 0 or after == len(bars):
                    continue  # no bar before that a price could be compared with, or none since
                bar = bars[after]
                self.dividend[bar, column] += dividend[row, column] / self.split_ratio[bar, column]
                self.split_ratio[bar, column] *= split[row, column]

    @cached_property
    def traded(self) -> Array:
        """True where there is a bar."""
        traded: Array = ~np.isnan(self.close)
        return traded

    @cached_property
    def adjustment_factor(self) -> Array:
        """What raw prices are multiplied with: splits and reinvested dividends since the first session."""
        return ADJUSTMENT_FACTOR.compute(self.close, self.dividend, self.split_ratio)

    @cached_property
    def adjusted_close(self) -> Array:
        return ADJUSTED_CLOSE.compute(self.close, self.adjustment_factor)

    @cached_property
    def adjusted_open(self) -> Array:
        return ADJUSTED_OPEN.compute(self.open, self.adjustment_factor)

    @cached_property
    def fingerprint(self) -> bytes:
        """Of everything in it: panels with the same one are the same."""
        return _fingerprint(self.symbols, self.sessions, *(getattr(self, name) for name in _VALUES))

    def select(self, symbols: tuple[str, ...]) -> PricePanel:
        columns = [self.symbols.index(symbol) for symbol in symbols]
        return self._map(lambda values: np.ascontiguousarray(values[:, columns]), self.sessions, tuple(symbols))

    def rows(self, start: int, stop: int) -> PricePanel:
        """Sessions `start` to `stop`, by position. Adjusted prices then start at `start`, so use it for raw prices."""
        return self._map(lambda values: values[start:stop], self.sessions[start:stop], self.symbols)

    def _map(self, change: Callable[[Array], Array], sessions: Array, symbols: tuple[str, ...]) -> PricePanel:
        return PricePanel(sessions, symbols, **{name: change(getattr(self, name)) for name in _VALUES})


def _fingerprint(symbols: tuple[str, ...], *arrays: Array) -> bytes:
    told = hashlib.blake2b(repr((symbols, [values.shape for values in arrays])).encode(), digest_size=16)
    for values in arrays:
        told.update(np.ascontiguousarray(values).tobytes())
    return told.digest()
