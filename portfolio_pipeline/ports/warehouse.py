"""The database, as the inside asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import pyarrow as pa

from portfolio_pipeline.core.calendar.sessions import SessionRange

if TYPE_CHECKING:
    import pandas as pd

Rows: TypeAlias = "pa.Table | pd.DataFrame"


class Reader(Protocol):
    """Reading declared tables: rows come ordered by the table's key, `where` maps a column to a value or to several.

    Questions about tables have methods of their own; `query` is for the SQL models, and for what needs SQL.
    """

    def read(
        self,
        table: str,
        sessions: SessionRange | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pa.Table: ...

    def newest(
        self, table: str, *, before: date | None = None, where: Mapping[str, object] | None = None
    ) -> date | None:
        """The newest session that has rows (that match `where`), of those before a day; None when none has."""
        ...

    def oldest(self, table: str, *, where: Mapping[str, object] | None = None) -> date | None: ...

    def sessions(self, table: str, within: SessionRange | None = None) -> tuple[date, ...]:
        """The sessions that have rows, in order."""
        ...

    def version(self, table: str) -> int:
        """Another number after every write to the table, whoever wrote: what was derived before may be out of date."""
        ...

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table: ...


class Transaction(Reader, Protocol):
    """Reads and writes that happen together or not at all. Keep it short: other processes wait meanwhile."""

    def replace(
        self, table: str, sessions: SessionRange, rows: Rows, *, where: Mapping[str, object] | None = None
    ) -> int:
        """Delete the rows of the range (that match `where`), insert `rows`, and say how many those were."""
        ...

    def delete(self, table: str, sessions: SessionRange | None, *, where: Mapping[str, object] | None = None) -> None:
        """Delete the rows of the range (all sessions if None) that match `where`."""
        ...

    def insert(self, table: str, rows: Rows) -> int:
        """Add rows; one whose key is stored already refuses all of them."""
        ...

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None: ...


class Warehouse(Reader, Protocol):
    """The database. Tables are the ones declared in `core.tables`; SQL parameters are written $1, $2, …

    A connection is held only inside a call (or inside the `with` block of `reading` or `transaction`), never while
    computing; `kept_open` is the exception. To open one costs more than a small read: what is read together is read
    in one `reading` block.
    """

    @property
    def engine(self) -> Literal["duckdb", "postgres"]: ...

    @property
    def location(self) -> str:
        """Where the data is, without secrets, for messages and the UI."""
        ...

    def prepare(self, tell: Callable[[str], None] | None = None) -> str | None:
        """Create missing tables and carry older ones forward to this version of the schema.

        Says where a copy of the older database was put; None when nothing had to be carried forward. `tell` hears of
        the copy as soon as it is there to stay: whoever is interrupted afterwards knows of it.
        """
        ...

    def begin_rebuild(self, first: date) -> str:
        """Keep a copy of everything, and remember that a rebuild from `first` on has begun; says where the copy is."""
        ...

    def end_rebuild(self) -> None:
        """It is done: what was computed stays, and so does the copy."""
        ...

    def unfinished_rebuild(self) -> str | None:
        """Where the copy is that was made before a rebuild that has not ended; None without one."""
        ...

    def undo_rebuild(self) -> str | None:
        """Put everything back as it was before a rebuild that has not ended, and say from where; None without one."""
        ...

    def kept_open(self) -> AbstractContextManager[None]:
        """One opening for all calls until the end, where an opening costs something: meanwhile others may have to wait.

        For what is over in seconds. Each call stays a transaction of its own.
        """
        ...

    def reading(self) -> AbstractContextManager[Reader]:
        """Several reads over one connection."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]: ...

    def replace(
        self, table: str, sessions: SessionRange, rows: Rows, *, where: Mapping[str, object] | None = None
    ) -> int:
        """One `Transaction.replace` in a transaction of its own."""
        ...
