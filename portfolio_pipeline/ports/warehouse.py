"""The database, as the inside asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol, TypeAlias

import pandas as pd
import pyarrow as pa

from portfolio_pipeline.core.calendar.sessions import SessionRange

Rows: TypeAlias = pa.Table | pd.DataFrame


class Reader(Protocol):
    """Reading declared tables: rows come ordered by the table's key, `where` maps a column to a value or to several."""

    def read(
        self,
        table: str,
        sessions: SessionRange | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pa.Table: ...

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

    def insert(self, table: str, rows: Rows) -> int: ...

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None: ...


class Warehouse(Reader, Protocol):
    """The database. Tables are the ones declared in `core.tables`; SQL parameters are written $1, $2, …

    A connection is held only inside a call (or inside the `with` block of `reading` or `transaction`), never while
    computing. To open one costs more than a small read: what is read together is read in one `reading` block.
    """

    @property
    def engine(self) -> Literal["duckdb", "postgres"]: ...

    @property
    def location(self) -> str:
        """Where the data is, without secrets, for messages and the UI."""
        ...

    def prepare(self) -> None:
        """Create missing tables and carry older ones forward to this version of the schema."""
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
