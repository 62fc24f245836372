"""The account as it was stored at its newest close: its book, and the highest equity that its drawdown is below."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portfolio_pipeline.core.books.book import Book, Position, to_cents, to_units
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import ACCOUNT, POSITIONS, PRICES, RISK_STATES
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK
from portfolio_pipeline.ports import Reader


@dataclass(frozen=True)
class ClosingBook:
    session: date
    book: Book
    closes: dict[str, float]
    peak: int
    """In cents."""


def closing_book(reader: Reader) -> ClosingBook | None:
    """None while no session of the account is stored."""
    session = reader.newest(ACCOUNT.name)
    if session is None:
        return None
    single, own = SessionRange.single(session), {"book": ACCOUNT_BOOK}
    (account,) = reader.read(ACCOUNT.name, single, where=own).to_pylist()
    held = reader.read(POSITIONS.name, single, where=own).to_pylist()
    bars = reader.read(PRICES.name, single, columns=["symbol", "close"]).to_pylist()
    states = reader.read(RISK_STATES.name, single, where={"scope": "account"}).to_pylist()
    positions = {row["symbol"]: Position(to_units(row["quantity"]), row["average_cost"], row["price"]) for row in held}
    peak = states[0]["peak"] if states else account["equity"]
    return ClosingBook(
        session,
        Book(to_cents(account["cash"]), positions),
        {row["symbol"]: row["close"] for row in bars},
        to_cents(peak),
    )
