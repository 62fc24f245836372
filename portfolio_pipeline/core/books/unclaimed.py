"""What others do in the account, and what the books make of it: it is kept in a book of its own, `unclaimed`.

Whoever else trades there, or moves shares in or out, changes what the account is. Strategies have nothing to do with
it: what came is not sized, not traded and not shared out, until a person takes it over; then the reserve has it, and
the next plan knows it. The book has no cash: what its shares cost or bring is the reserve's. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from portfolio_pipeline.core.books.book import Book, Holding, Position, value
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.trades import Received, of_account
from portfolio_pipeline.core.market.bars import Action, Bars, SessionBars, action
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE, UNCLAIMED


@dataclass(frozen=True)
class Outside:
    """What happened in a session that the house did not do."""

    fills: Sequence[Fill] = ()
    """Executions of orders that others have given."""
    moved: Mapping[str, Holding] = field(default_factory=dict)
    """Shares that came without an execution; negative: that went. At the close, at its prices."""
    splits: Mapping[str, float] = field(default_factory=dict)
    """Splits that the broker has done and the prices do not have."""
    claimed: frozenset[str] = frozenset()
    """Symbols that a person has taken over: all of it goes to the reserve at the close."""

    def __bool__(self) -> bool:
        """Whether anything happened; that something is claimed matters only while there is something unclaimed."""
        return bool(self.fills or self.moved or self.splits)

    def bars(self, bars: Bars) -> Bars:
        """The session's bars with these splits."""
        if not self.splits:
            return bars
        kept = SessionBars(bars)
        if isinstance(bars, SessionBars):
            kept.actions, kept.cash_return = dict(bars.actions), bars.cash_return
        for symbol, ratio in self.splits.items():
            acted = action(bars, symbol)
            if isinstance(acted, Action) or acted is None:
                kept.actions[symbol] = Action(acted.dividend if acted else 0.0, ratio)
            else:
                kept[symbol] = acted._replace(split_ratio=ratio)
        return kept


NOTHING_OUTSIDE = Outside()


class Settled(NamedTuple):
    """What settling brought: cents that the shares which moved were worth, and those that the reserve was given."""

    received: list[Received]
    arrived: int
    cash: int


def trade_outside(account: Book, unclaimed: Book, fills: Sequence[Fill]) -> list[Received]:
    received = []
    for fill in fills:
        for name, book in ((ACCOUNT_BOOK, account), (UNCLAIMED, unclaimed)):
            received.append(of_account(name, fill, *_held(book, fill.symbol)))
            book.trade(fill.symbol, fill.quantity, fill.price, fill.cash)
    return received


def settle_outside(account: Book, reserve: Book, unclaimed: Book, outside: Outside) -> Settled:
    """At the close: shares that moved, what is taken over, and the cash of it all."""
    received, arrived = [], 0
    for symbol, holding in sorted(outside.moved.items()):
        for name, book in ((ACCOUNT_BOOK, account), (UNCLAIMED, unclaimed)):
            received.append(_moved(name, book, symbol, holding.quantity, holding.price, crossed=False))
            _move(book, symbol, holding)
        arrived += value(holding.quantity, holding.price)
    for symbol in sorted(outside.claimed & unclaimed.positions.keys()):
        taken = unclaimed.positions[symbol]
        price, missed = taken.price, taken.sessions_without_bar
        for name, book, units in ((UNCLAIMED, unclaimed, -taken.quantity), (RESERVE, reserve, taken.quantity)):
            received.append(_moved(name, book, symbol, units, price, crossed=True))
            book.trade(symbol, units, price, -value(units, price))
        if symbol in reserve.positions:
            reserve.positions[symbol].sessions_without_bar = missed
            reserve.positions[symbol].price = price
    cash, unclaimed.cash = unclaimed.cash, 0
    reserve.cash += cash
    return Settled(received, arrived, cash)


def _moved(name: str, book: Book, symbol: str, units: int, price: float, *, crossed: bool) -> Received:
    return Received(name, symbol, None, crossed, units, price, -value(units, price), 0, None, *_held(book, symbol))


def _held(book: Book, symbol: str) -> tuple[int, float]:
    position = book.positions.get(symbol)
    return (position.quantity, position.average_cost) if position else (0, 0.0)


def own(book: Book, unclaimed: Mapping[str, int]) -> Book:
    """The account without what is not claimed: what is planned with, sized at and sold."""
    for symbol, quantity in unclaimed.items():
        position = book.positions.get(symbol)
        left = (position.quantity if position else 0) - quantity
        if not left:
            book.positions.pop(symbol, None)
        elif position:
            position.quantity = left
        else:  # the others are short of it as much as we have
            book.positions[symbol] = Position(left, 0.0, 0.0)
    return book


def _move(book: Book, symbol: str, holding: Holding) -> None:
    held = book.positions.get(symbol)
    if held is None:
        paid = holding.price if holding.average_cost is None else holding.average_cost
        book.positions[symbol] = Position(holding.quantity, paid, holding.price, holding.sessions_without_bar)
    else:
        book.trade(symbol, holding.quantity, held.price, 0)
