"""Books: what splits, dividends, trades and delistings do to them, and that nothing is ever lost between several."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import (
    SHARE,
    AccountSnapshot,
    Book,
    Holding,
    Position,
    close_session,
    equities,
    open_session,
    parts,
    to_cents,
    to_currency,
    to_shares,
    to_units,
    value,
)
from portfolio_pipeline.core.market.bars import Action, Bar, SessionBars

DELIST_AFTER = 3


def holding(shares: float, cost: float = 10.0, price: float = 10.0, missed: int = 0) -> Position:
    return Position(to_units(shares), cost, price, missed)


def test_a_split_and_a_dividend_reach_the_holder_at_the_open() -> None:
    book = Book(0, {"AAA": holding(10, cost=90.0, price=99.0)})
    open_session([book], {"AAA": Bar(33.0, 33.0, 33.0, 33.0, 0.0, 0.5, 3.0)})
    held = book.positions["AAA"]
    assert (to_shares(held.quantity), held.average_cost, held.price) == (30.0, 30.0, 33.0)
    assert book.cash == to_cents(30 * 0.5)


def test_a_split_and_a_dividend_reach_the_holder_without_a_bar() -> None:
    book, bars = Book(0, {"AAA": holding(10, cost=90.0, price=99.0)}), SessionBars()
    bars.actions["AAA"] = Action(0.5, 3.0)
    open_session([book], bars)
    close_session([book], bars, DELIST_AFTER)
    held = book.positions["AAA"]
    assert (to_shares(held.quantity), held.average_cost, held.price) == (30.0, 30.0, 33.0)
    assert held.sessions_without_bar == 1
    assert book.cash == to_cents(30 * 0.5)


def test_who_is_short_pays_the_dividend() -> None:
    book = Book(1_000, {"AAA": holding(-4)})
    open_session([book], {"AAA": Bar(10.0, 10.0, 10.0, 10.0, 0.0, 0.25, 1.0)})
    assert book.cash == 1_000 - 100


@pytest.mark.parametrize(
    ("trades", "quantity", "cost"),
    [
        ([(10, 20.0)], 10, 20.0),
        ([(10, 20.0), (30, 40.0)], 40, 35.0),
        ([(10, 20.0), (-4, 99.0)], 6, 20.0),
        ([(10, 20.0), (-15, 30.0)], -5, 30.0),
        ([(-10, 20.0), (-10, 10.0)], -20, 15.0),
        ([(10, 20.0), (-10, 30.0)], 0, None),
        ([(-10, 20.0), (4, 5.0)], -6, 20.0),
        ([(-10, 20.0), (11, 5.0)], 1, 5.0),
    ],
)
def test_average_cost_is_that_of_what_is_still_held(
    trades: list[tuple[int, float]], quantity: int, cost: float | None
) -> None:
    book = Book()
    for shares, price in trades:
        book.trade("AAA", shares * SHARE, price, -value(shares * SHARE, price))
    assert book.quantity("AAA") == quantity * SHARE
    assert (book.positions["AAA"].average_cost if quantity else None) == cost


def test_a_symbol_without_bars_keeps_its_last_price_and_then_becomes_cash() -> None:
    book = Book(0, {"AAA": holding(10, price=12.34)})
    for missed in range(1, DELIST_AFTER):
        close_session([book], {}, DELIST_AFTER)
        assert (book.positions["AAA"].price, book.positions["AAA"].sessions_without_bar) == (12.34, missed)
    close_session([book], {}, DELIST_AFTER)
    assert (book.cash, book.positions) == (12_340, {})


def test_a_bar_starts_the_count_of_missed_sessions_anew() -> None:
    book = Book(0, {"AAA": holding(10, missed=DELIST_AFTER - 1)})
    close_session([book], {"AAA": Bar(11.0, 11.0, 11.0, 11.0)}, DELIST_AFTER)
    assert (book.positions["AAA"].price, book.positions["AAA"].sessions_without_bar) == (11.0, 0)


@examples(max_examples=200, deadline=None)
@given(
    amounts=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=6),
    price=st.floats(0.01, 10_000, allow_nan=False),
)
def test_parts_add_up_to_the_whole_and_are_each_within_a_rounding(amounts: list[int], price: float) -> None:
    shared = parts(amounts, lambda units: value(units, price))
    assert sum(shared) == value(sum(amounts), price)
    for amount, part in zip(amounts, shared, strict=True):
        assert abs(part - amount * price / 10_000) <= 1 + 1e-9 * abs(amount * price / 10_000)


@examples(max_examples=150, deadline=None)
@given(
    quantities=st.lists(st.integers(-(10**10), 10**10), min_size=2, max_size=5),
    split=st.sampled_from([1.0, 2.0, 0.1, 1.5, 1 / 3, 20.0]),
    dividend=st.one_of(st.just(0.0), st.floats(0.0001, 5)),
    price=st.floats(0.5, 2_000),
    missing=st.booleans(),
    earned=st.sampled_from([0.0, 0.0003, -0.0001]),
)
def test_books_that_share_an_account_go_through_a_session_as_one(
    quantities: list[int], split: float, dividend: float, price: float, missing: bool, earned: float
) -> None:
    books = [Book(99_999 - 3 * q, {"AAA": Position(q, 1.0, price, DELIST_AFTER - 1)} if q else {}) for q in quantities]
    total = sum(quantities)
    whole = Book(
        sum(book.cash for book in books), {"AAA": Position(total, 1.0, price, DELIST_AFTER - 1)} if total else {}
    )
    bars = SessionBars({} if missing else {"AAA": Bar(price, price, price, price / split, 0.0, dividend, split)})
    bars.cash_return = earned
    for together in ([whole], books):
        open_session(together, bars)
        close_session(together, bars, DELIST_AFTER)
    assert sum(book.cash for book in books) == whole.cash
    assert sum(book.quantity("AAA") for book in books) == whole.quantity("AAA")
    assert sum(equities(books)) == whole.equity == equities([whole])[0]


@examples(max_examples=200, deadline=None)
@given(st.integers(-(10**15), 10**15))
def test_what_goes_through_a_door_comes_back_unchanged(amount: int) -> None:
    assert to_cents(to_currency(amount)) == amount
    assert to_units(to_shares(amount)) == amount


@pytest.mark.parametrize(("first", "then"), [(1, -3), (-3, 4), (-1, 3), (3, -4)])
def test_a_book_that_changes_sides_by_the_smallest_amount_has_the_new_price(first: int, then: int) -> None:
    book = Book()
    book.trade("AAA", first, 20.0, 0)
    book.trade("AAA", then, 30.0, 0)
    assert book.positions["AAA"] == Position(first + then, 30.0, 20.0)


def test_cash_earns_before_the_open_and_who_owes_pays_to_the_cent() -> None:
    rich, poor, bars = Book(1_000_000), Book(-500_000), SessionBars()
    bars.cash_return = 0.000123
    open_session([rich, poor], bars)
    assert (rich.cash, poor.cash) == (1_000_123, -500_061)
    together = Book(500_000)
    open_session([together], bars)
    assert together.cash == rich.cash + poor.cash


def test_every_symbol_gets_its_own_split_and_dividend_and_a_dividend_of_one_is_one() -> None:
    book = Book(0, {symbol: holding(10) for symbol in ("AAA", "BBB", "CCC", "DDD")})
    quiet, paying = Bar(10.0, 10.0, 10.0, 10.0), Bar(10.0, 10.0, 10.0, 10.0, 0.0, 1.0)
    open_session([book], {"BBB": quiet, "CCC": paying, "DDD": Bar(5.0, 5.0, 5.0, 5.0, 0.0, 0.0, 2.0)})
    assert book.cash == 10_00
    assert {symbol: to_shares(held.quantity) for symbol, held in book.positions.items()} == {
        "AAA": 10.0,
        "BBB": 10.0,
        "CCC": 10.0,
        "DDD": 20.0,
    }


def test_what_a_split_leaves_less_than_the_smallest_amount_of_is_gone() -> None:
    book = Book(0, {"AAA": Position(4, 10.0, 10.0), "BBB": Position(6, 10.0, 10.0)})
    tenth = Bar(100.0, 100.0, 100.0, 100.0, 0.0, 0.0, 0.1)
    open_session([book], {"AAA": tenth, "BBB": tenth})
    assert {symbol: held.quantity for symbol, held in book.positions.items()} == {"BBB": 1}


def test_what_only_the_second_of_two_books_holds_is_looked_after_as_well() -> None:
    books = [Book(5, {"AAA": holding(1)}), Book(7, {"BBB": holding(2)})]
    bars = {symbol: Bar(10.0, 12.0, 10.0, 12.0, 0.0, 0.5) for symbol in ("AAA", "BBB")}
    open_session(books, bars)
    close_session(books, bars, DELIST_AFTER)
    assert [book.cash for book in books] == [5 + 50, 7 + 100]
    assert equities(books) == [5 + 50 + 1_200, 7 + 100 + 2_400]


def test_an_account_that_holds_nothing_is_its_cash_and_what_is_none_of_is_not_held() -> None:
    assert AccountSnapshot(date(2024, 1, 2), 500).equity == 500
    stated = AccountSnapshot(date(2024, 1, 2), 500, {"AAA": Holding(0, 10.0), "BBB": Holding(1, 10.0)})
    assert list(Book.of(stated).positions) == ["BBB"]
