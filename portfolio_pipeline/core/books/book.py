"""Books: cash and positions, and what a session does to them. Exact, so that nothing appears from nowhere.

Cash is whole cents and quantities are whole millionths of a share, both as integers; in tables they are floats, which
hold these numbers without loss. A session goes: `open_session` (interest, splits, dividends), `Book.trade`,
`close_session` (marks, cash for what no longer trades).

Several books that together are one account go through the same functions together: each gets its part of what the
whole gets (`parts`), so that they always add up to it, share for share and cent for cent. Which book wanted a trade
is decided in `strategy_books`; at which price it happens, in `core.execution.fill_model`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from portfolio_pipeline.core.market.bars import Action, Bar, Bars, action, cash_return

SHARE = 1_000_000
"""One share, in the unit of quantities."""


def to_units(shares: float) -> int:
    return round(shares * SHARE)


def to_shares(units: int) -> float:
    return units / SHARE


def to_cents(amount: float) -> int:
    return round(amount * 100)


def to_currency(cents: int) -> float:
    return cents / 100


def value(units: int, price: float) -> int:
    """What a quantity is worth at a price, in cents; the same for buyer and seller."""
    return round(units * price / (SHARE / 100))


def parts(amounts: Sequence[int], whole: Callable[[int], int]) -> list[int]:
    """`whole(sum(amounts))` in parts, one per amount, each within rounding of its own; they add up exactly."""
    shared, running, before = [], 0, whole(0)
    for amount in amounts:
        if not amount:
            shared.append(0)
            continue
        running += amount
        after = whole(running)
        shared.append(after - before)
        before = after
    return shared


def pro_rata(sizes: Sequence[int], amount: int) -> list[int]:
    """`amount` in proportion to `sizes`; all of it to the last one where there is nobody to share it."""
    total = sum(sizes)
    if not total:
        return [0] * (len(sizes) - 1) + [amount]
    return parts(sizes, lambda running: amount * running // total)


@dataclass(slots=True)
class Position:
    """Shares of one symbol. Price and average cost are per share of the present split."""

    quantity: int
    average_cost: float
    price: float
    sessions_without_bar: int = 0


class TurnedIntoCash(NamedTuple):
    """What one of several books had of a symbol that is no longer traded, and the cents it got for it."""

    book: int
    symbol: str
    position: Position
    cash: int


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares of one symbol as a broker states them, with the price they were last marked at, and what was paid."""

    quantity: int
    price: float
    sessions_without_bar: int = 0
    average_cost: float | None = None


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """A broker's statement of the account at the close of a session: cash in cents, and what is held."""

    session: date
    cash: int
    holdings: Mapping[str, Holding] = field(default_factory=dict)

    @property
    def equity(self) -> int:
        return self.cash + sum(value(holding.quantity, holding.price) for holding in self.holdings.values())


@dataclass(slots=True)
class Book:
    """Cash in cents and the positions held; a symbol that is not held is not among them."""

    cash: int = 0
    positions: dict[str, Position] = field(default_factory=dict)

    @classmethod
    def of(cls, account: AccountSnapshot) -> Book:
        """The book of an account as its broker reports it. Where it does not say what was paid, the price has to do."""
        held = {
            symbol: Position(
                holding.quantity,
                holding.price if holding.average_cost is None else holding.average_cost,
                holding.price,
                holding.sessions_without_bar,
            )
            for symbol, holding in sorted(account.holdings.items())
        }
        return cls(account.cash, {symbol: position for symbol, position in held.items() if position.quantity})

    def snapshot(self, session: date) -> AccountSnapshot:
        """What a broker that keeps this book says at the close of a session."""
        held = {
            symbol: Holding(position.quantity, position.price, position.sessions_without_bar, position.average_cost)
            for symbol, position in self.positions.items()
        }
        return AccountSnapshot(session, self.cash, held)

    @property
    def equity(self) -> int:
        return self.cash + sum(value(position.quantity, position.price) for position in self.positions.values())

    def quantity(self, symbol: str) -> int:
        position = self.positions.get(symbol)
        return position.quantity if position else 0

    def trade(self, symbol: str, quantity: int, price: float, cash: int) -> None:
        """Take `quantity` (negative: give) at `price` per share, and `cash` cents (negative: pay)."""
        self.cash += cash
        held = self.quantity(symbol)
        after = held + quantity
        if not quantity:
            return
        if not after:
            del self.positions[symbol]
        elif not held:
            self.positions[symbol] = Position(after, price, price)
        else:
            position = self.positions[symbol]
            position.quantity = after
            if (held > 0) != (after > 0):
                position.average_cost = price
            elif abs(after) > abs(held):
                position.average_cost = (position.average_cost * held + price * quantity) / after


