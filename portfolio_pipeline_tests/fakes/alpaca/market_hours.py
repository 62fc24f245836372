"""The server's clock: when it is, and when the market opens and closes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from portfolio_pipeline.core.calendar.sessions import NEW_YORK, all_sessions, session_close


class MarketClock:
    """Stands at a moment, or runs on from it."""

    def __init__(self, moment: datetime) -> None:
        self.set(moment)

    def set(self, moment: datetime, *, running: bool = False) -> None:
        self._moment, self._since = moment, datetime.now(UTC) if running else None

    def now(self) -> datetime:
        if self._since is None:
            return self._moment
        return self._moment + (datetime.now(UTC) - self._since)

    @property
    def is_open(self) -> bool:
        now = self.now()
        return any(opening(day) <= now < session_close(day) for day in all_sessions() if day == now.date())

    def next_open(self) -> datetime:
        return next(opening(day) for day in all_sessions() if opening(day) > self.now())

    def next_close(self) -> datetime:
        return next(session_close(day) for day in all_sessions() if session_close(day) > self.now())


def opening(session: date) -> datetime:
    return datetime.combine(session, time(9, 30), NEW_YORK).astimezone(UTC)


def evening(session: date) -> datetime:
    """An hour after the close, when everybody is through with the session."""
    return session_close(session) + timedelta(hours=1)
