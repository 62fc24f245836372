"""What every warehouse does alike: transactions over declared tables, checks at the door, versions.

An engine adds how to open a transaction (`_open`), and nothing else of what is seen from outside.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import pyarrow as pa

from portfolio_pipeline.adapters.warehouse import migrations as forward
from portfolio_pipeline.adapters.warehouse import statements
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import Table
from portfolio_pipeline.core.tables.rows import checked
from portfolio_pipeline.ports import Rows

_entered = threading.local()


class TableReader:
    """`ports.Reader` over an engine's open connection."""

    def __init__(self, connection: forward.Connection, tables: Mapping[str, Table]) -> None:
        self._connection = connection
        self._tables = tables

    def read(
        self,
        table: str,
        sessions: SessionRange | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pa.Table:
        return self._connection.fetch(*statements.select(self._declared(table), sessions, columns, where))

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        return self._connection.fetch(sql, parameters)

    def _declared(self, name: str) -> Table:
        if name not in self._tables:
            raise WarehouseError(
                "TABLE_UNKNOWN", found=name, expected=", ".join(self._tables), remedy="Declare it in core.tables."
            )
        return self._tables[name]


class TableTransaction(TableReader):
    """`ports.Transaction` over an engine's open connection."""

    def replace(
        self, table: str, sessions: SessionRange, rows: Rows, *, where: Mapping[str, object] | None = None
    ) -> int:
        declared = self._declared(table)
        statement = statements.delete(declared, sessions, where)
        ready = checked(declared, rows, sessions, where)
        self._connection.run(*statement)
        return self._append(declared, ready)

    def delete(self, table: str, sessions: SessionRange | None, *, where: Mapping[str, object] | None = None) -> None:
        self._connection.run(*statements.delete(self._declared(table), sessions, where))

    def insert(self, table: str, rows: Rows) -> int:
        declared = self._declared(table)
        return self._append(declared, checked(declared, rows))

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._connection.run(sql, parameters)

    def _append(self, table: Table, rows: pa.Table) -> int:
        if len(rows):
            self._connection.append(table.name, rows)
        return len(rows)


class TableWarehouse(ABC):
    """`ports.Warehouse` but for the engine. Safe to share between threads; nothing is held between calls."""

    engine: statements.Engine

    def __init__(self, tables: Sequence[Table], migrations: Sequence[forward.Migration]) -> None:
        self._tables = {table.name: table for table in tables}
        self._migrations = tuple(migrations)
        self._known_to_be_current = False

    @property
    @abstractmethod
    def location(self) -> str: ...

    @abstractmethod
    def _open(self, *, write: bool, create: bool = False) -> AbstractContextManager[forward.Connection]:
        """One transaction, alone among writers if it writes; committed at the end, rolled back on any exception."""

    def prepare(self) -> None:
        with self._alone_in_thread(), self._open(write=True, create=True) as connection:
            forward.carry_forward(
                connection, self.engine, tuple(self._tables.values()), self._migrations, self.location
            )

    @contextmanager
    def reading(self) -> Iterator[TableReader]:
        with self._connected(write=False) as connection:
            yield TableReader(connection, self._tables)

    @contextmanager
    def transaction(self) -> Iterator[TableTransaction]:
        with self._connected(write=True) as connection:
            yield TableTransaction(connection, self._tables)

    def read(
        self,
        table: str,
        sessions: SessionRange | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pa.Table:
        with self.reading() as reader:
            return reader.read(table, sessions, columns=columns, where=where)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        with self.reading() as reader:
            return reader.query(sql, parameters)

    def replace(
        self, table: str, sessions: SessionRange, rows: Rows, *, where: Mapping[str, object] | None = None
    ) -> int:
        with self.transaction() as transaction:
            return transaction.replace(table, sessions, rows, where=where)

    @contextmanager
    def _connected(self, *, write: bool) -> Iterator[forward.Connection]:
        with self._alone_in_thread(), self._open(write=write) as connection:
            if not self._known_to_be_current:
                stored, newest = forward.stored_version(connection), forward.newest_version(self._migrations)
                forward.require_current(stored, newest, self.location)
                self._known_to_be_current = True
            yield connection

    @contextmanager
    def _alone_in_thread(self) -> Iterator[None]:
        """A call inside an open transaction would wait for its own lock, or miss what was just written."""
        entered: set[str] = _entered.__dict__.setdefault("locations", set())
        if self.location in entered:
            raise RuntimeError(f"{self.location}: use the open transaction instead of the warehouse inside it")
        entered.add(self.location)
        try:
            yield
        finally:
            entered.remove(self.location)
