"""Trading sessions of the New York Stock Exchange: which days they are, when they close, and ranges of them.

A session is a `datetime.date`. Nothing here asks what time it is, but for the year in which the calendar ends: whoever
has a clock passes `now` in.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.kept import kept

FIRST_SESSION = date(2005, 1, 3)
NEW_YORK = ZoneInfo("America/New_York")
OPENS = time(9, 30)
MORNING = time(8)  # in New York; by then the session of the day before has to be there
SESSIONS_PER_YEAR = 252  # what daily figures are made yearly with
_EXCHANGE = "XNYS"


@dataclass(frozen=True, order=True)
class SessionRange:
    """All sessions from `first` to `last`, both included; both are sessions themselves."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise SessionError("EMPTY_SESSION_RANGE", first=self.first, last=self.last, remedy="Swap the two dates.")

    def __iter__(self) -> Iterator[date]:
        return iter(sessions_between(self.first, self.last))

    def __len__(self) -> int:
        return len(sessions_between(self.first, self.last))

    def __contains__(self, session: object) -> bool:
        return isinstance(session, date) and self.first <= session <= self.last and is_session(session)

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"

    @classmethod
    def single(cls, session: date) -> SessionRange:
        return cls(session, session)


@cache
def _calendar() -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(_EXCHANGE, start=FIRST_SESSION, end=_end())


def _end() -> date:
    """Sessions ahead only serve to list holidays for the partitions, never to compute anything."""
    return date(datetime.now(NEW_YORK).year + 1, 12, 31)


@cache
def all_sessions() -> tuple[date, ...]:
    """Every session known to the calendar, from 2005 to the end of next year."""
    return tuple(session_closes())


@cache
def session_closes() -> dict[date, datetime]:
    """The moment (UTC) each session closes; early closes included. Kept, for the calendar takes a while to work out."""
    known = f"{_EXCHANGE}-{FIRST_SESSION}-{_end()}-{version('exchange_calendars')}"
    return kept(Path(__file__).parent, "closes", known, _closes)


def _closes() -> dict[date, datetime]:
    closes = _calendar().closes
    return {stamp.date(): close.to_pydatetime().astimezone(UTC) for stamp, close in closes.items()}


def is_session(day: date) -> bool:
    return day in session_closes()


def session_close(session: date) -> datetime:
    """When `session` closes, in UTC: 16:00 in New York, 13:00 on the days before some holidays."""
    return session_closes()[require_session(session)]


def session_open(session: date) -> datetime:
    """When the market opens, in UTC without a zone, as the tables hold it."""
    return datetime.combine(session, OPENS, NEW_YORK).astimezone(UTC).replace(tzinfo=None)


def sessions_between(first: date, last: date) -> tuple[date, ...]:
    """The sessions from `first` to `last`, which need not be sessions themselves."""
    sessions = all_sessions()
    return sessions[bisect_left(sessions, first) : bisect_right(sessions, last)]


def previous_session(session: date, count: int = 1) -> date | None:
    """The session `count` before `session`; None before the start of the calendar."""
    index = bisect_left(all_sessions(), session) - count
    return all_sessions()[index] if index >= 0 else None


def next_session(session: date) -> date:
    return all_sessions()[bisect_right(all_sessions(), session)]


def last_closed_session(now: datetime) -> date:
    """The newest session whose close is not after `now` (an aware datetime)."""
    return max(session for session, close in session_closes().items() if close <= now)


def session_to_decide(now: datetime) -> date:
    """The session whose orders can still be decided on: the newest that has closed, until the market opens again."""
    closed = last_closed_session(now)
    coming = next_session(closed)
    return coming if now.astimezone(UTC).replace(tzinfo=None) >= session_open(coming) else closed


def due_session(now: datetime) -> date:
    """The newest session that has to be there at `now`: each has until the morning after it, a holiday or not."""
    here = now.astimezone(NEW_YORK)
    latest = here.date() - timedelta(days=1 if here.time() >= MORNING else 2)
    return sessions_between(latest - timedelta(days=14), latest)[-1]


def closed_days(first: date, last: date) -> tuple[date, ...]:
    """Weekdays from `first` to `last` on which the exchange does not trade: holidays and one-off closures."""
    return tuple(
        day
        for offset in range((last - first).days + 1)
        if (day := first + timedelta(days=offset)).weekday() < 5 and not is_session(day)
    )


def closure_name(day: date) -> str:
    """Why the exchange is closed on `day`, for messages to people."""
    if day.weekday() >= 5:
        return "weekend"
    calendar = _calendar()
    stamp = np.datetime64(day, "D")
    for rule in calendar.regular_holidays.rules:
        if len(rule.dates(day, day)):
            return str(rule.name)
    adhoc = {np.datetime64(str(moment)[:10], "D") for moment in calendar.adhoc_holidays}
    return "one-off closure" if stamp in adhoc else "exchange closed"


def day_of(text: str) -> date | None:
    """A day as it is written, 2026-11-20; None for nothing."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SessionError("NOT_A_DATE", found=text, remedy="Write it as 2026-11-20.") from None


def require_session(day: date) -> date:
    """`day` itself if it is a session; a `SessionError` that names the nearest sessions if not."""
    if not is_session(day):
        before, sessions = previous_session(day), all_sessions()
        after = next(iter(sessions_between(day, date.max)), sessions[-1])
        raise SessionError(
            "NOT_A_SESSION",
            found=day,
            why=closure_name(day) if sessions[0] <= day <= sessions[-1] else "outside the calendar",
            remedy=f"The nearest sessions are {before} and {after}.",
        )
    return day


def require_closed(sessions: SessionRange, now: datetime) -> None:
    """Refuse a range whose last session has not closed at `now`."""
    require_session(sessions.first)
    close = session_close(sessions.last)
    if close > now:
        raise SessionError(
            "SESSION_NOT_CLOSED",
            session=sessions.last,
            closes=close.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M %Z"),
            remedy=f"The last closed session is {last_closed_session(now)}.",
        )


def as_days(sessions: tuple[date, ...]) -> np.ndarray:
    return np.array(sessions, dtype="datetime64[D]")
