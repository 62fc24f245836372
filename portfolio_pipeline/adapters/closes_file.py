"""The closes of recent and coming sessions, kept in a small file of the home.

The calendar library takes longer to import than `portfolio status` may take in all. What is kept is what one version of
that library said, so another version asks it again; who computes with sessions asks `core.calendar` as ever.
"""

from __future__ import annotations

import json
import os
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

_FILE = "session_closes.json"
_LIBRARY = "exchange_calendars"
_LOOK_BACK = timedelta(days=14)
_KEPT = timedelta(days=60)


def last_closed(home: Path, now: datetime) -> date:
    """`core.calendar.sessions.last_closed_session`, without its library where the file knows the answer."""
    closes = _kept_closes(home / _FILE, now)
    if closes is None:
        from portfolio_pipeline.core.calendar.sessions import last_closed_session

        _keep_closes(home / _FILE, now)
        return last_closed_session(now)
    return max(session for session, close in closes.items() if close <= now)


def known_closed(home: Path, now: datetime) -> list[date]:
    """Sessions that have closed, newest first, as far as the file knows them."""
    closes = _kept_closes(home / _FILE, now) or {}
    return sorted((session for session, close in closes.items() if close <= now), reverse=True)


def _kept_closes(file: Path, now: datetime) -> dict[date, datetime] | None:
    """None if there is no file, or one of another library or of another time."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        closes = {date.fromisoformat(day): datetime.fromisoformat(close) for day, close in kept["closes"].items()}
        fits = kept["library"] == version(_LIBRARY) and min(closes.values()) + _LOOK_BACK <= now < max(closes.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return closes if fits else None


def _keep_closes(file: Path, now: datetime) -> None:
    from portfolio_pipeline.core.calendar.sessions import session_close, sessions_between

    near = sessions_between((now - _KEPT).date(), (now + _KEPT).date())
    closes = {session.isoformat(): session_close(session).isoformat() for session in near}
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps({"library": version(_LIBRARY), "closes": closes}), encoding="utf-8")
        partial.replace(file)
    except OSError:
        # The answer is as good without the file; only the next one takes longer.
        partial.unlink(missing_ok=True)
