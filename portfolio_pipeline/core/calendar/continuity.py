"""Whether a path-dependent table may be carried on: from which session's state, or from nothing at all.

Not here: reading that state; each noun reads its own table.
"""

from __future__ import annotations

from datetime import date

from portfolio_pipeline.core.calendar.sessions import next_session, previous_session
from portfolio_pipeline.core.errors import SessionError


def previous_state_session(first: date, stored_last_before: date | None) -> date | None:
    """The session whose state a range that begins at `first` goes on from; None when it is the very first.

    `stored_last_before` is the newest session before `first` that the table holds. A gap between it and `first` is
    refused: going on from older state, or from nothing, would silently give another history.
    """
    if stored_last_before is None:
        return None
    expected = previous_session(first)
    if stored_last_before != expected:
        missing = next_session(stored_last_before)
        raise SessionError(
            "PREVIOUS_SESSION_MISSING",
            found=stored_last_before,
            expected=expected,
            remedy=f"Run the missing sessions and this one: portfolio backfill --from {missing} --to {first}. "
            "Where a blocking check stopped a session's orders, it can be closed without them: "
            f"portfolio run --session {missing} --only fills,positions,metrics.",
        )
    return expected


def require_joined(last: date, stored_first: date | None) -> None:
    """Refuse a range that ends before the first stored session, and not right before it: a hole would be left between,
    over which nothing after it could be computed.
    """
    if stored_first is None or last >= stored_first or next_session(last) == stored_first:
        return
    raise SessionError(
        "LATER_SESSIONS_MISSING",
        found=f"a history that begins at {stored_first}",
        expected=f"one that begins at {next_session(last)} or earlier",
        remedy=f"Nothing was changed. To load older sessions, go back from where it begins: portfolio backfill --from"
        f" {last} --to {previous_session(stored_first)}.",
    )