def open_session(books: Sequence[Book], bars: Bars) -> None:
    """Interest, splits and dividends: what cash and holdings of the last close bring before the open.

    A symbol without a bar is split as well: its price, the last close, is per share of the present split.
    """
    earned = cash_return(bars)
    if earned:
        for book, cents in zip(
            books, parts([book.cash for book in books], lambda cash: round(cash * earned)), strict=True
        ):
            book.cash += cents
    for symbol in _symbols(books):
        acted = action(bars, symbol)
        if acted is None or (acted.split_ratio == 1.0 and acted.dividend == 0.0):
            continue
        _act([book for book in books if symbol in book.positions], symbol, acted)


def close_session(books: Sequence[Book], bars: Bars, delist_after_sessions: int) -> list[TurnedIntoCash]:
    """Mark what is held at the close. What has had no bar for so many sessions is turned into cash at its last price.

    Sees the session's own bars and the count of those missed before; never whether a symbol will trade again.
    """
    ended: list[TurnedIntoCash] = []
    for symbol in _symbols(books):
        bar = bars.get(symbol)
        holders = [book for book in books if symbol in book.positions]
        if bar is not None:
            for book in holders:
                position = book.positions[symbol]
                position.price, position.sessions_without_bar = bar.close, 0
            continue
        for book in holders:
            book.positions[symbol].sessions_without_bar += 1
        if holders[0].positions[symbol].sessions_without_bar >= delist_after_sessions:
            price = holders[0].positions[symbol].price
            for book, cash in zip(holders, market_values(holders, symbol, price), strict=True):
                book.cash += cash
                place = next(place for place, one in enumerate(books) if one is book)
                ended.append(TurnedIntoCash(place, symbol, book.positions.pop(symbol), cash))
    return ended


def _act(holders: Sequence[Book], symbol: str, acted: Bar | Action) -> None:
    """One symbol's split and dividend, for everyone who holds it."""
    shares = parts([book.quantity(symbol) for book in holders], lambda held: round(held * acted.split_ratio))
    paid = parts(shares, lambda held: value(held, acted.dividend))
    for book, quantity, cash in zip(holders, shares, paid, strict=True):
        book.cash += cash
        position = book.positions[symbol]
        position.quantity = quantity
        position.average_cost /= acted.split_ratio
        position.price /= acted.split_ratio
        if not quantity:
            del book.positions[symbol]


def market_values(books: Sequence[Book], symbol: str, price: float) -> list[int]:
    """What each book's shares of the symbol are worth, in cents that add up to what they are worth together."""
    return parts([book.quantity(symbol) for book in books], lambda held: value(held, price))


def equities(books: Sequence[Book]) -> list[int]:
    """Cash plus market value of each book; together exactly the equity of the whole."""
    totals = [book.cash for book in books]
    for symbol in _symbols(books):
        price = next(book.positions[symbol].price for book in books if symbol in book.positions)
        for index, worth in enumerate(market_values(books, symbol, price)):
            totals[index] += worth
    return totals


def _symbols(books: Sequence[Book]) -> list[str]:
    """Every symbol that some book holds, in one fixed order."""
    if len(books) == 1:
        return sorted(books[0].positions)
    return sorted({symbol for book in books for symbol in book.positions})
