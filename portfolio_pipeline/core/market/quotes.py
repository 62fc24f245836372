"""Quotes: what is bid and asked for a symbol at a moment, and whether that can be relied on.

A quote that is old, crossed, empty or wide says nothing of what a share is worth; neither does one that is further from
the close than a day's move may be, for a split or an error may explain it. Such quotes are told, and not used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

FRESH_FOR = timedelta(minutes=15)
WIDEST = 0.05  # between bid and ask, as a fraction of what is in the middle

QuoteState = Literal["fresh", "stale", "crossed", "wide", "jump", "missing"]


class Quote(NamedTuple):
    """Prices per share, and when they were given, in UTC without zone."""

    bid: float
    ask: float
    at: datetime

    @property
    def mid(self) -> float:
        return (self.bid + self.ask) / 2


def state_of(
    quote: Quote | None, now: datetime, close: float | None = None, largest_move: float = math.inf
) -> QuoteState:
    """Whether it is to be used: only a `fresh` one is. `now` is in UTC without zone; `close` is the newest."""
    if quote is None or not (quote.bid > 0 and math.isfinite(quote.ask) and quote.ask > 0):
        return "missing"
    if quote.bid > quote.ask:
        return "crossed"
    if not -FRESH_FOR <= now - quote.at <= FRESH_FOR:
        return "stale"
    if quote.ask - quote.bid > WIDEST * quote.mid:
        return "wide"
    if close is not None and not abs(quote.mid / close - 1.0) <= largest_move:
        return "jump"
    return "fresh"


def fresh_prices(quotes: Mapping[str, Quote], now: datetime) -> dict[str, float]:
    """What is in the middle of the quotes that can be relied on."""
    return {symbol: quote.mid for symbol, quote in sorted(quotes.items()) if state_of(quote, now) == "fresh"}
