"""How far the stored history goes, and so which sessions a start has to compute."""

from __future__ import annotations

from datetime import date, datetime

from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import (
    FIRST_SESSION,
    SessionRange,
    last_closed_session,
    next_session,
    previous_session,
    sessions_between,
)
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.complete import complete_through as complete_through

YEARS = 5


def missing_sessions(warehouse: Warehouse, now: datetime, *, first_load: int | None = None) -> SessionRange | None:
    """From the first session that is not complete to the last closed one; None when nothing is missing.

    An empty house gets `first_load` sessions, or five years.
    """
    last = last_closed_session(now)
    complete = complete_through(warehouse)
    if complete is not None:
        return SessionRange(next_session(complete), last) if complete < last else None
    begun = warehouse.oldest(schemas.PRICES.name)
    if begun is not None:
        return SessionRange(begun, last)
    if first_load is None:
        five_years_ago = last.replace(year=last.year - YEARS, day=min(last.day, 28))
        return SessionRange(sessions_between(five_years_ago, last)[0], last)
    return SessionRange(previous_session(last, first_load - 1) or FIRST_SESSION, last)


def lived_since(warehouse: Warehouse, first: date) -> SessionRange:
    """From `first` to the newest session that the account has lived through."""
    newest = warehouse.newest(schemas.ACCOUNT.name)
    if newest is None or first > newest:
        raise SessionError(
            "NOTHING_TO_REBUILD",
            found=first,
            expected=f"a session up to {newest}" if newest else "an account that has lived through a session",
            remedy="Run it the plain way: portfolio run.",
        )
    return SessionRange(first, newest)
