"""What an asset looks up before it computes: the state it goes on from, where data came from."""

from __future__ import annotations

from datetime import date

import pandas as pd

from portfolio_pipeline.core.calendar.continuity import previous_state_session
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import Table
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader


def rows_before(reader: Reader, table: Table, first: date) -> pd.DataFrame | None:
    """The rows of the session before `first`; None when the table holds nothing before. A gap is refused."""
    session = previous_state_session(first, reader.newest(table.name, before=first))
    return None if session is None else frame(reader.read(table.name, SessionRange.single(session)))


def sources(reader: Reader, session: date) -> tuple[str, ...]:
    """Where the session's prices came from."""
    found = reader.read("prices", SessionRange.single(session), columns=["source"])
    return tuple(sorted(set(found["source"].to_pylist())))
