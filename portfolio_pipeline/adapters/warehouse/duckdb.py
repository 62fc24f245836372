"""The warehouse in one DuckDB file.

DuckDB lets one process in to write, or several to read, and refuses everybody else at once. So the file is attached
to the process's engine (`duckdb_engine`) inside a call only, unless it is `kept_open` for many; `file_lock` makes the
project's own processes take turns; strangers (a notebook, a command line) are waited for and then named. The
statements are those of every engine, see `tables`. Tables have no primary key here, whose index would be three
quarters of the file: rows are stored in the order of the key, and `tables` asks whether a key is there already.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from portfolio_pipeline.adapters.faults import fault
from portfolio_pipeline.adapters.warehouse import migrations as forward
from portfolio_pipeline.adapters.warehouse.duckdb_engine import engine
from portfolio_pipeline.adapters.warehouse.file_lock import LockTimeout, keep_turn, take_turn
from portfolio_pipeline.adapters.warehouse.results import normalized
from portfolio_pipeline.adapters.warehouse.statements import quoted
from portfolio_pipeline.adapters.warehouse.tables import TableWarehouse
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import TABLES, Table

_HELD_BY = re.compile(r"PID (\d+)")
_INCOMING = "incoming_rows"
_HEADERS = 3 * 4096  # bytes that every DuckDB file begins with


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
    def _open(self, *, write: bool) -> Iterator[DuckDBConnection]:
        if not self._is_there():
            raise forward.not_prepared(self.location)
        with self._turn(partial(take_turn, exclusive=write)) as deadline, self._attached(write, deadline) as connection:
            yield connection

    def _is_there(self) -> bool:
        """A DuckDB file that ends within its own headers holds nothing yet: whoever was making it was killed."""
        with self._file_errors():
            if not self._path.is_file() or self._path.stat().st_size >= _HEADERS:
                return self._path.exists()
            begun = self._path.read_bytes()
        return bool(begun.strip(b"\0")) and begun[8:12] != b"DUCK"  # somebody's, who is told that it is no database

    def _carry_forward(self, tell: Callable[[str], None]) -> str | None:
        with self._file_errors():
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._turn(partial(take_turn, exclusive=True)) as deadline:
            if not self._is_there():
                self._make(deadline)
                return None
            with self._attached(True, deadline) as connection:
                older = self._must_migrate(connection)
            # Copied while it is not attached: closing a copy's source would set DuckDB's own lock on the file free.
            kept = self._copy_aside(f"before-v{self._newest_version}") if older else None
            if kept is not None:
                tell(str(kept))
            with self._attached(True, deadline) as connection:
                self._create_and_migrate(connection)
            if kept is not None:
                self._compact()
        return None if kept is None else str(kept)

    def _make(self, deadline: float) -> None:
        """A new database: made beside its place and moved there, so that it is there whole or not at all."""
        fresh = DuckDBWarehouse(
            self._path.with_name(f"{self._path.name}.new"),
            tables=tuple(self._tables.values()),
            migrations=self._migrations,
        )
        with self._file_errors():
            for left in (fresh._path, fresh._path.with_name(f"{fresh._path.name}.wal")):
                left.unlink(missing_ok=True)
        with fresh._attached(True, deadline) as connection:
            fresh._create_and_migrate(connection)
        with self._file_errors():
            fresh._path.replace(self._path)

    def begin_rebuild(self, first: date) -> str:
        with self._turn(partial(take_turn, exclusive=True)) as deadline:
            with self._attached(True, deadline):
                pass  # what a killed process left beside the file is taken into it
            kept = self._copy_aside(f"before-rebuild-{first}")
            with self._file_errors():
                _write_whole(self._unfinished, kept.name)
        return str(kept)

    def end_rebuild(self) -> None:
        with self._file_errors():
            self._unfinished.unlink(missing_ok=True)

    def unfinished_rebuild(self) -> str | None:
        with self._file_errors():
            if not self._unfinished.exists():
                return None
            return str(self._path.with_name(self._unfinished.read_text(encoding="utf-8")))

    def undo_rebuild(self) -> str | None:
        kept = self.unfinished_rebuild()
        if kept is None:
            return None
        with self._turn(partial(take_turn, exclusive=True)), self._file_errors():
            partial_copy = self._path.with_name(self._path.name + ".partial")
            shutil.copy2(kept, partial_copy)
            self._path.with_name(self._path.name + ".wal").unlink(missing_ok=True)
            partial_copy.replace(self._path)
            self._unfinished.unlink()
        return kept

    @property
    def _unfinished(self) -> Path:
        """Is there while a rebuild is under way, and names the copy of what was there before."""
        return self._path.with_name(self._path.name + ".rebuilding")

    def _copy_aside(self, why: str) -> Path:
        """The file as it is, beside it, under a name that is not taken."""
        name = f"{self._path.name}.{why}"
        tried = (self._path.with_name(name if n == 1 else f"{name}-{n}") for n in count(1))
        kept = next(path for path in tried if not path.exists())
        unfinished = kept.with_name(kept.name + ".partial")
        with self._file_errors():
            shutil.copy2(self._path, unfinished)
            unfinished.replace(kept)
        return kept

    def _compact(self) -> None:
        """DuckDB does not shrink a file: a new one takes its place, whole or not at all."""
        fresh = self._path.with_name(self._path.name + ".compacting")
        with self._file_errors(), _sql_errors():
            fresh.unlink(missing_ok=True)
            engine().copy_compactly(self._path, fresh)
            shutil.copymode(self._path, fresh)
            fresh.replace(self._path)

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        with self._turn(keep_turn) as deadline:
            connection = self._attach(True, deadline)
            try:
                yield
            finally:
                with _sql_errors():
                    engine().detach(self._path, connection)

    @contextmanager
    def _turn(self, take: Callable[..., Callable[[], None]]) -> Iterator[float]:
        """The project's own lock; yields until when a stranger's may be waited for."""
        deadline = time.monotonic() + self._wait_seconds
        try:
            with self._file_errors():
                end = take(self._path, deadline=deadline)
        except LockTimeout as timeout:
            raise self._locked(timeout.holder) from None
        try:
            yield deadline
        finally:
            end()

    @contextmanager
    def _attached(self, write: bool, deadline: float) -> Iterator[DuckDBConnection]:
        """One transaction over the attached file."""
        connection = self._attach(write, deadline)
        try:
            if write:
                connection.begin()
            yield DuckDBConnection(connection)
            if write:
                with _sql_errors():
                    connection.commit()
        except BaseException:
            # What went wrong is told, not what goes wrong after it.
            if write:
                with suppress(duckdb.Error):
                    connection.rollback()
            with suppress(duckdb.Error):
                engine().detach(self._path, connection)
            raise
        with _sql_errors():
            engine().detach(self._path, connection)

    def _attach(self, write: bool, deadline: float) -> duckdb.DuckDBPyConnection:
        while True:
            try:
                return engine().attach(self._path, write=write)
            except duckdb.IOException as error:
                holder = _HELD_BY.search(str(error))
                if "Could not set lock" not in str(error):
                    raise self._unusable(str(error)) from None
                pid = int(holder.group(1)) if holder else None
            except duckdb.ResourceInUseException:
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
        return fault(found) or WarehouseError(
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


def _write_whole(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".partial")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


@contextmanager
def _sql_errors() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise fault(str(error)) or WarehouseError("SQL_REFUSED", engine="duckdb", found=str(error)) from error
