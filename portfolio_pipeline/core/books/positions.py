"""Positions and account at each close, and the trades that led there: of the account and of every book that shares it.
Tables in, tables out.

Computed from fills, prices and the state of the session before, without asking the broker, so that the two can be
compared. How a session changes books is in `book` and `strategy_books`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Any

import pandas as pd

from portfolio_pipeline.core.books.book import (
    Book,
    Position,
    market_values,
    to_cents,
    to_currency,
    to_shares,
    to_units,
    value,
)
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.exchanges import Exchange
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.strategy_books import BookResult, Ledger, advance, wishes
from portfolio_pipeline.core.books.trades import Entries, Received, trade_rows
from portfolio_pipeline.core.books.unclaimed import NOTHING_OUTSIDE, Outside
from portfolio_pipeline.core.market.bars import NO_BARS, Bars, without_actions
from portfolio_pipeline.core.portfolio.session_targets import NO_TARGETS, SessionTargets
from portfolio_pipeline.core.tables import ACCOUNT, POSITIONS, SHARE_EXCHANGES, TRADES
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE, UNCLAIMED

Instructed = Callable[[date, SessionTargets, Ledger, Bars], SessionTargets]
"""A session's targets with what people have said by hand, given the books at its close."""


def as_they_are(session: date, targets: SessionTargets, ledger: Ledger, bars: Bars) -> SessionTargets:
    """Nobody has said anything by hand."""
    return targets


@dataclass(frozen=True)
class Holdings:
    """Rows of the tables positions, account, trades and share_exchanges."""

    positions: pd.DataFrame
    account: pd.DataFrame
    trades: pd.DataFrame
    exchanges: pd.DataFrame


def stored_ledger(positions: pd.DataFrame, account: pd.DataFrame) -> Ledger:
    """The books as one session's rows of the two tables have them."""
    books: dict[str, Book] = {row["book"]: Book(to_cents(row["cash"])) for row in account.to_dict("records")}
    for row in positions.to_dict("records"):
        books[row["book"]].positions[row["symbol"]] = Position(
            to_units(row["quantity"]), row["average_cost"], row["price"], row["sessions_without_bar"]
        )
    whole, reserve, unclaimed = books.pop(ACCOUNT_BOOK), books.pop(RESERVE), books.pop(UNCLAIMED, Book())
    return Ledger(whole, {name: books[name] for name in sorted(books)} | {RESERVE: reserve}, unclaimed)


def hold(
    sessions: Iterable[date],
    ledger: Ledger | None,
    before: date | None,
    fills: Mapping[date, Sequence[Fill]],
    bars: Mapping[date, Bars],
    targets: Mapping[date, SessionTargets],
    shares: Mapping[date, Mapping[str, float]],
    *,
    opening: Book,
    cash_buffer: float,
    delist_after_sessions: int,
    payments: Mapping[date, Sequence[CashFlow]] = MappingProxyType({}),
    instructed: Instructed = as_they_are,
    outside: Mapping[date, Outside] = MappingProxyType({}),
    entries: Entries = MappingProxyType({}),
) -> Holdings:
    """Carry all books over the sessions. `ledger` are the books at the close of `before`; None opens a new account
    with what is in `opening` at the first close. What others did in the account is `outside`.

    `targets` and `bars` also hold `before`: at its close the books said what they wanted to trade in the first session.
    `entries` say since when what they held then had been held.
    A session without shares of capital leaves capital where it is.
    """
    rows = _Rows(entries, ledger)
    deposit = 0
    asked = NO_TARGETS if before is None else targets.get(before, NO_TARGETS)
    if ledger is None:
        deposit = opening.equity
        ledger, wished = Ledger.opened(opening), {}
    else:
        assert before is not None
        seen = bars.get(before, NO_BARS)
        asked = instructed(before, asked, ledger, seen)
        wished = wishes(ledger, asked, seen, cash_buffer)
    for session in sessions:
        today = bars.get(session, NO_BARS)
        received: list[Received] = []
        exchanged: list[Exchange] = []
        results = advance(
            ledger,
            without_actions(today) if deposit else today,  # opened at this close: nobody had anything before
            fills.get(session, ()),
            wished,
            shares.get(session),
            delist_after_sessions,
            payments.get(session, ()),
            outside.get(session, NOTHING_OUTSIDE),
            received,
            exchanged,
        )
        if deposit:
            for name in (ACCOUNT_BOOK, RESERVE):
                results[name] = results[name]._replace(transfer=results[name].transfer + deposit)
            deposit = 0
        rows.add(session, ledger, results)
        rows.exchanges += [_exchange_row(session, one) for one in exchanged]
        rows.add_trades(session, ledger, received, partial(_reason, asked, {one.symbol: one.kind for one in exchanged}))
        asked = instructed(session, targets.get(session, NO_TARGETS), ledger, today)
        wished = wishes(ledger, asked, today, cash_buffer)
    return Holdings(
        pd.DataFrame(rows.positions, columns=list(POSITIONS.column_names)),
        pd.DataFrame(rows.account, columns=list(ACCOUNT.column_names)),
        pd.DataFrame(rows.trades, columns=list(TRADES.column_names)),
        pd.DataFrame(rows.exchanges, columns=list(SHARE_EXCHANGES.column_names)),
    )


def _exchange_row(session: date, one: Exchange) -> tuple[Any, ...]:
    became = one.into, to_shares(one.into_units), to_currency(one.amount)
    return (session, one.symbol, one.kind, to_shares(one.units), *became)


