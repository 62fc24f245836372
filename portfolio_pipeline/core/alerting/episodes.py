"""What is news: a matter that comes up, gets graver or otherwise different, and is over. Pure.

Time comes from whoever asks, UTC without a zone, as the tables have it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from portfolio_pipeline.core.alerting.alert import Alert, Severity, reaches

Notice = Literal["opened", "changed", "over"]
MOST_ATTEMPTS = 20
_LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Episode:
    """A matter from when it came up until it was over; `told_to` are those who were told of it."""

    alert: Alert
    since: datetime
    changed_at: datetime
    over_at: datetime | None = None
    told_to: frozenset[str] = frozenset()


@dataclass(frozen=True)
class News:
    """What is to be told, to whom, and the episode as it is now."""

    notice: Notice
    alert: Alert
    recipients: tuple[str, ...]
    episode: Episode


def come_up(open_one: Episode | None, alert: Alert, now: datetime, thresholds: Mapping[str, Severity]) -> News | None:
    """Of an alert; None where it says nothing that its open episode has not said."""
    wanted = {name for name, threshold in thresholds.items() if reaches(alert.severity, threshold)}
    if open_one is None:
        return _news("opened", alert, wanted, Episode(alert, now, now), thresholds)
    if _said(alert) == _said(open_one.alert):
        return None
    # Who was told of something grave should know that it is less so now.
    known = open_one.told_to & thresholds.keys()
    return _news("changed", alert, wanted | known, replace(open_one, alert=alert, changed_at=now), thresholds)


def is_over(open_one: Episode, message: str, now: datetime, thresholds: Mapping[str, Severity]) -> News:
    alert = replace(open_one.alert, title=f"Over: {open_one.alert.title}", message=message or "It no longer is so.")
    ended = replace(open_one, changed_at=now, over_at=now)
    return _news("over", replace(alert, pointer=""), open_one.told_to, ended, thresholds)


def next_attempt(attempts: int, now: datetime) -> datetime | None:
    """When to try again after so many attempts that failed; None: it is given up."""
    if attempts >= MOST_ATTEMPTS:
        return None
    return now + min(timedelta(minutes=2 ** (attempts - 1)), _LONGEST_WAIT)


def _news(
    notice: Notice, alert: Alert, wanted: Collection[str], episode: Episode, known: Mapping[str, Severity]
) -> News:
    recipients: Sequence[str] = [name for name in known if name in wanted]
    told = replace(episode, told_to=episode.told_to | set(recipients))
    return News(notice, alert, tuple(recipients), told)


def _said(alert: Alert) -> tuple[str, ...]:
    return alert.severity, alert.title, alert.message
