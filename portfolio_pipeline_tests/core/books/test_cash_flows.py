"""Cash that a broker books beside executions: to whom it goes, and what of a difference is rounding."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position
from portfolio_pipeline.core.books.cash_flows import CashFlow, rounding
from portfolio_pipeline.core.books.positions import hold
from portfolio_pipeline.core.books.strategy_books import Ledger, advance
from portfolio_pipeline.core.market.bars import Bar, SessionBars, without_actions, without_payments
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE

DAY = date(2026, 3, 5)
BARS = {"SPY": Bar(10.0, 10.0, 10.0, 10.0)}


def ledger(**held: int) -> Ledger:
    """Books by name, each with so many shares of SPY and 100.00 in cash."""
    books = {
        name: Book(100_00, {"SPY": Position(shares * SHARE, 10.0, 10.0)} if shares else {})
        for name, shares in held.items()
    }
    total = sum(held.values())
    whole = Book(100_00 * len(books), {"SPY": Position(total * SHARE, 10.0, 10.0)} if total else {})
    return Ledger(whole, books)


@given(
    shares=st.lists(st.integers(0, 10_000), min_size=2, max_size=5),
    amounts=st.lists(st.tuples(st.sampled_from(["DIV", "FEE", "CSD"]), st.integers(-99_999, 99_999)), max_size=6),
)
def test_what_is_booked_is_shared_out_to_the_cent(shares: list[int], amounts: list[tuple[str, int]]) -> None:
    names = [f"s{place}" for place in range(len(shares) - 1)] + [RESERVE]
    before = ledger(**dict(zip(names, shares, strict=True)))
    flows = [
        CashFlow(DAY, str(place), kind, amount, "SPY" if kind == "DIV" else None)
        for place, (kind, amount) in enumerate(amounts)
    ]
    cash = before.account.cash
    results = advance(before, BARS, [], {}, None, 9, flows)
    assert before.account.cash == cash + sum(flow.amount for flow in flows)
    assert sum(book.cash for book in before.books.values()) == before.account.cash
    deposits = sum(flow.amount for flow in flows if flow.is_deposit)
    assert results[ACCOUNT_BOOK].transfer == deposits == results[RESERVE].transfer
    assert results[ACCOUNT_BOOK].profit_and_loss == sum(flow.amount for flow in flows) - deposits
    assert sum(results[name].profit_and_loss for name in names) == results[ACCOUNT_BOOK].profit_and_loss


def test_a_dividend_goes_to_who_holds_and_a_fee_to_the_reserve() -> None:
    books = ledger(alpha=30, beta=10, reserve=0)
    advance(books, BARS, [], {}, None, 9, [CashFlow(DAY, "1", "DIV", 4_00, "SPY"), CashFlow(DAY, "2", "FEE", -7)])
    assert {name: book.cash - 100_00 for name, book in books.books.items()} == {"alpha": 300, "beta": 100, RESERVE: -7}


@pytest.mark.parametrize(
    ("told", "bookings", "found"),
    [(100, 0, None), (101, 0, None), (101, 1, 1), (99, 1, -1), (102, 1, None), (102, 3, 2), (103, 3, None)],
)
def test_half_a_cent_for_each_booking_is_rounding_and_no_more(told: int, bookings: int, found: int | None) -> None:
    flow = rounding(DAY, 100, told, bookings)
    assert (flow.amount if flow else None) == found


def test_an_account_begins_with_what_is_held_and_with_nothing_of_that_session() -> None:
    """Its dividend and its split have been done by whoever had it before the close."""
    opening = Book(50_00, {"SPY": Position(10 * SHARE, 8.0, 10.0)})
    today = SessionBars({"SPY": Bar(10.0, 10.0, 10.0, 10.0, dividend=1.0, split_ratio=2.0)})
    today.cash_return = 0.01
    held = hold([DAY], None, None, {}, {DAY: today}, {}, {}, opening=opening, cash_buffer=0.0, delist_after_sessions=9)
    [account, reserve] = held.account.sort_values("book").to_dict("records")
    for row in (account, reserve):
        assert (row["equity"], row["cash"], row["transfer"], row["profit_and_loss"]) == (150.0, 50.0, 150.0, 0.0)
    assert set(held.positions["quantity"]) == {10.0}
    assert set(held.positions["average_cost"]) == {8.0}
    assert opening.positions["SPY"].quantity == 10 * SHARE


def test_bars_without_payments_still_split_and_without_actions_do_not() -> None:
    bars = SessionBars({"SPY": Bar(10.0, 10.0, 10.0, 10.0, 5.0, dividend=1.0, split_ratio=2.0)})
    bars.cash_return = 0.01
    unpaid, quiet = without_payments(bars), without_actions(bars)
    assert (unpaid["SPY"].dividend, unpaid["SPY"].split_ratio, unpaid.cash_return) == (0.0, 2.0, 0.0)
    assert (quiet["SPY"].dividend, quiet["SPY"].split_ratio, quiet.cash_return) == (0.0, 1.0, 0.0)
    assert unpaid["SPY"].volume == quiet["SPY"].volume == 5.0
