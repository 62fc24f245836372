"""What an account has lived through stays: the door that every write to a `lived` table goes through.

Sessions up to the account's newest one may be computed again as often as one likes, as long as the same comes out.
What would come out otherwise (settings, prices or code have changed since) is refused with what it is, because orders
were sent on it and everything after follows from it. A rebuild (`rebuilding`) opens the door from one session on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import ACCOUNT, Table
from portfolio_pipeline.core.tables.rows import in_key_order
from portfolio_pipeline.ports import Reader

# By process and database: from which session on its past may be rewritten.
_open_from: dict[tuple[int, str], date] = {}


@contextmanager
def rebuilding(location: str, first: date) -> Iterator[None]:
    """In this process, and until the end, what was lived through from `first` on may be written anew."""
    here = os.getpid(), location
    _open_from[here] = first
    try:
        yield
    finally:
        del _open_from[here]


def rebuilt_from(location: str) -> date | None:
    """From which session on the past of this database is being written anew; None while nobody has asked for it."""
    return _open_from.get((os.getpid(), location))


def with_what_stays(reader: Reader, location: str, table: Table, sessions: SessionRange, rows: pa.Table) -> pa.Table:
    """`rows`, but of sessions that are lived through those that are stored already."""
    closed = _closed_before(reader, location)
    if closed is None or sessions.first >= closed:
        return rows
    stays = _before(reader.read(table.name, sessions), closed)
    fresh = rows.filter(pc.invert(pc.is_in(rows["session"], value_set=stays["session"].combine_chunks())))
    return in_key_order(table, pa.concat_tables([stays, fresh]))


def _closed_before(reader: Reader, location: str) -> date | None:
    """Sessions before this one are lived through and stay; None while there are none."""
    newest = reader.newest(ACCOUNT.name)
    return None if newest is None else min(newest, _open_from.get((os.getpid(), location), newest))


def refuse_rewriting(
    reader: Reader,
    location: str,
    table: Table,
    sessions: SessionRange | None,
    where: Mapping[str, object] | None,
    rows: pa.Table,
) -> None:
    """Refuse `rows` in place of what is stored of these sessions, where that is another past."""
    if not table.lived:
        return
    closed = _closed_before(reader, location)
    if closed is None or (sessions is not None and sessions.first >= closed):
        return
    stored = _before(in_key_order(table, reader.read(table.name, sessions, where=where)), closed)
    wanted = _before(in_key_order(table, rows), closed)
    if wanted.equals(stored):
        return
    first, newest = _first_difference(stored, wanted), reader.newest(ACCOUNT.name) or closed
    after = len(reader.sessions(ACCOUNT.name, SessionRange(first, newest)))
    raise WarehouseError(
        "PAST_WOULD_BE_REWRITTEN",
        table=table.name,
        session=first,
        found=f"{_count(wanted, first)} rows that are not the {_count(stored, first)} stored",
        expected=f"what the account has lived through: {after} sessions follow from it, up to {newest}",
        remedy="Nothing of it was changed. Settings, strategies, prices or code are other ones than on that day; to"
        f" compute the account anew from there on, with a backup: portfolio run --rebuild-from {first}.",
    )


def _before(rows: pa.Table, session: date) -> pa.Table:
    return rows.filter(pc.less(rows["session"], pa.scalar(session))).combine_chunks()


def _first_difference(stored: pa.Table, wanted: pa.Table) -> date:
    days: set[date] = {*stored["session"].to_pylist(), *wanted["session"].to_pylist()}
    return next(day for day in sorted(days) if not _of(stored, day).equals(_of(wanted, day)))


def _of(rows: pa.Table, session: date) -> pa.Table:
    return rows.filter(pc.equal(rows["session"], pa.scalar(session))).combine_chunks()


def _count(rows: pa.Table, session: date) -> int:
    return len(_of(rows, session))
