"""What an asset looks up before it computes: the state it goes on from, where history begins, where data came from."""

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
    newest = reader.query(f"select max(session) as newest from {table.name} where session < $1", [first])
    session = previous_state_session(first, newest["newest"][0].as_py())
    return None if session is None else frame(reader.read(table.name, SessionRange.single(session)))


def first_stored(reader: Reader, table: Table) -> date | None:
    """The oldest session the table holds."""
    oldest: date | None = reader.query(f"select min(session) as oldest from {table.name}")["oldest"][0].as_py()
    return oldest


def sources(reader: Reader, session: date) -> tuple[str, ...]:
    """Where the session's prices came from."""
    found = reader.query("select distinct source from prices where session = $1 order by source", [session])
    return tuple(found["source"].to_pylist())
