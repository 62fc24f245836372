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
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from portfolio_pipeline.core.books.book import (
    SHARE,
    Book,
    TurnedIntoCash,
    close_session,
    equities,
    open_session,
    parts,
    pro_rata,
    to_units,
    value,
)
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.exchanges import Exchange, carry_out, exchanges_of
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.trades import Received, of_account, of_books, of_orders
from portfolio_pipeline.core.books.unclaimed import NOTHING_OUTSIDE, Outside, settle_outside, trade_outside
from portfolio_pipeline.core.market.bars import Bar, Bars, action
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets, invested_part
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE, UNCLAIMED

Wishes = Mapping[str, Mapping[str, int]]
"""Units wished for, by symbol and book; negative to be rid of them."""


@dataclass
class Ledger:
    """The account's book, and the books that share it: strategies in the order of their names, then the reserve; and
    beside them what others put into the account.
    """

    account: Book
    books: dict[str, Book]
    unclaimed: Book = field(default_factory=Book)

    @property
    def capital(self) -> int:
        """What there is to share out, in cents."""
        return self.account.equity - self.unclaimed.equity

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


def currency_per_weight(targets: SessionTargets, capital: int, bars: Bars, cash_buffer: float) -> float:
    """What a weight of 1 of the capital is worth, the cash buffer and what is pinned by hand left alone."""
    equity = max(capital, 0)
    pinned = 0.0
    if targets.pinned and equity:
        symbols = {symbol for own in targets.pinned.values() for symbol in own if symbol in bars}
        pinned = sum(value(targets.pins(symbol), bars[symbol].close) for symbol in sorted(symbols)) / equity
    return invested_part(targets.weights, cash_buffer, pinned) * equity / 100


def wishes(ledger: Ledger, targets: SessionTargets, bars: Bars, cash_buffer: float) -> dict[str, dict[str, int]]:
    """What every book would like to trade after this close. A symbol without a bar has no price to wish at."""
    scale = currency_per_weight(targets, ledger.capital, bars, cash_buffer)
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
    outside: Outside = NOTHING_OUTSIDE,
    received: list[Received] | None = None,
    exchanged: list[Exchange] | None = None,
) -> dict[str, BookResult]:
    """Carry all books over one session; says what it brought each of them, and the account.

    `shares` are the strategies' shares of capital at the close; None leaves capital where it is. `payments` are what
    a broker has booked beside executions: for a holding to who holds it, all else to the reserve. `outside` is what
    others did; `fills` are our own. What the account and the books trade is added to `received`, holdings that became
    others to `exchanged`.
    """
    received = [] if received is None else received
    ledger.admit(shares or ())
    names, books = list(ledger.books), list(ledger.books.values())
    if outside or ledger.unclaimed.positions:
        names, books = [*names, UNCLAIMED], [*books, ledger.unclaimed]
    bars = outside.bars(bars)
    before, account_before = equities(books), ledger.account.equity
    open_session([ledger.account], bars)
    open_session(books, bars)
    for one in (turned := exchanges_of(payments, ledger.account.quantity)):
        received += carry_out(one, [ACCOUNT_BOOK], [ledger.account])
        received += carry_out(one, names, books)
    if exchanged is not None:
        exchanged += turned
    if turned:  # nobody trades what is gone, among the books either
        gone_symbols = {one.symbol for one in turned}
        wished = {symbol: own for symbol, own in wished.items() if symbol not in gone_symbols}
    booked = frozenset(flow for one in turned for flow in one.flows)
    deposited = _book_payments(ledger, books, [flow for flow in payments if flow.flow_id not in booked])
    received += trade_outside(ledger.account, ledger.unclaimed, outside.fills)
    by_symbol: dict[str, list[Fill]] = {}
    for fill in fills:
        by_symbol.setdefault(fill.symbol, []).append(fill)
        received.append(of_account(ACCOUNT_BOOK, fill, *_held(ledger.account, fill.symbol)))
        ledger.account.trade(fill.symbol, fill.quantity, fill.price, fill.cash)
    for symbol in sorted(by_symbol.keys() | wished.keys()):
        bar, traded = bars.get(symbol), by_symbol.get(symbol, [])
        if bar is None and not traded:
            continue
        acted = action(bars, symbol)
        ratio = acted.split_ratio if acted else 1.0
        own = wished.get(symbol, {})
        wanted = [round(own.get(name, 0) * ratio) for name in ledger.books]
        received += _share_out(symbol, names[: len(wanted)], books[: len(wanted)], wanted, traded, bar)
    gone = close_session([ledger.account], bars, delist_after_sessions)
    received += [_turned_into_cash(ACCOUNT_BOOK, one) for one in gone]
    received += [_turned_into_cash(names[one.book], one) for one in close_session(books, bars, delist_after_sessions)]
    settled = settle_outside(ledger.account, ledger.books[RESERVE], ledger.unclaimed, outside)
    received += settled.received
    _mark_alike(ledger.account, books, bars)
    after = equities(books)
    moved = _transfers(list(ledger.books), after[: len(ledger.books)], shares)
    for book, cash in zip(ledger.books.values(), moved, strict=True):
        book.cash += cash
    moved += [0] * (len(names) - len(moved))
    results = {name: BookResult(after[i] - before[i], moved[i]) for i, name in enumerate(names)}
    if UNCLAIMED in names:
        results[UNCLAIMED] = _deposited(BookResult(after[-1] - before[-1], 0), settled.arrived - settled.cash)
        results[RESERVE] = _deposited(results[RESERVE], settled.cash)
    results[RESERVE] = _deposited(results[RESERVE], deposited)
    brought = BookResult(ledger.account.equity - account_before, 0)
    return {ACCOUNT_BOOK: _deposited(brought, deposited + settled.arrived)} | results


