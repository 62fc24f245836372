"""Several vendors in an order: the first answers, and where it fails or has no bar, the next one does.

Every row says whose it is, and a row is never put together from two. Where both have a bar they are compared. Not here:
which vendors there are, and what a difference means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError, PortfolioError
from portfolio_pipeline.core.execution.origin import AND
from portfolio_pipeline.core.market.quality.vendors import differences
from portfolio_pipeline.core.market.quotes import Quote
from portfolio_pipeline.core.tables import PRICES
from portfolio_pipeline.ports import (
    CanBeExamined,
    ChangedPast,
    MarketData,
    RemembersThePast,
    TellsQuotes,
    TellsWhatIsUnreadable,
)

_KEY = ["session", "symbol"]
_NOTHING = pd.DataFrame(columns=list(PRICES.column_names))
_MAY_COME_YET = ("BARS_NOT_FINAL",)


class SeveralVendors:
    def __init__(self, vendors: Sequence[MarketData], largest_difference: float) -> None:
        self._vendors, self._limit = tuple(vendors), largest_difference
        self._failures: list[DataError] = []
        self._differences = differences(_NOTHING, [], self._limit)

    @property
    def source(self) -> str:
        return AND.join(vendor.source for vendor in self._vendors)

    def bars(self, symbols: Sequence[str], sessions: SessionRange) -> pd.DataFrame:
        """Of each session and symbol the rows of the first vendor that has a bar; all of them must not fail."""
        delivered, refusals = [], []
        self._failures = []
        for vendor in self._vendors:
            try:
                delivered.append(vendor.bars(symbols, sessions))
            except PortfolioError as refusal:
                if refusal.reason in _MAY_COME_YET:
                    raise
                refusals.append(refusal)
                self._failures.append(_failed(vendor, refusal))
        if not delivered:
            raise refusals[0]
        first, *others = delivered
        self._differences = differences(first, others, self._limit)
        for other in others:
            lacking = other[other["close"].notna() & ~_keys(other).isin(_keys(first[first["close"].notna()]))]
            first = _joined([first[~_keys(first).isin(_keys(lacking))], lacking])
        return first

    def differences(self) -> pd.DataFrame:
        return self._differences

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Of the first vendor that has any; none where nobody has."""
        refusals: list[PortfolioError] = []
        for vendor in self._vendors:
            if isinstance(vendor, TellsQuotes):
                try:
                    return vendor.quotes(symbols)
                except PortfolioError as refusal:
                    refusals.append(refusal)
        if refusals:
            raise refusals[0]
        return {}

    def changed_past(self, symbols: Sequence[str], before: date) -> ChangedPast:
        """With whose it is: only what is stored of that vendor has changed."""
        bars, gone = [_NOTHING], [_NOTHING[[*_KEY, "source"]]]
        for vendor in self._vendors:
            if isinstance(vendor, RemembersThePast):
                changed = vendor.changed_past(symbols, before)
                bars.append(changed.bars)
                gone.append(changed.gone.assign(source=vendor.source))
        return ChangedPast(_joined(bars), _joined(gone))

    def past_is_recorded(self) -> None:
        for vendor in self._vendors:
            if isinstance(vendor, RemembersThePast):
                vendor.past_is_recorded()

    def refusals(self) -> list[DataError]:
        told = [vendor.refusals() for vendor in self._vendors if isinstance(vendor, TellsWhatIsUnreadable)]
        return [*self._failures, *(refusal for refusals in told for refusal in refusals)]

    def examined(self, symbols: Sequence[str]) -> str:
        return "; ".join(
            vendor.examined(symbols) if isinstance(vendor, CanBeExamined) else vendor.source for vendor in self._vendors
        )


def _failed(vendor: MarketData, refusal: PortfolioError) -> DataError:
    return DataError("VENDOR_FAILED", found=vendor.source, why=refusal, remedy="The next one answers as far as it can.")


def _keys(rows: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([pd.to_datetime(rows["session"]), rows["symbol"].astype(object)])


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([part for part in parts if len(part)] or list(parts[:1]), ignore_index=True)
