"""Which sessions the account has lived through, for who would have it live through them anew."""

from __future__ import annotations

from datetime import date

from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.ports import Warehouse


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
