"""What others bring into the account, figure by figure: apart until it is claimed, and then the reserve's."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Holding, Position
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.strategy_books import Ledger, advance
from portfolio_pipeline.core.books.unclaimed import NOTHING_OUTSIDE, Outside, own, settle_outside, trade_outside
from portfolio_pipeline.core.market.bars import Action, Bar, SessionBars, action
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE, UNCLAIMED

DAY, AT = date(2026, 3, 6), datetime.fromisoformat("2026-03-06T15:00:00")


def position(shares: float, paid: float, price: float, missed: int = 0) -> Position:
    return Position(round(shares * SHARE), paid, price, missed)


def test_whether_anything_happened_does_not_depend_on_what_was_claimed_before() -> None:
    assert not NOTHING_OUTSIDE
    assert not Outside(claimed=frozenset({"AAA"}))
    assert Outside(moved={"AAA": Holding(SHARE, 1.0)})
    assert Outside(splits={"AAA": 2.0})
    assert Outside((Fill(DAY, "1", "x", "AAA", SHARE, 1.0, 0, AT),))


def test_a_split_of_the_brokers_is_put_beside_the_dividend_that_is_known_and_nothing_else_changes() -> None:
    bars = SessionBars({"AAA": Bar(1.0, 1.0, 1.0, 1.0), "BBB": Bar(2.0, 2.0, 2.0, 2.0)})
    bars.actions["GONE"] = Action(0.5, 1.0)
    bars.cash_return = 0.001
    split = Outside(splits={"AAA": 3.0, "GONE": 2.0, "NEW": 4.0}).bars(bars)
    assert split["AAA"] == Bar(1.0, 1.0, 1.0, 1.0)._replace(split_ratio=3.0)
    assert split["BBB"] == bars["BBB"]
    assert (action(split, "GONE"), action(split, "NEW")) == (Action(0.5, 2.0), Action(0.0, 4.0))
    assert isinstance(split, SessionBars)
    assert split.cash_return == 0.001
    assert (bars["AAA"].split_ratio, dict(bars.actions)) == (1.0, {"GONE": Action(0.5, 1.0)})
    assert Outside().bars(bars) is bars
    plain = Outside(splits={"AAA": 3.0}).bars({"AAA": bars["AAA"]})
    assert plain["AAA"].split_ratio == 3.0


def test_what_others_trade_is_in_the_account_and_in_the_book_of_what_is_unclaimed() -> None:
    account, unclaimed = Book(100_00, {"AAA": position(2, 8.0, 9.0)}), Book()
    fill = Fill(DAY, "1", "theirs", "AAA", 3 * SHARE, 10.0, 5, AT)
    received = trade_outside(account, unclaimed, [fill])
    assert (account.cash, account.quantity("AAA")) == (100_00 - 30_05, 5 * SHARE)
    assert (unclaimed.cash, unclaimed.quantity("AAA")) == (-30_05, 3 * SHARE)
    assert [one.book for one in received] == ["account", "unclaimed"]
    # Each says what its book had before.
    assert [(one.held, one.average) for one in received] == [(2 * SHARE, 8.0), (0, 0.0)]


def test_what_prices_do_to_what_others_brought_is_nobodys_profit_but_theirs() -> None:
    """Held: 5 shares of the strategy's and 3 of others, which rise from 9 to 12; and 2 more come, worth 24."""
    shared = Ledger(
        Book(100_00, {"AAA": position(8, 8.0, 9.0)}),
        {"alpha": Book(70_00, {"AAA": position(5, 8.0, 9.0)}), RESERVE: Book(30_00)},
        Book(0, {"AAA": position(3, 8.0, 9.0)}),
    )
    bars = {"AAA": Bar(12.0, 12.0, 12.0, 12.0)}
    came = Outside(moved={"AAA": Holding(2 * SHARE, 12.0)})
    brought = advance(shared, bars, [], {}, None, 3, outside=came)
    assert {name: (one.profit_and_loss, one.transfer) for name, one in brought.items()} == {
        ACCOUNT_BOOK: (24_00, 24_00),
        "alpha": (15_00, 0),
        RESERVE: (0, 0),
        UNCLAIMED: (9_00, 24_00),
    }


