"""Strategy books: virtual accounts that share out what the account trades to the strategies that wanted it.

A strategy's wish at a close is the position that its share of the capital, its own target weight and the cuts of
the limits call for, less what its book holds. In the next session the account's net trade is given to the wishes on
its side, opposite wishes cross inside at the price of the account's trade (at the open when it comes to nothing), and
commissions are shared by size. At the close capital moves between the books until each has its strategy's share of
the equity. The book `reserve` holds the capital that no strategy was given, the cash sleeve, which
is all it wishes for, and whatever nobody wished for until it can be given away.

All amounts are divided by running totals (`books.parts`), so the books add up to the account exactly. Tables are
read and written in `positions`; what the account itself trades is planned in `orders`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from portfolio_pipeline.core.books.book import (
    SHARE,
    Book,
    close_session,
    equities,
    open_session,
    parts,
    to_units,
    value,
)
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.market.bars import Bar, Bars, action
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets, invested_part
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE

Wishes = Mapping[str, Mapping[str, int]]
"""Units wished for, by symbol and book; negative to be rid of them."""


@dataclass
class Ledger:
    """The account's book, and the books that share it: strategies in the order of their names, then the reserve."""

    account: Book
    books: dict[str, Book]

    @classmethod
    def opened(cls, opening: Book) -> Ledger:
        """Before the first session everything is in the reserve."""
        return cls(_copy(opening), {RESERVE: _copy(opening)})

    def admit(self, names: Iterable[str]) -> None:
        """Make room for the strategies that are given capital now; forget those that have none of anything left."""
        kept = {name for name, book in self.books.items() if book.cash or book.positions}
        everyone = sorted({*names, *kept} - {RESERVE})
        self.books = {name: self.books.get(name) or Book() for name in everyone} | {RESERVE: self.books[RESERVE]}


def _copy(book: Book) -> Book:
    return Book(book.cash, {symbol: replace(held) for symbol, held in book.positions.items()})


class BookResult(NamedTuple):
    """What a session brought a book, in cents."""

    profit_and_loss: int
    transfer: int


def currency_per_weight(targets: SessionTargets, account: Book, bars: Bars, cash_buffer: float) -> float:
    """What a weight of 1 is worth in the account, the cash buffer and what is pinned by hand left alone."""
    equity = max(account.equity, 0)
    pinned = 0.0
    if targets.pinned and equity:
        symbols = {symbol for own in targets.pinned.values() for symbol in own if symbol in bars}
        pinned = sum(value(targets.pins(symbol), bars[symbol].close) for symbol in sorted(symbols)) / equity
    return invested_part(targets.weights, cash_buffer, pinned) * equity / 100


def wishes(ledger: Ledger, targets: SessionTargets, bars: Bars, cash_buffer: float) -> dict[str, dict[str, int]]:
    """What every book would like to trade after this close. A symbol without a bar has no price to wish at."""
    scale = currency_per_weight(targets, ledger.account, bars, cash_buffer)
    held = {symbol for book in ledger.books.values() for symbol in book.positions}
    wanted = {symbol for own in (*targets.contributions.values(), *targets.pinned.values()) for symbol in own}
    found: dict[str, dict[str, int]] = {}
    for symbol in sorted(held | wanted):
        if symbol not in bars:
            continue
        per_weight = scale * targets.cut(symbol) / bars[symbol].close
        found[symbol] = {
            name: to_units(targets.contributions.get(name, {}).get(symbol, 0.0) * per_weight)
            + targets.pinned.get(name, {}).get(symbol, 0)
            - book.quantity(symbol)
            for name, book in ledger.books.items()
        }
    return found


