"""A clock that stands where a test puts it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from portfolio_pipeline.core.calendar.sessions import session_close


class FixedClock:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    @classmethod
    def after_close(cls, session: date, hours: float = 1.0) -> FixedClock:
        return cls(session_close(session) + timedelta(hours=hours))

    def now(self) -> datetime:
        return self.moment.astimezone(UTC)
