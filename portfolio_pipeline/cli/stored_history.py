"""How far the stored history goes, and so which sessions a start has to compute."""

from __future__ import annotations

from datetime import date, datetime

from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import SessionRange, last_closed_session, next_session
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.beginnings import stored_beginnings
from portfolio_pipeline.reads.complete import complete_through


def missing_sessions(warehouse: Warehouse, now: datetime) -> SessionRange | None:
    """From the first session that is not complete to the last closed one; None when nothing is missing.

    Of a home that has no complete session everything is missing, from where it was begun.
    """
    last = last_closed_session(now)
    complete = complete_through(warehouse)
    if complete is not None:
        return SessionRange(next_session(complete), last) if complete < last else None
    begun = stored_beginnings(warehouse)
    first = warehouse.oldest(schemas.PRICES.name) if begun is None else begun.market
    return None if first is None else SessionRange(first, last)


def lived_since(warehouse: Warehouse, first: date) -> SessionRange:
    """From `first` to the newest session that the account has lived through."""
    with warehouse.reading() as reader:
        oldest, newest = reader.oldest(schemas.ACCOUNT.name), reader.newest(schemas.ACCOUNT.name)
    if oldest is None or newest is None or not oldest <= first <= newest:
        raise SessionError(
            "NOTHING_TO_REBUILD",
            found=first,
            expected=f"a session from {oldest} to {newest}" if newest else "an account with sessions",
            remedy="Nothing was changed. What an account has not lived through is run the plain way: portfolio run.",
        )
    return SessionRange(first, newest)
