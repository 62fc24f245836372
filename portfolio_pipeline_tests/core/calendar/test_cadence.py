"""Cadence is the calendar's alone."""

from __future__ import annotations

from datetime import date
from typing import get_args

import numpy as np
import pytest

from portfolio_pipeline.core.calendar.cadence import Cadence, due, longest_wait
from portfolio_pipeline.core.calendar.sessions import as_days, previous_session, sessions_between


def expected(sessions: tuple[date, ...], cadence: Cadence) -> list[bool]:
    def period(day: date) -> object:
        return {
            "daily": day,
            "weekly": day.isocalendar()[:2],
            "monthly": (day.year, day.month),
            "quarterly": (day.year, (day.month - 1) // 3),
            "yearly": day.year,
        }[cadence]

    before = (previous_session(sessions[0]), *sessions)
    return [earlier is None or period(day) != period(earlier) for earlier, day in zip(before, sessions, strict=False)]


@pytest.mark.parametrize("cadence", get_args(Cadence))
def test_due_sessions_are_the_first_of_their_week_month_quarter_or_year_whatever_range_is_asked(
    cadence: Cadence,
) -> None:
    sessions = sessions_between(date(2011, 12, 1), date(2016, 1, 29))
    days, wanted = as_days(sessions), np.array(expected(sessions, cadence))
    found = due(days, cadence)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, wanted)
    for start in (1, 7, 19, 20, 21, 263):
        np.testing.assert_array_equal(due(days[start:], cadence), found[start:])


def test_the_first_session_of_the_calendar_is_due() -> None:
    for cadence in get_args(Cadence):
        assert due(as_days((date(2005, 1, 3),)), cadence).all()
        assert due(as_days((date(2005, 1, 3), date(2005, 1, 4))), cadence)[1] == (cadence == "daily")
    assert due(as_days(()), "weekly").shape == (0,)


@pytest.mark.parametrize(("cadence", "sessions"), [("daily", 0), ("weekly", 4), ("monthly", 22)])
def test_the_longest_wait_is_from_the_second_session_of_a_full_period_to_the_next(
    cadence: Cadence, sessions: int
) -> None:
    assert longest_wait(cadence) == sessions
