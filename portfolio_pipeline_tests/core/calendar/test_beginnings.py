"""Where a home begins: the first trading session, and what stands in front of it."""

from __future__ import annotations

from datetime import date

import pyarrow.compute as pc
import pytest

from portfolio_pipeline.core.calendar.beginnings import PARTS, Beginnings, WarmUp
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, previous_session, sessions_between
from portfolio_pipeline.core.errors import SessionError

TRADING = SessionRange(date(2024, 7, 1), date(2024, 7, 12))
LONG_AGO = date(2005, 1, 3)


def test_so_many_sessions_stand_before_the_first_trading_session_and_the_last_of_them_are_traded_on_paper() -> None:
    begun = Beginnings.planned(TRADING, WarmUp(100, 30), LONG_AGO)
    assert begun.account == TRADING.first
    assert len(sessions_between(begun.market, begun.account)) == 101
    assert len(sessions_between(begun.strategies, begun.account)) == 31


def test_without_a_warm_up_everything_begins_together() -> None:
    assert {Beginnings.planned(TRADING, WarmUp(0, 0), LONG_AGO).of(part) for part in PARTS} == {TRADING.first}


def test_a_warm_up_that_is_shorter_than_the_paper_sessions_is_traded_on_paper_as_a_whole() -> None:
    begun = Beginnings.planned(TRADING, WarmUp(10, 30), LONG_AGO)
    assert begun.market == begun.strategies == previous_session(TRADING.first, 10)


@pytest.mark.parametrize("earliest", [date(2024, 5, 1), date(2024, 6, 29)])
def test_what_the_source_does_not_have_is_left_out_of_the_warm_up_first(earliest: date) -> None:
    begun = Beginnings.planned(TRADING, WarmUp(100, 30), earliest)
    assert begun.account == TRADING.first
    assert begun.market == sessions_between(earliest, TRADING.last)[0]
    assert begun.strategies == max(begun.market, previous_session(TRADING.first, 30) or FIRST_SESSION)


def test_where_history_begins_later_than_trading_was_asked_for_trading_begins_with_history() -> None:
    begun = Beginnings.planned(TRADING, WarmUp(100, 30), date(2024, 7, 6))
    assert {begun.of(part) for part in PARTS} == {date(2024, 7, 8)}


def test_the_warm_up_ends_where_the_calendar_does() -> None:
    early = SessionRange(date(2005, 2, 1), date(2005, 3, 1))
    assert Beginnings.planned(early, WarmUp(1000, 100), LONG_AGO) == Beginnings(LONG_AGO, LONG_AGO, early.first)


def test_of_a_range_each_part_keeps_what_is_not_before_it() -> None:
    begun = Beginnings(date(2024, 1, 2), date(2024, 6, 3), TRADING.first)
    whole = SessionRange(begun.market, TRADING.last)
    assert begun.kept("market", whole) == whole
    assert begun.kept("strategies", whole) == SessionRange(date(2024, 6, 3), TRADING.last)
    assert begun.kept("account", whole) == TRADING
    assert begun.kept("account", SessionRange(date(2024, 1, 2), date(2024, 6, 28))) is None
    assert begun.kept("account", SessionRange.single(TRADING.first)) == SessionRange.single(TRADING.first)


def test_a_session_before_the_beginning_is_refused_with_where_everything_begins() -> None:
    begun = Beginnings(date(2024, 1, 2), date(2024, 6, 3), TRADING.first)
    begun.require("account", TRADING, "orders")
    with pytest.raises(SessionError) as refused:
        begun.require("account", SessionRange(date(2024, 6, 28), TRADING.last), "orders")
    assert str(refused.value) == (
        "BEFORE_THE_BEGINNING: of=orders, found=2024-06-28 to 2024-07-12, expected=2024-07-01 or later."
        " Nothing was changed. The first trading session is 2024-07-01: account, orders and performance begin there."
        " Prices, features and regimes begin at 2024-01-02, strategies on paper at 2024-06-03."
    )


def test_at_a_real_broker_the_account_begins_last_and_what_is_before_is_research() -> None:
    planned = Beginnings.planned(TRADING, WarmUp(100, 30), LONG_AGO)
    begun = planned.with_account_at(TRADING.last)
    assert (begun.market, begun.strategies, begun.targets) == (planned.market, planned.strategies, TRADING.first)
    assert begun.account == TRADING.last
    assert Beginnings.of_rows(begun.rows()) == begun
    assert begun.kept("targets", TRADING) == TRADING
    assert begun.kept("account", TRADING) == SessionRange.single(TRADING.last)
    assert str(begun).startswith(f"The account begins at {TRADING.last}, with what the broker holds then.")


def test_a_home_that_was_begun_before_there_were_targets_begins_them_with_the_account() -> None:
    begun = Beginnings.planned(TRADING, WarmUp(100, 30), LONG_AGO)
    rows = begun.rows()
    older = rows.filter(pc.not_equal(rows["part"], "targets"))
    assert Beginnings.of_rows(older) == begun