def _mark_alike(account: Book, books: Iterable[Book], bars: Bars) -> None:
    """Where there is no bar, what was traded stands at what was paid, in one book at another price than in the next:
    the account's mark is everybody's.
    """
    for symbol, held in account.positions.items():
        for book in books:
            if symbol not in bars and symbol in book.positions:
                book.positions[symbol].price = held.price
                book.positions[symbol].sessions_without_bar = held.sessions_without_bar


def _book_payments(ledger: Ledger, books: Sequence[Book], payments: Sequence[CashFlow]) -> int:
    """Book what was paid, and say how much of it was paid in or out."""
    deposited = 0
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
    symbol: str,
    names: Sequence[str],
    books: Sequence[Book],
    wished: Sequence[int],
    fills: Sequence[Fill],
    bar: Bar | None,
) -> list[Received]:
    """Give the account's trades of one symbol to the books, let opposite wishes cross, and say who received what.

    The last book is the reserve.
    """
    net = sum(fill.quantity for fill in fills)
    cash = -sum(value(fill.quantity, fill.price) for fill in fills)
    commission = sum(fill.commission for fill in fills)
    side = -1 if net < 0 else 1
    along, against = [max(side * wish, 0) for wish in wished], [max(-side * wish, 0) for wish in wished]
    outside = min(sum(along), abs(net))
    crossing = min(sum(along) - outside, sum(against))
    if not fills and not crossing:
        return []
    taken, given = pro_rata(along, outside + crossing), pro_rata(against, crossing)
    amounts = [side * (more - less) for more, less in zip(taken, given, strict=True)]
    amounts[-1] += side * (abs(net) - outside)
    if net:
        price = abs(cash / net) * SHARE / 100
        paid = parts(amounts, lambda units: (2 * cash * units + net) // (2 * net))
    else:
        price = bar.open if bar else fills[-1].price
        paid = parts(amounts, lambda units: -value(units, price))
    fees = pro_rata([max(side * units, 0) for units in amounts], commission)
    executed = pro_rata(taken, outside) if crossing else list(taken)
    executed[-1] += abs(net) - outside
    crossed = [units - side * own for units, own in zip(amounts, executed, strict=True)]
    held = [(name, *_held(book, symbol)) for name, book in zip(names, books, strict=True)]
    received = of_books(symbol, side, held, of_orders(net, fills), executed, crossed, paid, fees, price)
    if fills and not net:
        received.append(_left_over(symbol, fills[-1], held[-1], cash, 0 if amounts[-1] else fees[-1]))
        paid[-1] += cash
    for book, units, money, fee in zip(books, amounts, paid, fees, strict=True):
        if units or money - fee:
            book.trade(symbol, units, price, money - fee)
    return received


def _held(book: Book, symbol: str) -> tuple[int, float]:
    position = book.positions.get(symbol)
    return (position.quantity, position.average_cost) if position else (0, 0.0)


def _left_over(symbol: str, last: Fill, reserve: tuple[str, int, float], cash: int, fee: int) -> Received:
    """What executions that cancel each other have left: it goes to the reserve, and no shares with it."""
    name, held, average = reserve
    order, at = last.client_order_id, last.filled_at
    return Received(name, symbol, order, False, 0, last.price, cash, fee, at, held, average)


def _turned_into_cash(name: str, gone: TurnedIntoCash) -> Received:
    held = gone.position
    terms = -held.quantity, held.price, gone.cash, 0, None, held.quantity, held.average_cost
    return Received(name, gone.symbol, None, False, *terms)


def _transfers(names: Sequence[str], equity: Sequence[int], shares: Mapping[str, float] | None) -> list[int]:
    """The capital each book gets so that it has its share of the whole; the reserve takes what is left."""
    if shares is None:
        return [0] * len(names)
    whole = sum(equity)
    moved = [round(shares.get(name, 0.0) * whole) - own for name, own in zip(names, equity, strict=True)]
    moved[-1] = -sum(moved[:-1])
    return moved
