"""Which kind of order is taken when, by the clock of New York."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.calendar.sessions import NEW_YORK
from portfolio_pipeline.core.execution.tickets import TimeInForce
from portfolio_pipeline.core.execution.windows import takes


def new_york(told: str) -> datetime:
    return datetime.fromisoformat(told).replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("told", "opening", "closing"),
    [
        ("2026-03-05T16:30", False, False),
        ("2026-03-05T18:59:59", False, False),
        ("2026-03-05T19:00", True, True),
        ("2026-03-06T00:00", True, True),
        ("2026-03-06T09:27:59", True, True),
        ("2026-03-06T09:28", False, True),
        ("2026-03-06T15:49:59", False, True),
        ("2026-03-06T15:50", False, False),
        ("2026-03-08T19:00", True, True),  # the clocks were changed in the morning
    ],
)
def test_auctions_take_orders_from_the_evening_until_shortly_before(told: str, opening: bool, closing: bool) -> None:
    now = new_york(told)
    assert (takes(TimeInForce.OPENING, now), takes(TimeInForce.CLOSING, now)) == (opening, closing)


def test_before_an_early_close_it_is_ten_minutes_as_well() -> None:
    close = new_york("2026-11-27T13:00")
    taken = [takes(TimeInForce.CLOSING, close - timedelta(minutes=left), close) for left in (11, 10, 1)]
    assert taken == [True, False, False]
    assert takes(TimeInForce.CLOSING, new_york("2026-11-26T20:00"), close)


@given(st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001
def test_an_order_for_the_day_is_always_taken(now: datetime) -> None:
    assert takes(TimeInForce.DAY, now.replace(tzinfo=NEW_YORK))
