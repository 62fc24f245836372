"""Executions, and the account as a broker states it: what they say in cents and units."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from portfolio_pipeline.core.books.book import SHARE, AccountSnapshot, Book, Holding, Position
from portfolio_pipeline.core.books.fills import Fill, Side

DAY = date(2024, 1, 2)
OPENING = datetime(2024, 1, 2, 14, 30)  # noqa: DTZ001 as the tables hold it: UTC without a zone


@pytest.mark.parametrize(("shares", "cash"), [(10, -10 * 12_34 - 7), (-10, 10 * 12_34 - 7)])
def test_a_buy_costs_and_a_sell_brings_its_price_and_both_cost_the_commission(shares: int, cash: int) -> None:
    fill = Fill(DAY, "a/1", "a", "AAA", shares * SHARE, 12.34, 7, OPENING)
    assert fill.cash == cash
    assert fill.notional == 10 * 12_34


@pytest.mark.parametrize(("quantity", "side"), [(5, "buy"), (1, "buy"), (-1, "sell"), (-5, "sell")])
def test_the_side_of_a_trade_is_its_sign(quantity: int, side: str) -> None:
    assert Side.of(quantity) == side
    assert Side(side).signed(abs(quantity)) == quantity


def test_a_book_that_was_stated_is_the_same_book() -> None:
    book = Book(123_45, {"BBB": Position(-SHARE // 2, 30.0, 20.0), "AAA": Position(3 * SHARE, 9.0, 10.0, 2)})
    stated = book.snapshot(DAY)
    assert stated == AccountSnapshot(
        DAY, 123_45, {"AAA": Holding(3 * SHARE, 10.0, 2, 9.0), "BBB": Holding(-SHARE // 2, 20.0, 0, 30.0)}
    )
    assert stated.equity == book.equity == 123_45 + 30_00 - 10_00
    again = Book.of(stated)
    assert again.snapshot(DAY) == stated
    assert again.positions["AAA"] == Position(3 * SHARE, 9.0, 10.0, 2)


def test_what_is_stated_does_not_change_with_the_book() -> None:
    book = Book(100_00, {"AAA": Position(SHARE, 10.0, 10.0)})
    stated = book.snapshot(DAY)
    book.trade("AAA", SHARE, 11.0, -11_00)
    assert (stated.cash, stated.holdings["AAA"].quantity) == (100_00, SHARE)
