"""Sessions and their closes, against what the exchange has published: early closes, daylight saving, holidays."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.calendar.sessions import (
    FIRST_SESSION,
    SESSIONS_PER_YEAR,
    SessionRange,
    all_sessions,
    as_days,
    closed_days,
    closure_name,
    is_session,
    last_closed_session,
    next_session,
    previous_session,
    require_closed,
    require_session,
    session_close,
    session_closes,
    session_open,
    session_to_decide,
    sessions_between,
)
from portfolio_pipeline.core.errors import SessionError

NEW_YORK = ZoneInfo("America/New_York")
MINUTE, MICROSECOND = timedelta(minutes=1), timedelta(microseconds=1)
CLOSES = [
    (date(2024, 3, 8), 16, "21:00"),  # the last session of winter time
    (date(2024, 3, 11), 16, "20:00"),  # the first of summer time
    (date(2024, 11, 1), 16, "20:00"),
    (date(2024, 11, 4), 16, "21:00"),
    (date(2024, 7, 3), 13, "17:00"),  # the day before Independence Day
    (date(2023, 11, 24), 13, "18:00"),  # the day after Thanksgiving
    (date(2024, 12, 24), 13, "18:00"),
    (date(2022, 12, 23), 16, "21:00"),  # Christmas fell on a Sunday: a whole session
]
HOLIDAYS = [
    (date(2024, 1, 1), "New Year"),
    (date(2024, 1, 15), "Martin Luther King"),
    (date(2024, 3, 29), "Good Friday"),
    (date(2024, 6, 19), "Juneteenth"),
    (date(2024, 7, 4), "July 4"),
    (date(2024, 11, 28), "Thanksgiving"),
    (date(2023, 1, 2), "New Year"),  # a Sunday's holiday is kept on the Monday
    (date(2021, 12, 24), "Christmas"),  # and a Saturday's on the Friday
]
DAYS = st.dates(date(2006, 1, 1), date(2026, 1, 1))


@pytest.mark.parametrize(("session", "hour", "in_utc"), CLOSES)
def test_a_session_closes_at_four_or_at_one_in_new_york_in_summer_and_in_winter(
    session: date, hour: int, in_utc: str
) -> None:
    close = session_close(session)
    assert close.utcoffset() == timedelta(0)
    assert f"{close:%Y-%m-%d %H:%M}" == f"{session} {in_utc}"
    assert close.astimezone(NEW_YORK).hour == hour


@pytest.mark.parametrize(("session", "hour", "in_utc"), CLOSES)
def test_a_session_is_the_last_closed_one_from_its_close_on_and_not_a_moment_before(
    session: date, hour: int, in_utc: str
) -> None:
    close, before = session_close(session), previous_session(session)
    for early in (MICROSECOND, MINUTE, timedelta(hours=9)):
        assert last_closed_session(close - early) == before
        with pytest.raises(SessionError, match=rf"SESSION_NOT_CLOSED: .*{hour}:00 E[SD]T.* closed session is {before}"):
            require_closed(SessionRange.single(session), close - early)
    for late in (timedelta(0), MICROSECOND, MINUTE):
        assert last_closed_session(close + late) == session
        require_closed(SessionRange.single(session), close + late)
    assert last_closed_session(session_close(next_session(session)) - MINUTE) == session


def test_it_is_the_day_in_new_york_that_counts_wherever_the_clock_stands() -> None:
    friday = date(2024, 7, 5)
    for zone in ("UTC", "Asia/Tokyo", "Pacific/Honolulu"):
        for hours in (0, 3, 8, 60):
            now = (session_close(friday) + timedelta(hours=hours)).astimezone(ZoneInfo(zone))
            assert last_closed_session(now) == friday


def test_a_range_is_closed_when_its_last_session_is() -> None:
    days = SessionRange(date(2024, 7, 1), date(2024, 7, 5))
    require_closed(days, datetime(2024, 7, 5, 20, tzinfo=UTC))
    with pytest.raises(SessionError, match="SESSION_NOT_CLOSED: session=2024-07-05, closes=2024-07-05 16:00 EDT"):
        require_closed(days, datetime(2024, 7, 5, 19, 59, tzinfo=UTC))


@pytest.mark.parametrize("days", [(date(2024, 7, 4), date(2024, 7, 5)), (date(2024, 7, 3), date(2024, 7, 4))])
def test_a_range_that_begins_or_ends_on_a_holiday_is_refused(days: tuple[date, date]) -> None:
    with pytest.raises(SessionError, match="NOT_A_SESSION: found=2024-07-04"):
        require_closed(SessionRange(*days), datetime(2024, 8, 1, tzinfo=UTC))


@pytest.mark.parametrize(("day", "name"), HOLIDAYS)
def test_a_holiday_is_no_session_and_is_called_by_its_name(day: date, name: str) -> None:
    assert not is_session(day)
    assert name in closure_name(day)
    with pytest.raises(SessionError) as refused:
        require_session(day)
    near = f"The nearest sessions are {previous_session(day)} and {next_session(day)}."
    assert str(refused.value) == f"NOT_A_SESSION: found={day}, why={closure_name(day)}. {near}"


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2024, 7, 6), "weekend"),
        (date(2024, 7, 7), "weekend"),
        (date(2012, 10, 29), "one-off closure"),  # the hurricane Sandy
        (date(2007, 1, 2), "one-off closure"),  # a president's funeral
        (date(2004, 12, 31), "outside the calendar"),
        (date(2099, 1, 5), "outside the calendar"),
    ],
)
def test_any_other_day_without_a_session_says_why(day: date, why: str) -> None:
    with pytest.raises(SessionError, match=f"NOT_A_SESSION: found={day}, why={why}"):
        require_session(day)


def test_a_day_outside_the_calendar_names_the_sessions_at_its_ends() -> None:
    with pytest.raises(SessionError, match=f"nearest sessions are None and {FIRST_SESSION}"):
        require_session(date(2004, 12, 31))
    newest = all_sessions()[-1]
    with pytest.raises(SessionError, match=f"nearest sessions are {newest} and {newest}"):
        require_session(newest + timedelta(days=400))


def test_a_session_is_let_through_and_none_is_more_than_a_week_after_the_one_before() -> None:
    assert require_session(date(2024, 7, 5)) == date(2024, 7, 5)
    listed = all_sessions()
    assert max((after - day).days for day, after in pairwise(listed)) <= 7


def test_the_calendar_begins_in_2005_and_goes_on_for_about_a_year() -> None:
    assert all_sessions()[0] == FIRST_SESSION == date(2005, 1, 3)
    assert is_session(FIRST_SESSION)
    assert is_session(all_sessions()[-1])
    assert all_sessions()[-1] > datetime.now(UTC).date() + timedelta(days=300)
    assert not is_session(all_sessions()[-1] + timedelta(days=1))


def test_a_year_has_as_many_sessions_as_figures_are_made_yearly_with() -> None:
    counts = [len(sessions_between(date(year, 1, 1), date(year, 12, 31))) for year in range(2006, 2026)]
    assert round(math.fsum(counts) / len(counts)) == SESSIONS_PER_YEAR


@examples(max_examples=60, deadline=None)
@given(day=DAYS, length=st.integers(0, 30))
def test_every_weekday_is_a_session_or_closed_and_no_day_is_both(day: date, length: int) -> None:
    last = day + timedelta(days=length)
    open_days, closed = sessions_between(day, last), closed_days(day, last)
    week = [day + timedelta(days=n) for n in range(length + 1) if (day + timedelta(days=n)).weekday() < 5]
    assert sorted((*open_days, *closed)) == week
    assert all(is_session(one) for one in open_days)
    assert not any(is_session(one) for one in closed)


def test_closed_days_hold_both_ends_and_no_weekend() -> None:
    assert closed_days(date(2024, 7, 4), date(2024, 7, 4)) == (date(2024, 7, 4),)
    assert closed_days(date(2024, 7, 5), date(2024, 7, 8)) == ()
    assert closed_days(date(2023, 12, 23), date(2024, 1, 1)) == (date(2023, 12, 25), date(2024, 1, 1))


@examples(max_examples=60, deadline=None)
@given(day=DAYS, count=st.integers(1, 30))
def test_the_sessions_before_and_after_a_day_are_those_of_the_list(day: date, count: int) -> None:
    listed = all_sessions()
    assert previous_session(day, count) == [one for one in listed if one < day][-count]
    assert previous_session(day) == previous_session(day, 1)
    assert next_session(day) == next(one for one in listed if one > day)


def test_before_the_first_session_there_is_none() -> None:
    second = next_session(FIRST_SESSION)
    assert previous_session(FIRST_SESSION) is None
    assert previous_session(second) == FIRST_SESSION
    assert previous_session(second, 2) is None


def test_a_range_is_its_sessions_with_both_ends() -> None:
    days = SessionRange(date(2024, 7, 2), date(2024, 7, 8))
    assert tuple(days) == (date(2024, 7, 2), date(2024, 7, 3), date(2024, 7, 5), date(2024, 7, 8))
    assert len(days) == 4
    for day, inside in [(1, False), (2, True), (3, True), (4, False), (6, False), (8, True), (9, False)]:
        assert (date(2024, 7, day) in days) == inside
    assert "2024-07-02" not in days
    assert str(days) == "2024-07-02 to 2024-07-08"
    assert str(SessionRange.single(date(2024, 7, 2))) == "2024-07-02"
    with pytest.raises(SessionError, match="EMPTY_SESSION_RANGE: first=2024-07-03, last=2024-07-02"):
        SessionRange(date(2024, 7, 3), date(2024, 7, 2))


def test_ranges_stand_in_the_order_of_their_days_and_cannot_be_changed() -> None:
    early, late = SessionRange.single(date(2024, 7, 2)), SessionRange.single(date(2024, 7, 3))
    assert early < late
    with pytest.raises(AttributeError):
        early.first = late.first  # type: ignore[misc]


def test_sessions_become_days_of_arrays() -> None:
    days = as_days((date(2024, 7, 2), date(2024, 7, 3)))
    assert days.dtype == np.dtype("datetime64[D]")
    assert days.tolist() == [date(2024, 7, 2), date(2024, 7, 3)]


def test_the_closes_are_those_of_the_calendar_library_whether_found_out_or_kept() -> None:
    said = exchange_calendars.get_calendar("XNYS", start=FIRST_SESSION, end=all_sessions()[-1]).closes
    expected = {session.date(): close.to_pydatetime() for session, close in said.items()}
    asked = (
        "import sys; from portfolio_pipeline.core.calendar.sessions import session_closes;"
        "print('exchange_calendars' in sys.modules, len(session_closes()))"
    )
    assert session_closes() == expected
    keeping = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(2):  # the first may have to find out
        done = subprocess.run([sys.executable, "-c", asked], env=keeping, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", str(len(expected))]


def test_the_calendar_goes_to_the_end_of_next_year() -> None:
    year = datetime.now(NEW_YORK).year + 1
    assert all_sessions()[-1] in {date(year, 12, day) for day in range(27, 32)}


@pytest.mark.parametrize(
    ("session", "opens"), [(date(2024, 1, 3), "2024-01-03T14:30"), (date(2024, 7, 3), "2024-07-03T13:30")]
)
def test_a_session_opens_at_half_past_nine_in_new_york(session: date, opens: str) -> None:
    assert session_open(session) == datetime.fromisoformat(opens)


@pytest.mark.parametrize(
    ("now", "decided"),
    [
        ("2024-07-03T17:00+00:00", "2024-07-03"),  # it closes at 13:00 in New York, before a holiday
        ("2024-07-03T16:59+00:00", "2024-07-03"),  # its market is open: what is decided is for its close
        ("2024-07-04T15:00+00:00", "2024-07-03"),
        ("2024-07-05T13:29+00:00", "2024-07-03"),
        ("2024-07-05T13:30+00:00", "2024-07-05"),
        ("2024-07-05T09:30-04:00", "2024-07-05"),
    ],
)
def test_what_closed_last_can_be_decided_on_until_the_market_opens_again(now: str, decided: str) -> None:
    assert session_to_decide(datetime.fromisoformat(now)) == date.fromisoformat(decided)


def test_sessions_are_known_up_to_the_end_of_next_year() -> None:
    assert all_sessions()[-1].year == datetime.now(NEW_YORK).year + 1
