"""Shares that became others, or cash: nobody gains or loses by another name, and what is not told in full is not done.

What comes out is held against plain sums over all books.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position, value
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.exchanges import Exchange, exchanges_of
from portfolio_pipeline.core.books.positions import hold
from portfolio_pipeline.core.books.strategy_books import Ledger, advance
from portfolio_pipeline.core.books.trades import Received
from portfolio_pipeline.core.calendar.sessions import next_session, previous_session
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.tables import SHARE_EXCHANGES, TRADES
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE
from portfolio_pipeline.core.tables.rows import checked

DAY = date(2026, 3, 6)
Flow = tuple[str, str | None, float, float]


def flows(*told: Flow) -> list[CashFlow]:
    return [
        CashFlow(DAY, f"f{place}", kind, round(amount * 100), symbol, "", round(shares * SHARE))
        for place, (kind, symbol, shares, amount) in enumerate(told)
    ]


def ledger(held: dict[str, int], paid: dict[str, float]) -> Ledger:
    """Of OLD at 20; the account has paid on average what its books have."""
    books = {
        name: Book(100_00, {"OLD": Position(units, paid[name], 20.0)} if units else {}) for name, units in held.items()
    }
    total = sum(held.values())
    cost = sum(units * paid[name] for name, units in held.items()) / total
    return Ledger(Book(100_00 * len(books), {"OLD": Position(total, cost, 20.0)}), books)


def carried(books: Ledger, *told: Flow) -> tuple[list[Received], list[Exchange]]:
    received: list[Received] = []
    exchanged: list[Exchange] = []
    advance(books, {}, [], {}, None, 9, flows(*told), received=received, exchanged=exchanged)
    return received, exchanged


some = st.dictionaries(st.sampled_from(["alpha", "beta", RESERVE]), st.integers(1, 10**9), min_size=1)


@settings(deadline=None)
@given(some, st.sampled_from([1, -1]), st.sampled_from([1.0, 2.0, 0.5, 0.1, 3.0]), st.integers(0, 50_000))
def test_everybody_has_their_part_of_what_it_became_at_what_it_had_cost(
    held: dict[str, int], side: int, ratio: float, cents: int
) -> None:
    held = {RESERVE: 0, **{name: side * units for name, units in held.items()}}
    paid = dict(zip(held, (11.0, 12.5, 30.0), strict=False))
    books, total = ledger(held, paid), sum(held.values())
    came = round(total * ratio)
    if not came:
        return
    equity, cash = books.account.equity, books.account.cash
    told = [("MA", "OLD", -total / SHARE, 0.0), ("MA", "NEW", came / SHARE, 0.0), ("MA", "OLD", 0.0, cents / 100)]
    received, [one] = carried(books, *told)
    assert (one.units, one.into, one.into_units, one.amount, received) == (total, "NEW", came, cents, [])
    assert "OLD" not in books.account.positions
    assert books.account.quantity("NEW") == came == sum(book.quantity("NEW") for book in books.books.values())
    assert books.account.cash == cash + cents == sum(book.cash for book in books.books.values())
    assert books.account.equity == pytest.approx(equity + cents, abs=2 + abs(total) * 1e-9)
    for name, units in held.items():
        now = books.books[name].positions.get("NEW")
        assert (0 if now is None else now.quantity) == pytest.approx(units * came / total, abs=1)
        if now is not None and abs(now.quantity) > SHARE:
            cost = now.average_cost * now.quantity
            assert cost == pytest.approx(units * paid[name], abs=40 * max(1, total / came))


def test_money_for_shares_is_a_sale_of_all_of_them() -> None:
    books = ledger({"alpha": 30 * SHARE, "beta": 10 * SHARE, RESERVE: 0}, {"alpha": 10.0, "beta": 22.0, RESERVE: 0.0})
    received, [one] = carried(books, ("MA", "OLD", 0.0, 900.0), ("MA", "OLD", -40.0, 0.0))
    assert (one.into, one.amount) == (None, 900_00)
    assert {name: book.cash for name, book in books.books.items()} == {
        "alpha": 100_00 + 675_00,
        "beta": 100_00 + 225_00,
        RESERVE: 100_00,
    }
    assert not books.account.positions
    sold = {row.book: (row.units, row.gross, row.gross + value(row.units, row.average)) for row in received}
    assert sold == {
        ACCOUNT_BOOK: (-40 * SHARE, 900_00, 380_00),
        "alpha": (-30 * SHARE, 675_00, 375_00),
        "beta": (-10 * SHARE, 225_00, 5_00),
    }


def test_books_do_not_trade_among_them_what_is_gone() -> None:
    books = ledger({"alpha": 30 * SHARE, "beta": 10 * SHARE, RESERVE: 0}, {"alpha": 10.0, "beta": 22.0, RESERVE: 0.0})
    wished = {"OLD": {"alpha": -5 * SHARE, "beta": 5 * SHARE, RESERVE: 0}}
    told = flows(("MA", "OLD", 0.0, 900.0), ("MA", "OLD", -40.0, 0.0))
    advance(books, {"OLD": Bar(20.0, 20.0, 20.0, 20.0)}, [], wished, None, 9, told)
    assert not any(book.positions for book in (books.account, *books.books.values()))


def test_what_becomes_a_symbol_that_is_held_already_joins_it() -> None:
    books = ledger({"alpha": 10 * SHARE, RESERVE: 0}, {"alpha": 20.0, RESERVE: 0.0})
    for book in (books.account, books.books["alpha"]):
        book.positions["NEW"] = Position(10 * SHARE, 40.0, 44.0)
    carried(books, ("MA", "OLD", -10.0, 0.0), ("MA", "NEW", 5.0, 0.0))
    now = books.books["alpha"].positions["NEW"]
    assert (now.quantity, now.average_cost, now.price) == (15 * SHARE, 40.0, 44.0)


HELD = {"OLD": 10 * SHARE, "TWO": 10 * SHARE, "SHT": -3 * SHARE}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("NC", "OLD", -10, 0), ("NC", "NEW", 10, 0)], {"OLD": "NEW"}),
        ([("SC", "SHT", 3, 0), ("SC", "NEW", -3, 0)], {"SHT": "NEW"}),
        ([("NC", "OLD", -10, 0), ("NC", "OLD", 10, 0)], {}),  # another number of the same paper
        ([("REORG", "OLD", -10, 0)], {"OLD": None}),  # worthless
        (
            [("MA", "OLD", -10, 0), ("MA", "OLD", 0, 5), ("MA", "TWO", -10, 0), ("MA", "TWO", 0, 9)],
            {"OLD": None, "TWO": None},
        ),
        ([("NC", "OLD", -10, 0), ("SC", "NEW", 10, 0)], {"OLD": "NEW"}),
        # Not told in full, or of which nobody can say what belongs together.
        ([("MA", "OLD", -10, 0)], {}),
        ([("MA", "OLD", -4, 0), ("MA", "NEW", 4, 0)], {}),
        ([("NC", "OLD", -10, 0), ("NC", "NEW", 9, 0)], {}),
        ([("NC", "OLD", -10, 0), ("NC", "NEW", 10, 0), ("NC", "TWO", -10, 0), ("NC", "OTH", 10, 0)], {}),
        ([("MA", "OLD", -10, 0), ("MA", "TWO", -10, 0), ("MA", "NEW", 7, 0)], {}),
        ([("MA", "OLD", -10, 0), ("MA", None, 0, 50)], {}),
        ([("SPIN", "NEW", 2, 0)], {}),
        ([("MA", "XXX", -10, 0), ("MA", "XXX", 0, 5)], {}),
    ],
)
def test_only_what_is_told_beyond_doubt_is_done(told: list[Flow], expected: dict[str, str | None]) -> None:
    found = exchanges_of(flows(*told), lambda symbol: HELD.get(symbol, 0))
    assert {one.symbol: one.into for one in found} == expected


def test_over_sessions_each_exchange_is_a_row_and_what_became_cash_says_so() -> None:
    """Half of the shares became others, then these were paid out."""
    next_day = next_session(DAY)
    known = ledger({"alpha": 6 * SHARE, RESERVE: 0}, {"alpha": 10.0, RESERVE: 0.0})
    merged = flows(("MA", "OLD", -6.0, 0.0), ("MA", "NEW", 3.0, 0.0), ("MA", "OLD", 0.0, 1.5))
    paid_out = flows(("MA", "NEW", -3.0, 0.0), ("MA", "NEW", 0.0, 120.0))
    found = hold(
        (DAY, next_day),
        known,
        previous_session(DAY),
        {},
        {DAY: {}, next_day: {}},
        {},
        {},
        opening=Book(),
        cash_buffer=0.0,
        delist_after_sessions=9,
        payments={DAY: merged, next_day: [replace(one, session=next_day) for one in paid_out]},
    )
    rows = checked(SHARE_EXCHANGES, found.exchanges).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (DAY, "OLD", "MA", 6.0, "NEW", 3.0, 1.5),
        (next_day, "NEW", "MA", 3.0, None, 0.0, 120.0),
    ]
    trades = checked(TRADES, found.trades).to_pylist()
    assert [(row["book"], row["side"], row["quantity"], row["value"], row["reason"]) for row in trades] == [
        (book, "sell", 3.0, 120.0, "turned into cash by the broker: MA") for book in (ACCOUNT_BOOK, "alpha")
    ]
    cash = found.account[found.account["session"] == next_day].set_index("book")["cash"]
    assert cash["alpha"] == cash[ACCOUNT_BOOK] - cash[RESERVE] == 100.0 + 1.5 + 120.0
