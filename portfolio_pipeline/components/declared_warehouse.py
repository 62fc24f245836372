"""The warehouse as one asset may use it: what it has declared to read and to fill, and nothing else.

Dependencies are derived from these declarations, so a table that is read without being declared would be an edge that
the graph does not show. It is refused where it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import Literal

import pyarrow as pa

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.ports import Reader, Rows, Transaction, Warehouse

_TABLES_OF_SQL = re.compile(r"\b(?:from|join)\s+([a-z_]+)", re.IGNORECASE)
_DECLARED = frozenset(table.name for table in TABLES)
Where = Mapping[str, object] | None


class UndeclaredTableError(RuntimeError):
    """A mistake of the asset's author: the graph would lack an edge."""


class Declaration:
    """The tables an asset reads and fills, and those that it has really read."""

    def __init__(self, asset: str, reads: Collection[str], fills: Collection[str]) -> None:
        self.asset, self.reads, self.fills = asset, frozenset(reads), frozenset(fills)
        self.really_read: set[str] = set()

    def read(self, table: str) -> str:
        self.really_read.add(table)
        if table not in self.reads | self.fills:
            raise UndeclaredTableError(f"{self.asset} reads {table}: declare it in `reads` of its session_asset")
        return table

    def fill(self, table: str) -> str:
        if table not in self.fills:
            raise UndeclaredTableError(f"{self.asset} fills {table}: declare it in `also_fills` of its session_asset")
        return table

    def query(self, sql: str) -> str:
        for name in dict.fromkeys(found.lower() for found in _TABLES_OF_SQL.findall(sql)):
            if name in _DECLARED:  # other names are those of the statement's own parts
                self.read(name)
        return sql


class DeclaredReader:
    """`ports.Reader` within a declaration."""

    def __init__(self, reader: Reader, declaration: Declaration) -> None:
        self._reader, self._declaration = reader, declaration

    def read(
        self,
        table: str,
        sessions: SessionRange | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: Where = None,
    ) -> pa.Table:
        return self._reader.read(self._declaration.read(table), sessions, columns=columns, where=where)

    def newest(self, table: str, *, before: date | None = None, where: Where = None) -> date | None:
        return self._reader.newest(self._declaration.read(table), before=before, where=where)

    def oldest(self, table: str, *, where: Where = None) -> date | None:
        return self._reader.oldest(self._declaration.read(table), where=where)

    def sessions(self, table: str, within: SessionRange | None = None) -> tuple[date, ...]:
        return self._reader.sessions(self._declaration.read(table), within)

    def version(self, table: str) -> int:
        return self._reader.version(self._declaration.read(table))

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        return self._reader.query(self._declaration.query(sql), parameters)


class DeclaredTransaction(DeclaredReader):
    """`ports.Transaction` within a declaration."""

    def __init__(self, transaction: Transaction, declaration: Declaration) -> None:
        super().__init__(transaction, declaration)
        self._transaction = transaction

    def replace(self, table: str, sessions: SessionRange, rows: Rows, *, where: Where = None) -> int:
        return self._transaction.replace(self._declaration.fill(table), sessions, rows, where=where)

    def delete(self, table: str, sessions: SessionRange | None, *, where: Where = None) -> None:
        self._transaction.delete(self._declaration.fill(table), sessions, where=where)

    def insert(self, table: str, rows: Rows) -> int:
        return self._transaction.insert(self._declaration.fill(table), rows)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._transaction.execute(sql, parameters)


class DeclaredWarehouse(DeclaredReader):
    """`ports.Warehouse` within a declaration."""

    def __init__(self, warehouse: Warehouse, declaration: Declaration) -> None:
        super().__init__(warehouse, declaration)
        self._warehouse = warehouse

    @property
    def engine(self) -> Literal["duckdb", "postgres"]:
        return self._warehouse.engine

    @property
    def location(self) -> str:
        return self._warehouse.location

    def begin_rebuild(self, first: date) -> str:
        raise self._not_here()

    def end_rebuild(self) -> None:
        raise self._not_here()

    def unfinished_rebuild(self) -> str | None:
        raise self._not_here()

    def undo_rebuild(self) -> str | None:
        raise self._not_here()

    def prepare(self, tell: Callable[[str], None] | None = None) -> str | None:
        raise self._not_here()

    def _not_here(self) -> UndeclaredTableError:
        return UndeclaredTableError(f"{self._declaration.asset} looks after the whole database: that is not for assets")

    def kept_open(self) -> AbstractContextManager[None]:
        return self._warehouse.kept_open()

    @contextmanager
    def reading(self) -> Iterator[DeclaredReader]:
        with self._warehouse.reading() as reader:
            yield DeclaredReader(reader, self._declaration)

    @contextmanager
    def transaction(self) -> Iterator[DeclaredTransaction]:
        with self._warehouse.transaction() as transaction:
            yield DeclaredTransaction(transaction, self._declaration)

    def replace(self, table: str, sessions: SessionRange, rows: Rows, *, where: Where = None) -> int:
        return self._warehouse.replace(self._declaration.fill(table), sessions, rows, where=where)
