"""What every warehouse does alike: transactions over declared tables, checks at the door, versions.

An engine adds how to open a transaction (`_open`), and nothing else of what is seen from outside.
"""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date

import pyarrow as pa

from portfolio_pipeline.adapters.warehouse import migrations as forward
from portfolio_pipeline.adapters.warehouse import statements
from portfolio_pipeline.adapters.warehouse.lived import refuse_rewriting, with_what_stays
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import Table
from portfolio_pipeline.core.tables.rows import arrow_schema, checked, in_key_order, refuse_stored
from portfolio_pipeline.ports import Rows

_entered = threading.local()
_OF_A_VIEW = re.compile(r"\s*(create(\s+or\s+replace)?|drop)\s+view\b", re.IGNORECASE)


class TableReader:
    """`ports.Reader` over an engine's open connection."""

    def __init__(self, connection: forward.Connection, tables: Mapping[str, Table], location: str) -> None:
        self._connection = connection
        self._tables = tables
        self._location = location

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

    def newest(
        self, table: str, *, before: date | None = None, where: Mapping[str, object] | None = None
    ) -> date | None:
        return self._edge(statements.edge(self._declared(table), "max", before, where))

    def oldest(self, table: str, *, where: Mapping[str, object] | None = None) -> date | None:
        return self._edge(statements.edge(self._declared(table), "min", None, where))

    def sessions(self, table: str, within: SessionRange | None = None) -> tuple[date, ...]:
        found = self._connection.fetch(*statements.sessions_of(self._declared(table), within))
        return tuple(found["session"].to_pylist())

    def version(self, table: str) -> int:
        name = self._declared(table).name
        found = self._connection.fetch("select version from table_versions where table_name = $1", [name])
        version: int = found["version"][0].as_py()
        return version

    def _edge(self, statement: statements.Statement) -> date | None:
        session: date | None = self._connection.fetch(*statement)["session"][0].as_py()
        return session

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
        if declared.first_stays:
            ready = with_what_stays(self, self._location, declared, sessions, ready)
        refuse_rewriting(self, self._location, declared, sessions, where, ready)
        self._connection.run(*statement)
        if not set(where or ()) <= set(declared.key):
            self._refuse_stored_keys(declared, ready)
        return self._append(declared, ready)

    def delete(self, table: str, sessions: SessionRange | None, *, where: Mapping[str, object] | None = None) -> None:
        declared = self._declared(table)
        refuse_rewriting(self, self._location, declared, sessions, where, arrow_schema(declared).empty_table())
        self._connection.run(*statements.delete(declared, sessions, where))
        self._count_write(table)

    def insert(self, table: str, rows: Rows) -> int:
        declared = self._declared(table)
        ready = checked(declared, rows)
        self._refuse_stored_keys(declared, ready)
        return self._append(declared, ready)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._connection.run(sql, parameters)
        # Which rows a statement of somebody else's touches cannot be told; a view it makes or drops holds none.
        if not _OF_A_VIEW.match(sql):
            self._connection.run("update table_versions set version = version + 1")

    def _append(self, table: Table, rows: pa.Table) -> int:
        if len(rows):
            self._connection.append(table.name, in_key_order(table, rows))
        self._count_write(table.name)
        return len(rows)

    def _refuse_stored_keys(self, table: Table, rows: pa.Table) -> None:
        """DuckDB has no index that would refuse them."""
        if len(rows):
            refuse_stored(table, rows, self._connection.fetch(*statements.keys(table, rows)))

    def _count_write(self, table: str) -> None:
        self._connection.run("update table_versions set version = version + 1 where table_name = $1", [table])


class TableWarehouse(ABC):
    """`ports.Warehouse` but for the engine. Safe to share between threads; unless kept open, nothing is held."""

    engine: statements.Engine

    def __init__(self, tables: Sequence[Table], migrations: Sequence[forward.Migration]) -> None:
        self._tables = {table.name: table for table in tables}
        self._migrations = tuple(migrations)
        self._known_to_be_current = False

    @property
    @abstractmethod
    def location(self) -> str: ...

    @abstractmethod
    def _open(self, *, write: bool) -> AbstractContextManager[forward.Connection]:
        """One transaction, alone among writers if it writes; committed at the end, rolled back on any exception."""

    @abstractmethod
    def begin_rebuild(self, first: date) -> str: ...

    @abstractmethod
    def end_rebuild(self) -> None: ...

    @abstractmethod
    def unfinished_rebuild(self) -> str | None: ...

    @abstractmethod
    def undo_rebuild(self) -> str | None: ...

    @abstractmethod
    def kept_open(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _is_there(self) -> bool:
        """Whether there is a database to look into, prepared or not."""

    @abstractmethod
    def _carry_forward(self, tell: Callable[[str], None]) -> str | None:
        """Create or migrate, alone among writers, and keep a copy of what is migrated; tells and says where it is."""

    def prepare(self, tell: Callable[[str], None] | None = None) -> str | None:
        with self._alone_in_thread():
            if self._is_there():
                with self._open(write=False) as connection:
                    if forward.is_complete(connection, tuple(self._tables.values()), self._migrations):
                        return None
            return self._carry_forward(tell or (lambda _: None))

    @property
    def _newest_version(self) -> int:
        return forward.newest_version(self._migrations)

    def _must_migrate(self, connection: forward.Connection) -> bool:
        stored = forward.stored_version(connection)
        return stored is not None and stored < self._newest_version

    def _create_and_migrate(self, connection: forward.Connection) -> None:
        forward.carry_forward(connection, self.engine, tuple(self._tables.values()), self._migrations, self.location)

    @contextmanager
    def reading(self) -> Iterator[TableReader]:
        with self._connected(write=False) as connection:
            yield TableReader(connection, self._tables, self.location)

    @contextmanager
    def transaction(self) -> Iterator[TableTransaction]:
        with self._connected(write=True) as connection:
            yield TableTransaction(connection, self._tables, self.location)

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

    def newest(
        self, table: str, *, before: date | None = None, where: Mapping[str, object] | None = None
    ) -> date | None:
        with self.reading() as reader:
            return reader.newest(table, before=before, where=where)

    def oldest(self, table: str, *, where: Mapping[str, object] | None = None) -> date | None:
        with self.reading() as reader:
            return reader.oldest(table, where=where)

    def sessions(self, table: str, within: SessionRange | None = None) -> tuple[date, ...]:
        with self.reading() as reader:
            return reader.sessions(table, within)

    def version(self, table: str) -> int:
        with self.reading() as reader:
            return reader.version(table)

    def replace(
        self, table: str, sessions: SessionRange, rows: Rows, *, where: Mapping[str, object] | None = None
    ) -> int:
        with self.transaction() as transaction:
            return transaction.replace(table, sessions, rows, where=where)

    @contextmanager
    def _connected(self, *, write: bool) -> Iterator[forward.Connection]:
        with self._alone_in_thread(), self._open(write=write) as connection:
            if not self._known_to_be_current:
                forward.require_current(forward.stored_version(connection), self._newest_version, self.location)
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
