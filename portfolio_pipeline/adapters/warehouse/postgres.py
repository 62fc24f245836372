"""The warehouse in a PostgreSQL database, 14 or newer, through ADBC: Arrow in (binary COPY), Arrow out.

One advisory lock of the database lets writers take turns, as the file does with DuckDB: what a transaction has read
is still true when it writes. The statements are those of every engine, see `tables`. The password stays in the URL.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import date
from itertools import count
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

import pyarrow as pa
from adbc_driver_manager import Error as AdbcError
from adbc_driver_postgresql import dbapi

from portfolio_pipeline.adapters.faults import fault
from portfolio_pipeline.adapters.warehouse import migrations as forward
from portfolio_pipeline.adapters.warehouse.results import normalized
from portfolio_pipeline.adapters.warehouse.statements import quoted
from portfolio_pipeline.adapters.warehouse.tables import TableWarehouse
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import TABLES, Table

OLDEST_MAJOR_VERSION = 14
_WRITERS = "hashtext('portfolio_pipeline')"
_UNFINISHED = "kept until a rebuild that is under way has ended"
_CONNECT_SECONDS = 10
_QUERY_PASSWORD = re.compile(r"(?<=password=)[^&]*")


class PostgresConnection:
    """`migrations.Connection` over an open ADBC connection, which begins a transaction by itself."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        with _sql_errors(), self._connection.cursor() as cursor:
            # The driver wraps the text into COPY (…), where a semicolon is an error.
            cursor.execute(sql.rstrip().rstrip(";"), tuple(parameters) or None)
            return normalized(cursor.fetch_arrow_table())

    def run(self, sql: str, parameters: Sequence[object] = ()) -> None:
        with _sql_errors(), self._connection.cursor() as cursor:
            # Not executescript, which commits first.
            cursor.executemany(sql, [tuple(parameters)] if parameters else None)

    def append(self, table: str, rows: pa.Table) -> None:
        with _sql_errors(), self._connection.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append")


