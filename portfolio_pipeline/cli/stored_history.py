"""How far the stored history goes, and so which sessions a start has to compute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from portfolio_pipeline.adapters.card_files import card_names
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

YEARS = 5
# What every session leaves rows in. A session without trades or breaches leaves none in the other tables.
EVERY_SESSION = (
    schemas.PRICES,
    schemas.FEATURES,
    schemas.REGIME_TABLE,
    schemas.STRATEGY_WEIGHTS,
    schemas.AGGREGATED_TARGETS,
    schemas.RISK_METRICS,
    schemas.ACCOUNT,
    schemas.METRICS,
)
EVERY_SESSION_AND_STRATEGY = (schemas.OPTIMIZED_PARAMETERS, schemas.STRATEGY_TARGETS)


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


def complete_through(warehouse: Warehouse) -> date | None:
    """The newest session that every noun has rows for; None when there is none.

    A strategy without any rows is new: it begins with the next session and holds nothing back.
    """
    names = set(card_names())
    with warehouse.reading() as reader:
        holes = reader.sessions(schemas.PRICE_HOLES.name)
        reached = [reader.newest(table.name) for table in EVERY_SESSION]
        # A session that nobody has prices for leaves neither prices nor features.
        reached[:2] = [_past_holes(session, holes) for session in reached[:2]]
        for table in EVERY_SESSION_AND_STRATEGY:
            of_strategies = [reader.newest(table.name, where={"strategy": name}) for name in sorted(names)]
            reached += [session for session in of_strategies if session is not None] or [None]
    found = [session for session in reached if session is not None]
    return min(found) if len(found) == len(reached) else None


def _past_holes(session: date | None, holes: Sequence[date]) -> date | None:
    while session is not None and next_session(session) in holes:
        session = next_session(session)
    return session


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
