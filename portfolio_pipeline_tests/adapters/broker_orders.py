"""One small market and orders for it, for everything that is asked of brokers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from portfolio_pipeline.core.books.book import to_units
from portfolio_pipeline.core.execution.tickets import Order, TimeInForce
from portfolio_pipeline_tests.trading import SYMBOLS, first_sessions, market, settings

RANGE = first_sessions(30)
DAYS = tuple(RANGE)
HOUSE = settings()
PRICES = market(3, RANGE)


def order(
    session: date,
    symbol: str,
    shares: float,
    *,
    name: str | None = None,
    limit: float | None = None,
    kind: TimeInForce = TimeInForce.DAY,
) -> Order:
    return Order(session, name or f"{session}-{symbol}-{shares:g}", symbol, to_units(shares), limit, kind)


def some_orders(days: Sequence[date] = DAYS) -> list[Order]:
    """Buys and sells of every symbol, larger than some volumes, some for more than is held."""
    return [
        order(day, symbol, (-1) ** (number // 2) * 900.0 * (place + 1 + number % 7))
        for number, day in enumerate(days)
        for place, symbol in enumerate(SYMBOLS)
        if (number + place) % 3
    ]