def advance(
    ledger: Ledger,
    bars: Bars,
    fills: Sequence[Fill],
    wished: Wishes,
    shares: Mapping[str, float] | None,
    delist_after_sessions: int,
    payments: Sequence[CashFlow] = (),
) -> dict[str, BookResult]:
    """Carry all books over one session; says what it brought each of them, and the account.

    `shares` are the strategies' shares of capital at the close; None leaves capital where it is. `payments` are what
    a broker has booked beside executions: for a holding to who holds it, all else to the reserve.
    """
    ledger.admit(shares or ())
    names, books = list(ledger.books), list(ledger.books.values())
    before, account_before = equities(books), ledger.account.equity
    open_session([ledger.account], bars)
    open_session(books, bars)
    deposited = _book_payments(ledger, payments)
    by_symbol: dict[str, list[Fill]] = {}
    for fill in fills:
        by_symbol.setdefault(fill.symbol, []).append(fill)
        ledger.account.trade(fill.symbol, fill.quantity, fill.price, fill.cash)
    for symbol in sorted(by_symbol.keys() | wished.keys()):
        bar, traded = bars.get(symbol), by_symbol.get(symbol, [])
        if bar is None and not traded:
            continue
        acted = action(bars, symbol)
        ratio = acted.split_ratio if acted else 1.0
        own = wished.get(symbol, {})
        _share_out(symbol, books, [round(own.get(name, 0) * ratio) for name in names], traded, bar)
    close_session([ledger.account], bars, delist_after_sessions)
    close_session(books, bars, delist_after_sessions)
    after = equities(books)
    moved = _transfers(names, after, shares)
    for book, cash in zip(books, moved, strict=True):
        book.cash += cash
    results = {name: BookResult(after[i] - before[i], moved[i]) for i, name in enumerate(names)}
    results[RESERVE] = _deposited(results[RESERVE], deposited)
    return {ACCOUNT_BOOK: _deposited(BookResult(ledger.account.equity - account_before, 0), deposited)} | results


def _book_payments(ledger: Ledger, payments: Sequence[CashFlow]) -> int:
    """Book what was paid, and say how much of it was paid in or out."""
    books, deposited = list(ledger.books.values()), 0
    for flow in payments:
        ledger.account.cash += flow.amount
        held = [book.quantity(flow.symbol) for book in books] if flow.symbol else []
        total, amount = sum(held), flow.amount
        if total:
            for book, cents in zip(books, parts(held, lambda units: amount * units // total), strict=True):  # noqa: B023
                book.cash += cents
        else:
            ledger.books[RESERVE].cash += amount
        deposited += amount if flow.is_deposit else 0
    return deposited


def _deposited(result: BookResult, amount: int) -> BookResult:
    return BookResult(result.profit_and_loss - amount, result.transfer + amount)


def _share_out(
    symbol: str, books: Sequence[Book], wished: Sequence[int], fills: Sequence[Fill], bar: Bar | None
) -> None:
    """Give the account's trades of one symbol to the books, and let opposite wishes cross. The last book is the
    reserve.
    """
    net = sum(fill.quantity for fill in fills)
    cash = -sum(value(fill.quantity, fill.price) for fill in fills)
    commission = sum(fill.commission for fill in fills)
    side = -1 if net < 0 else 1
    along, against = [max(side * wish, 0) for wish in wished], [max(-side * wish, 0) for wish in wished]
    outside = min(sum(along), abs(net))
    crossing = min(sum(along) - outside, sum(against))
    taken, given = _pro_rata(along, outside + crossing), _pro_rata(against, crossing)
    amounts = [side * (more - less) for more, less in zip(taken, given, strict=True)]
    amounts[-1] += side * (abs(net) - outside)
    if net:
        price = abs(cash / net) * SHARE / 100
        paid = parts(amounts, lambda units: (2 * cash * units + net) // (2 * net))
    else:
        price = bar.open if bar else fills[-1].price
        paid = parts(amounts, lambda units: -value(units, price))
        paid[-1] += cash
    for index, fee in enumerate(_pro_rata([max(side * units, 0) for units in amounts], commission)):
        paid[index] -= fee
    for book, units, received in zip(books, amounts, paid, strict=True):
        if units or received:
            book.trade(symbol, units, price, received)


def _pro_rata(sizes: Sequence[int], amount: int) -> list[int]:
    """`amount` in proportion to `sizes`; all of it to the last one where there is nobody to share it."""
    total = sum(sizes)
    if not total:
        return [0] * (len(sizes) - 1) + [amount]
    return parts(sizes, lambda running: amount * running // total)


def _transfers(names: Sequence[str], equity: Sequence[int], shares: Mapping[str, float] | None) -> list[int]:
    """The capital each book gets so that it has its share of the whole; the reserve takes what is left."""
    if shares is None:
        return [0] * len(names)
    whole = sum(equity)
    moved = [round(shares.get(name, 0.0) * whole) - own for name, own in zip(names, equity, strict=True)]
    moved[-1] = -sum(moved[:-1])
    return moved
