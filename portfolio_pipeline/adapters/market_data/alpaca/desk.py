"""What can be asked of Alpaca's market data: bars, corporate actions, quotes. Answers come in pages, over all symbols.

Symbols that Alpaca refuses as none are left out and remembered in `refused`; what else it refuses is said to the
person. Not here: which days are asked for, and what becomes of the answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.alpaca.client import AlpacaClient, Door, Patience, Refused
from portfolio_pipeline.core.calendar.sessions import NEW_YORK, session_close
from portfolio_pipeline.core.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient

_MOST_POINTS = 10_000  # of bars on a page, whatever their symbols
_MOST_ACTIONS = 1_000
_MOST_SYMBOLS = 100  # in one address
_BAR = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_AGAIN = "What was fetched is kept. Give the same command again when it answers."
# Actions are found by the day they are processed: for dividends that is when they are paid, weeks after the ex-date.
_BEFORE, _AFTER = timedelta(days=7), timedelta(days=200)


class DataDesk:
    def __init__(
        self,
        access: AlpacaAccess,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        access.require_data()
        self._access = access
        self._stocks = AlpacaClient(access, _door(access, _stocks_client), patience, sleep)
        self._events = AlpacaClient(access, _door(access, _actions_client), patience, sleep)
        self.refused: dict[str, str] = {}
        """Symbols that are none to Alpaca, and its words."""

    @property
    def feed(self) -> str:
        return self._access.feed

    @property
    def url(self) -> str:
        return self._access.data_url

    def bars(self, symbols: Sequence[str], first: date, last: date) -> pd.DataFrame:
        """Raw daily bars with session and symbol; the last session has to have closed."""
        query = {
            "timeframe": "1Day",
            "start": _text(datetime.combine(first, datetime.min.time(), NEW_YORK)),
            "end": _text(session_close(last)),
            "limit": _MOST_POINTS,
            "adjustment": "raw",
            "feed": self.feed,
            "sort": "asc",
        }
        rows = [
            (symbol, bar.get("t"), *(bar.get(name) for name in _BAR))
            for content in self._of_symbols(self._stocks, "/stocks/bars", query, symbols, "bars")
            for symbol, bars in content.items()
            for bar in bars or ()
        ]
        found = pd.DataFrame(rows, columns=["symbol", "session", *_BAR.values()])
        try:
            moments = pd.to_datetime(found["session"], utc=True, format="ISO8601")
            numbers = found[list(_BAR.values())].astype("float64")
        except (ValueError, TypeError) as wrong:
            raise self._unreadable(f"a bar with {wrong}") from None
        if moments.isna().any():
            raise self._unreadable("a bar without its day")
        days = moments.dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize().astype("datetime64[s]")
        found = found.assign(session=days, **{name: numbers[name] for name in numbers})
        inside = (days >= pd.Timestamp(first)) & (days <= pd.Timestamp(last))
        return found[inside].drop_duplicates(["session", "symbol"], keep="last").reset_index(drop=True)

    def actions(self, symbols: Sequence[str], first: date, last: date) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every corporate action of the symbols whose day may be in these, with its kind in Alpaca's words."""
        query = {"start": f"{first - _BEFORE}", "end": f"{last + _AFTER}", "limit": _MOST_ACTIONS, "sort": "asc"}
        seen: set[tuple[str, str]] = set()
        for content in self._of_symbols(self._events, "/corporate-actions", query, symbols, "corporate_actions"):
            for kind, rows in content.items():
                for row in rows or ():
                    name = (kind, str(row.get("id") or sorted(row.items(), key=str)))
                    if name not in seen:
                        seen.add(name)
                        yield kind, row

    def latest_quotes(self, symbols: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """The newest quotes as they are told, by symbol."""
        found: dict[str, Mapping[str, Any]] = {}
        for content in self._of_symbols(self._stocks, "/stocks/quotes/latest", {"feed": self.feed}, symbols, "quotes"):
            found |= {symbol: quote for symbol, quote in content.items() if isinstance(quote, dict)}
        return found

    def _of_symbols(
        self, client: AlpacaClient, path: str, query: Mapping[str, object], symbols: Sequence[str], key: str
    ) -> Iterator[Mapping[str, Any]]:
        """The answers for all symbols. Where one is refused, the others are asked for without it."""
        asked = [symbol for symbol in symbols if symbol not in self.refused]
        for start in range(0, len(asked), _MOST_SYMBOLS):
            yield from self._of_these(client, path, query, asked[start : start + _MOST_SYMBOLS], key)

    def _of_these(
        self, client: AlpacaClient, path: str, query: Mapping[str, object], symbols: Sequence[str], key: str
    ) -> Iterator[Mapping[str, Any]]:
        try:
            pages = list(self._pages(client, path, {**query, "symbols": ",".join(symbols)}, key))
        except Refused as refused:
            if "subscription" in refused.message:
                raise self._not_subscribed(refused) from None
            if refused.status not in (400, 422) or "symbol" not in refused.message.lower():
                raise DataError(
                    "ALPACA_DATA_REFUSED", of=path, found=refused, remedy="Nothing was stored of this answer."
                ) from None
            if len(symbols) == 1:
                self.refused[symbols[0]] = refused.message
                return
            half = len(symbols) // 2
            yield from self._of_these(client, path, query, symbols[:half], key)
            yield from self._of_these(client, path, query, symbols[half:], key)
            return
        yield from pages

    def _pages(self, client: AlpacaClient, path: str, query: Mapping[str, object], key: str) -> Iterator[Any]:
        token, before = None, set()
        while True:
            told = client.get(path, {**query, **({"page_token": token} if token else {})})
            if not isinstance(told, dict) or not isinstance(told.get(key, ()), dict | None):
                raise self._unreadable(f"no {key} in it")
            yield told[key] or {}
            token = told.get("next_page_token")
            if not token:
                return
            if token in before:
                raise self._unreadable("pages without an end")
            before.add(token)

    def _not_subscribed(self, refused: Refused) -> ConfigurationError:
        return ConfigurationError(
            "ALPACA_DATA_FEED_NOT_PERMITTED",
            found=f"ALPACA_DATA_FEED={self.feed}: {refused.message}",
            expected="a feed that the plan of the account includes",
            remedy="Set ALPACA_DATA_FEED=iex in a new home, or subscribe to the feed at Alpaca.",
        )

    def _unreadable(self, found: str) -> DataError:
        return DataError("ALPACA_ANSWER_UNREADABLE", at=self.url, found=found, remedy=_AGAIN)


def _door(access: AlpacaAccess, client: Callable[[AlpacaAccess], RESTClient]) -> Door:
    return Door(access.data_url, lambda: client(access), "ALPACA_DATA_UNREACHABLE", DataError, _AGAIN)


def _stocks_client(access: AlpacaAccess) -> RESTClient:
    from alpaca.data.historical.stock import StockHistoricalDataClient

    return StockHistoricalDataClient(access.key, access.secret, raw_data=True, url_override=access.data_url)


def _actions_client(access: AlpacaAccess) -> RESTClient:
    from alpaca.data.historical.corporate_actions import CorporateActionsClient

    return CorporateActionsClient(access.key, access.secret, raw_data=True, url_override=access.data_url)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
