"""Alpaca's market data over HTTP: bars, latest quotes and corporate actions, page by page, as its documents have them.

    with AlpacaDataServer(moment) as server:
        server.vendor.know(rows), server.faults, server.requests

Its errors carry no code. The HTTP and the faults are those of the broker's server; what is known is in `vendor`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from portfolio_pipeline_tests.fakes.alpaca.rules import Refusal
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer, Query, moment_of
from portfolio_pipeline_tests.fakes.alpaca.vendor import Vendor

MOST_BARS, MOST_ACTIONS = 10_000, 1_000
DELAY = timedelta(minutes=15)


class AlpacaDataServer(AlpacaServer):
    too_many: Mapping[str, object] = {"message": "too many requests."}

    def __init__(self, moment: datetime, **keys: str) -> None:
        super().__init__(moment, **keys)
        self.vendor = Vendor(self.clock)
        self.asked: list[tuple[str, Query]] = []
        """Path and query of every question that was carried out."""

    @property
    def environment(self) -> dict[str, str]:
        return {"ALPACA_API_KEY": self.key, "ALPACA_SECRET_KEY": self.secret, "ALPACA_DATA_URL": self.url}

    def answer(self, method: str, path: str, query: Query, body: dict[str, Any]) -> Any:
        self.asked.append((path, query))
        if path == "/v2/stocks/bars":
            return self._bars(query)
        if path == "/v2/stocks/quotes/latest":
            self._feed(query, recent=True)
            symbols = self._symbols(query)
            return {"quotes": {one: self.vendor.quotes[one] for one in symbols if one in self.vendor.quotes}}
        if path == "/v1/corporate-actions":
            return self._actions(query)
        raise Refusal(404, "endpoint not found.")

    def _bars(self, query: Query) -> dict[str, Any]:
        symbols = self._symbols(query)
        if query.get("timeframe") != "1Day" or query.get("adjustment", "raw") != "raw":
            raise Refusal(400, "only raw daily bars are known here")
        first, last = (moment_of(query.get(name)) for name in ("start", "end"))
        now = self.clock.now()
        first, last = first or now.replace(hour=0, minute=0), last or now
        self._feed(query, recent=last > now - DELAY)
        rows, token = self._page(self.vendor.told_bars(symbols, first, last), query, MOST_BARS, 1_000)
        found: dict[str, list[Any]] = {}
        for symbol, bar in rows:
            found.setdefault(symbol, []).append(bar)
        return {"bars": found, "next_page_token": token}

    def _actions(self, query: Query) -> dict[str, Any]:
        today = self.clock.now().date()
        first, last = (date.fromisoformat(query.get(name, f"{today}")) for name in ("start", "end"))
        symbols, kinds = (tuple(filter(None, query.get(name, "").split(","))) for name in ("symbols", "types"))
        if last < first:
            raise Refusal(400, "end should not be before start")
        rows, token = self._page(self.vendor.told_actions(symbols, kinds, first, last), query, MOST_ACTIONS, 100)
        found: dict[str, list[Any]] = {}
        for kind, row in rows:
            found.setdefault(kind, []).append(row)
        return {"corporate_actions": found, "next_page_token": token}

    def _symbols(self, query: Query) -> tuple[str, ...]:
        symbols = tuple(filter(None, query.get("symbols", "").split(",")))
        if not symbols:
            raise Refusal(400, "symbols is required")
        wrong = next((one for one in symbols if one in self.vendor.malformed), None)
        if wrong is not None:
            raise Refusal(400, f"invalid symbol: {wrong}")
        return symbols

    def _feed(self, query: Query, *, recent: bool) -> None:
        feed = query.get("feed", "sip")
        if feed not in ("iex", "sip"):
            raise Refusal(400, f"invalid feed: {feed}")
        if feed == "sip" and recent and not self.vendor.pays_for_sip:
            raise Refusal(403, "subscription does not permit querying recent SIP data")

    @staticmethod
    def _page(rows: list[Any], query: Query, most: int, standard: int) -> tuple[list[Any], str | None]:
        """The limit counts rows of all symbols together."""
        limit = int(query.get("limit") or standard)
        if not 1 <= limit <= most:
            raise Refusal(400, f"limit must be between 1 and {most}")
        token = query.get("page_token")
        try:
            start = int(base64.b64decode(token)) if token else 0
        except ValueError:
            raise Refusal(400, "invalid page_token") from None
        stop = start + limit
        return rows[start:stop], base64.b64encode(b"%d" % stop).decode() if stop < len(rows) else None