def test_shares_that_moved_bring_no_money_and_what_they_are_worth_is_told() -> None:
    account, reserve, unclaimed = Book(5_00), Book(1_00), Book(-2_00)
    account.positions["OLD"] = position(4, 7.0, 9.0)
    moved = {"NEW": Holding(3 * SHARE, 10.0, 2), "OLD": Holding(-SHARE, 9.5), "PAID": Holding(SHARE, 4.0, 0, 3.0)}
    settled = settle_outside(account, reserve, unclaimed, Outside(moved=moved))
    assert settled.arrived == 30_00 - 9_50 + 4_00
    assert account.positions["NEW"] == position(3, 10.0, 10.0, 2)
    assert account.positions["PAID"] == position(1, 3.0, 4.0)
    assert account.positions["OLD"] == position(3, 7.0, 9.0)
    assert unclaimed.quantity("OLD") == -SHARE
    assert (account.cash, settled.cash) == (5_00, -2_00)
    # What others paid and were paid is settled with the reserve, so that the books add up.
    assert (reserve.cash, unclaimed.cash) == (-1_00, 0)
    told = [(one.book, one.symbol, one.units, one.price, one.gross, one.crossed) for one in settled.received]
    assert told[:2] == [(book, "NEW", 3 * SHARE, 10.0, -30_00, False) for book in ("account", "unclaimed")]
    assert [one.symbol for one in settled.received] == ["NEW", "NEW", "OLD", "OLD", "PAID", "PAID"]


def test_what_is_claimed_goes_to_the_reserve_at_its_last_price() -> None:
    account = Book(0, {"AAA": position(5, 8.0, 10.0, 3)})
    reserve, unclaimed = Book(100_00), Book(0, {"AAA": position(5, 8.0, 10.0, 3), "BBB": position(1, 2.0, 2.0)})
    settled = settle_outside(account, reserve, unclaimed, Outside(claimed=frozenset({"AAA", "CCC"})))
    assert list(unclaimed.positions) == ["BBB"]
    assert reserve.positions["AAA"] == position(5, 10.0, 10.0, 3)
    assert (reserve.cash, unclaimed.cash, settled.cash, settled.arrived) == (100_00, 0, 50_00, 0)
    assert [(one.book, one.units, one.gross, one.crossed) for one in settled.received] == [
        ("unclaimed", -5 * SHARE, 50_00, True),
        ("reserve", 5 * SHARE, -50_00, True),
    ]
    assert [(one.held, one.average) for one in settled.received] == [(5 * SHARE, 8.0), (0, 0.0)]


def test_what_is_claimed_may_close_what_the_reserve_is_short_of() -> None:
    reserve, unclaimed = Book(0, {"AAA": position(-5, 8.0, 10.0)}), Book(0, {"AAA": position(5, 8.0, 10.0)})
    settle_outside(Book(), reserve, unclaimed, Outside(claimed=frozenset({"AAA"})))
    assert reserve.positions == {}
    assert unclaimed.positions == {}


@pytest.mark.parametrize(
    ("held", "theirs", "left"),
    [(5, 2, 3), (5, 5, None), (5, 7, -2), (None, 4, -4), (5, -2, 7), (5, 0, 5)],
)
def test_what_is_planned_with_is_the_account_without_what_is_not_claimed(
    held: int | None, theirs: int, left: int | None
) -> None:
    book = Book(7, {} if held is None else {"AAA": position(held, 8.0, 10.0)})
    book.positions["BBB"] = position(1, 1.0, 1.0)
    found = own(book, {"AAA": theirs * SHARE})
    assert found.cash == 7
    assert found.quantity("BBB") == SHARE
    assert found.quantity("AAA") == (left or 0) * SHARE
    assert ("AAA" in found.positions) == (left is not None)
    if held is not None and left is not None:
        assert found.positions["AAA"].price == 10.0
