"""The warehouse in one DuckDB file.

DuckDB lets one process in to write, or several to read, and refuses everybody else at once. So the file is opened
inside a call only; `file_lock` makes the project's own processes take turns; strangers (a notebook, a command line)
are waited for and then named. The statements are those of every engine, see `tables`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from portfolio_pipeline.adapters.warehouse import migrations as forward
from portfolio_pipeline.adapters.warehouse.file_lock import LockTimeout, take_turn
from portfolio_pipeline.adapters.warehouse.results import normalized
from portfolio_pipeline.adapters.warehouse.statements import quoted
from portfolio_pipeline.adapters.warehouse.tables import TableWarehouse
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import TABLES, Table

CONNECTION_SETTINGS: Mapping[str, str | bool | int] = {
    # Postgres puts NULL last when ascending and first when descending.
    "default_null_order": "nulls_last_on_asc_first_on_desc",
    # A mistyped table name must not find a variable of the caller.
    "python_enable_replacements": False,
    # Every window frame is added up by itself, from its first row on. The faster ways share partial sums between
    # frames, so that an average depends, in its last bits, on where the rows before the frame begin.
    "debug_window_mode": "separate",
}
_HELD_BY = re.compile(r"PID (\d+)")
_INCOMING = "incoming_rows"


class DuckDBConnection:
    """`migrations.Connection` over an open DuckDB connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        with _sql_errors():
            # execute() would leave its result open and hold the file's lock; a relation is read to its end.
            relation = self._connection.sql(sql, params=list(parameters) or None)
            if relation is None:
                raise WarehouseError("SQL_REFUSED", found=sql, expected="a statement with rows", remedy="Use execute.")
            return normalized(relation.to_arrow_table())

    def run(self, sql: str, parameters: Sequence[object] = ()) -> None:
        with _sql_errors():
            self._connection.execute(sql, list(parameters) or None).fetchall()

    def append(self, table: str, rows: pa.Table) -> None:
        names = ", ".join(quoted(name) for name in rows.schema.names)
        self._connection.register(_INCOMING, rows)
        self.run(f"insert into {quoted(table)} ({names}) select {names} from {_INCOMING}")
        self._connection.unregister(_INCOMING)


class DuckDBWarehouse(TableWarehouse):
    """One file, made by `prepare`."""

    engine: Literal["duckdb"] = "duckdb"

    def __init__(
        self,
        path: Path,
        *,
        wait_seconds: float = 60.0,
        tables: Sequence[Table] = TABLES,
        migrations: Sequence[forward.Migration] = forward.MIGRATIONS,
    ) -> None:
        super().__init__(tables, migrations)
        self._path = path.expanduser().absolute()
        self._wait_seconds = wait_seconds

    @property
    def location(self) -> str:
        return f"duckdb:///{self._path}"

    @contextmanager
    def _open(self, *, write: bool, create: bool = False) -> Iterator[DuckDBConnection]:
        with self._file_errors():
            if create:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            elif not self._path.exists():
                raise forward.not_prepared(self.location)
        deadline = time.monotonic() + self._wait_seconds
        turn = self._take_turn(write, deadline)
        try:
            with closing(self._connect(write, deadline)) as connection:
                if write:
                    connection.begin()
                try:
                    yield DuckDBConnection(connection)
                except BaseException:
                    if write:
                        connection.rollback()
                    raise
                if write:
                    with _sql_errors():
                        connection.commit()
        finally:
            os.close(turn)

    def _take_turn(self, write: bool, deadline: float) -> int:
        try:
            with self._file_errors():
                return take_turn(self._path, exclusive=write, deadline=deadline)
        except LockTimeout as timeout:
            raise self._locked(timeout.holder) from None

    def _connect(self, write: bool, deadline: float) -> duckdb.DuckDBPyConnection:
        while True:
            try:
                return duckdb.connect(self._path, read_only=not write, config=dict(CONNECTION_SETTINGS))
            except duckdb.IOException as error:
                holder = _HELD_BY.search(str(error))
                if "Could not set lock" not in str(error):
                    raise self._unusable(str(error)) from None
                pid = int(holder.group(1)) if holder else None
            except duckdb.ConnectionException:
                # Somebody in this very process has it open in another way.
                pid = os.getpid()
            if time.monotonic() > deadline:
                raise self._locked(pid)
            time.sleep(0.05)

    @contextmanager
    def _file_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unusable(f"{error.strerror}: {error.filename}") from None

    def _unusable(self, found: str) -> WarehouseError:
        return WarehouseError(
            "DATABASE_FILE_UNUSABLE",
            file=self._path,
            found=" ".join(found.split()),
            expected="a DuckDB file in a folder that can be written",
            remedy="Mend the file or the folder's permissions, or set DATABASE_URL or DAGSTER_HOME to another place.",
        )

    def _locked(self, pid: int | None) -> WarehouseError:
        holder = "another process" if pid is None else f"process {pid}" + (" (this one)" if pid == os.getpid() else "")
        return WarehouseError(
            "DATABASE_LOCKED",
            file=self._path,
            held_by=holder,
            waited=f"{self._wait_seconds:g} s",
            remedy="Close the program that has the file open, then try again.",
        )


@contextmanager
def _sql_errors() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise WarehouseError("SQL_REFUSED", engine="duckdb", found=str(error)) from error
