"""How far the stored history is complete, and so which sessions are missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from portfolio_pipeline.adapters.card_files import card_names
from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import SessionRange, last_closed_session, next_session
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.beginnings import stored_beginnings

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


def _past_holes(session: date | None, holes: Sequence[date]) -> date | None:
    # Without a later hole nothing is asked of the calendar, which takes longer to load than all else here.
    while session is not None and any(hole > session for hole in holes) and next_session(session) in holes:
        session = next_session(session)
    return session