def _reason(
    targets: SessionTargets,
    exchanged: Mapping[str, str],
    book: str,
    symbol: str,
    order: str | None,
    crossed: bool,
) -> str:
    """Why a book traded: its part of what the targets asked for at the close before."""
    if order is None and not crossed and symbol in exchanged:
        return f"turned into cash by the broker: {exchanged[symbol]}"
    if order is None and not crossed:
        return "no longer traded: turned into cash at its last price"
    cut = f" (cut: {targets.reasons[symbol]})" if symbol in targets.reasons else ""
    if book == ACCOUNT_BOOK:
        return f"want {targets.weights.get(symbol, 0.0):.2%} of equity{cut}"
    wanted = targets.contributions.get(book, {}).get(symbol, 0.0)
    if not wanted:
        return "what no strategy wished for" if book == RESERVE else "not wanted"
    return f"want {wanted * targets.cut(symbol):.2%} of the account's equity{cut}"


def _is_long(ledger: Ledger) -> dict[tuple[str, str], bool]:
    """What is held, by book and symbol, and on which side."""
    books = {ACCOUNT_BOOK: ledger.account, **ledger.books, UNCLAIMED: ledger.unclaimed}
    return {
        (name, symbol): held.quantity > 0 for name, book in books.items() for symbol, held in book.positions.items()
    }


class _Rows:
    """The rows of the tables, gathered session by session; `entries` are since when what is held has been held."""

    def __init__(self, entries: Entries, ledger: Ledger | None) -> None:
        self.positions: list[tuple[Any, ...]] = []
        self.account: list[tuple[Any, ...]] = []
        self.trades: list[tuple[Any, ...]] = []
        self.exchanges: list[tuple[Any, ...]] = []
        self._entries, self._long = dict(entries), _is_long(ledger) if ledger else {}

    def add(self, session: date, ledger: Ledger, results: Mapping[str, BookResult]) -> None:
        self._add(session, [ACCOUNT_BOOK], [ledger.account], results)
        books = ledger.books | ({UNCLAIMED: ledger.unclaimed} if UNCLAIMED in results else {})
        self._add(session, list(books), list(books.values()), results)

    def add_trades(
        self,
        session: date,
        ledger: Ledger,
        received: Sequence[Received],
        reason: Callable[[str, str, str | None, bool], str],
    ) -> None:
        long = _is_long(ledger)
        self.trades += trade_rows(session, received, self._entries, lambda *which: long.get(which), reason)
        same = {which for which, side in long.items() if self._long.get(which) == side}
        self._entries = {which: self._entries.get(which, session) if which in same else session for which in long}
        self._long = long

    def _add(
        self, session: date, names: Sequence[str], books: Sequence[Book], results: Mapping[str, BookResult]
    ) -> None:
        worth: list[list[int]] = [[] for _ in books]
        for symbol in sorted({symbol for book in books for symbol in book.positions}):
            price = next(book.positions[symbol].price for book in books if symbol in book.positions)
            for index, cents in enumerate(market_values(books, symbol, price)):
                if symbol in books[index].positions:
                    held = books[index].positions[symbol]
                    worth[index].append(cents)
                    gain = cents - value(held.quantity, held.average_cost)
                    self.positions.append(
                        (
                            *(session, names[index], symbol, to_shares(held.quantity), held.average_cost, price),
                            *(to_currency(cents), to_currency(gain), held.sessions_without_bar),
                        )
                    )
        for name, book, values in zip(names, books, worth, strict=True):
            equity = book.cash + sum(values)
            gross = sum(map(abs, values)) / equity if equity > 0 else 0.0
            net = sum(values) / equity if equity > 0 else 0.0
            result = results[name]
            self.account.append(
                (
                    *(session, name, to_currency(equity), to_currency(book.cash), gross, net),
                    *(to_currency(result.profit_and_loss), to_currency(result.transfer)),
                )
            )


def books_that_do_not_add_up(positions: pd.DataFrame, account: pd.DataFrame) -> pd.DataFrame:
    """Where the strategies' books and the reserve together are not the account: rows of session, what, symbol, amounts.

    Quantities are compared to a millionth of a share, money to the cent.
    """
    quantities = _against_account(positions.groupby(["session", "symbol", "book"])["quantity"].sum(), 5e-7, "quantity")
    money = [
        _against_account(account.assign(symbol="").groupby(["session", "symbol", "book"])[column].sum(), 0.005, column)
        for column in ("equity", "cash", "profit_and_loss", "transfer")
    ]
    found = [part for part in (quantities, *money) if len(part)]
    return pd.concat(found, ignore_index=True) if found else quantities


def _against_account(values: pd.Series, tolerance: float, what: str) -> pd.DataFrame:
    by_book = values.reset_index(name="amount").pivot_table(
        index=["session", "symbol"], columns="book", values="amount", fill_value=0.0, aggfunc="sum"
    )
    whole = by_book[ACCOUNT_BOOK] if ACCOUNT_BOOK in by_book else pd.Series(0.0, index=by_book.index)
    books = by_book.drop(columns=[ACCOUNT_BOOK], errors="ignore").sum(axis=1)
    wrong = (whole - books).abs() > tolerance
    table = pd.DataFrame({"what": what, "account": whole[wrong], "books": books[wrong]}).reset_index()
    return table[["session", "what", "symbol", "account", "books"]]
