"""At which sessions something is due: a rule of the calendar alone, the same whatever range is looked at."""

from __future__ import annotations

from datetime import date
from typing import Literal

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import all_sessions, as_days, previous_session

Cadence = Literal["daily", "weekly", "monthly", "quarterly", "yearly"]
_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}


def due(sessions: Array, cadence: Cadence) -> Array:
    """True at each session (weekly: first of its ISO week, else first of its month, quarter or year).

    `sessions` leaves out none.
    """
    days = np.asarray(sessions, dtype="datetime64[D]")
    if cadence == "daily" or not len(days):
        return np.ones(len(days), dtype=bool)
    before = np.datetime64(previous_session(days[0].astype(date)), "D")  # NaT at the very first, like no other period
    earlier = np.concatenate([[before], days[:-1]])
    begins: np.ndarray = _period(days, cadence) != _period(earlier, cadence)
    return begins


def longest_wait(cadence: Cadence) -> int:
    """Sessions that may pass before something is due for the first time."""
    found = np.flatnonzero(due(as_days(all_sessions()), cadence))
    return int(np.diff(found).max()) - 1


def _period(days: Array, cadence: Cadence) -> Array:
    if cadence == "weekly":
        # 1970-01-01 was a Thursday: three days later, weeks counted from it begin on Mondays.
        return (days.astype(np.int64) + 3) // 7
    return days.astype("datetime64[M]").astype(np.int64) // _MONTHS[cadence]