class PostgresWarehouse(TableWarehouse):
    """One database; the tables are in the first schema of its search path."""

    engine: Literal["postgres"] = "postgres"

    def __init__(
        self,
        url: str,
        *,
        wait_seconds: float = 60.0,
        tables: Sequence[Table] = TABLES,
        migrations: Sequence[forward.Migration] = forward.MIGRATIONS,
    ) -> None:
        super().__init__(tables, migrations)
        self._url = url
        self._wait_seconds = wait_seconds
        self._opening = threading.Lock()
        self._source: Any = None

    @property
    def location(self) -> str:
        # By hand: passwords that ought to be percent-encoded, but are not, must not come out in pieces either.
        shown = _QUERY_PASSWORD.sub("", self._url.partition("://")[2])
        server, _, query = shown.rpartition("@")[2].partition("?")
        host = dict(parse_qsl(query)).get("host", "")
        return f"postgresql://{server}" + (f" on {host}" if host else "")

    @contextmanager
    def _open(self, *, write: bool) -> Iterator[PostgresConnection]:
        raw = self._connect()
        try:
            connection = PostgresConnection(raw)
            self._begin(connection, write)
            yield connection
            with _sql_errors():
                raw.commit()
        except BaseException:
            # What went wrong is told, not that a connection which is gone cannot be rolled back.
            with suppress(AdbcError):
                raw.rollback()
            raise
        finally:
            with suppress(AdbcError):
                raw.close()

    def kept_open(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _is_there(self) -> bool:
        return True

    def _carry_forward(self, tell: Callable[[str], None]) -> str | None:
        with self._open(write=True) as connection:
            kept = (
                self._copy_aside(connection, f"before_v{self._newest_version}")
                if self._must_migrate(connection)
                else None
            )
            self._create_and_migrate(connection)
        if kept is None:
            return None
        # Copy and migration are one transaction: before its end there is no copy, and nothing to be told.
        told = f"schema {kept} of {self.location}"
        tell(told)
        return told

    def begin_rebuild(self, first: date) -> str:
        with self._open(write=True) as connection:
            kept = self._copy_aside(connection, f"before_rebuild_{first:%Y%m%d}")
            connection.run(f"comment on schema {kept} is '{_UNFINISHED}'")
        return f"schema {kept} of {self.location}"

    def end_rebuild(self) -> None:
        with self._open(write=True) as connection:
            for kept in self._unfinished(connection):
                connection.run(f"comment on schema {kept} is null")

    def unfinished_rebuild(self) -> str | None:
        with self._open(write=False) as connection:
            unfinished = self._unfinished(connection)
        return f"schema {unfinished[-1]} of {self.location}" if unfinished else None

    def undo_rebuild(self) -> str | None:
        with self._open(write=True) as connection:
            unfinished = self._unfinished(connection)
            for kept in unfinished:
                for table in forward.stored_tables(connection) & {*self._tables, "table_versions"}:
                    connection.run(f"delete from {quoted(table)}")
                    connection.run(f"insert into {quoted(table)} select * from {kept}.{quoted(table)}")
                connection.run(f"comment on schema {kept} is null")
        return f"schema {unfinished[-1]} of {self.location}" if unfinished else None

    @staticmethod
    def _unfinished(connection: PostgresConnection) -> list[str]:
        """Copies of what was there before rebuilds that have not ended."""
        found = connection.fetch(
            "select nspname::text as name from pg_namespace"
            f" where obj_description(oid, 'pg_namespace') = '{_UNFINISHED}' order by 1"
        )
        names: list[str] = found["name"].to_pylist()
        return names

    def _copy_aside(self, connection: PostgresConnection, name: str) -> str:
        """The house's tables as they are, in a schema of a name that is not taken."""
        taken = connection.fetch("select nspname::text as name from pg_namespace")["name"].to_pylist()
        kept = next(free for n in count(1) if (free := name if n == 1 else f"{name}_{n}") not in taken)
        connection.run(f"create schema {kept}")
        for table in sorted(forward.stored_tables(connection) & {*self._tables, "schema_version", "table_versions"}):
            connection.run(f"create table {kept}.{quoted(table)} (like {quoted(table)} including all)")
            connection.run(f"insert into {kept}.{quoted(table)} select * from {quoted(table)}")
        return kept

    def _connect(self) -> Any:
        """A new connection. The driver reads the server's types once (50 ms); clones of the first connection do not."""
        try:
            with self._opening:
                if self._source is None:
                    self._source = dbapi.connect(with_timeout(self._url), autocommit=True)
                    weakref.finalize(self, self._source.close)
                return self._source.adbc_clone()
        except AdbcError as error:
            raise WarehouseError(
                "DATABASE_UNREACHABLE",
                database=self.location,
                found=without_password(" ".join(str(error).split()), self._url),
                expected=f"PostgreSQL {OLDEST_MAJOR_VERSION} or newer",
                remedy="Start the server or correct DATABASE_URL; unset it for the embedded default.",
            ) from None

    def _begin(self, connection: PostgresConnection, write: bool) -> None:
        settings = {
            "TimeZone": "UTC",
            "lock_timeout": f"{round(self._wait_seconds * 1000)}ms",
            "transaction_read_only": "off" if write else "on",
        }
        calls = "".join(f", set_config('{name}', '{value}', true)" for name, value in settings.items())
        version = connection.fetch(f"select current_setting('server_version_num')::bigint as number{calls}")
        self._refuse_old(version["number"][0].as_py())
        if write:
            try:
                connection.run(f"select pg_advisory_xact_lock({_WRITERS})")
            except WarehouseError as error:
                if "55P03" not in str(error):
                    raise
                raise self._locked() from None

    def _refuse_old(self, number: int) -> None:
        major = number // 10_000
        if major < OLDEST_MAJOR_VERSION:
            raise WarehouseError(
                "DATABASE_TOO_OLD",
                database=self.location,
                found=f"PostgreSQL {major}",
                expected=f"PostgreSQL {OLDEST_MAJOR_VERSION} or newer",
                remedy="Upgrade the server, or unset DATABASE_URL for the embedded default.",
            )

    def _locked(self) -> WarehouseError:
        with closing(self._connect()) as raw:
            holders = PostgresConnection(raw).fetch(
                "select l.pid, a.application_name from pg_locks l left join pg_stat_activity a on a.pid = l.pid"
                " where l.locktype = 'advisory' and l.granted"
                " and l.database = (select oid from pg_database where datname = current_database())"
                f" and (l.classid::bigint << 32 | l.objid::bigint) = {_WRITERS}::bigint"
            )
        named = ", ".join(str(holder["pid"]) for holder in holders.to_pylist())
        return WarehouseError(
            "DATABASE_LOCKED",
            database=self.location,
            held_by=f"server process {named}" if named else "another process",
            waited=f"{self._wait_seconds:g} s",
            remedy="Wait for the other run to end, or end that server process (pg_terminate_backend), then try again.",
        )


def without_password(text: str, url: str) -> str:
    """What a driver says of a connection, without the password of its address in any form."""
    user = url.partition("://")[2].rpartition("@")[0]
    given = [user.partition(":")[2], *_QUERY_PASSWORD.findall(url)]
    for secret in {form for each in given for form in (each, unquote(each)) if form}:
        text = text.replace(secret, "***")
    return text


def with_timeout(url: str) -> str:
    if "connect_timeout" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}connect_timeout={_CONNECT_SECONDS}"


@contextmanager
def _sql_errors() -> Iterator[None]:
    try:
        yield
    except AdbcError as error:
        raise fault(str(error)) or WarehouseError("SQL_REFUSED", engine="postgres", found=str(error)) from error
