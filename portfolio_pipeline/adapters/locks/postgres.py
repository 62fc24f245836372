"""Locks in Postgres: advisory, held by a connection that is open for nothing else and ends with the process.

Who holds one is the connection's application name. The server asks a silent holder after half a minute whether it is
still there, so a machine that has lost its power does not hold a lock for hours.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from adbc_driver_manager import Error as AdbcError
from adbc_driver_postgresql import dbapi

from portfolio_pipeline.adapters.warehouse.postgres import with_timeout, without_password
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.ports.locks import Holder

_NAME_LENGTH = 63  # of what Postgres keeps of an application's name
_SETTINGS = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
_KEY = "hashtext('portfolio_pipeline.locks'), hashtext($1)"
_IT = (
    "locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())"
    " and (classid::bigint, objid::bigint) ="
    " (hashtext('portfolio_pipeline.locks')::bigint & 4294967295, hashtext($1)::bigint & 4294967295)"
)


class PostgresLock:
    """`ports.Lock`: an open connection."""

    def __init__(self, connection: Any, name: str) -> None:
        self._connection, self._name = connection, name

    def is_held(self) -> bool:
        try:
            asked = f"select count(*) as n from pg_locks where pid = pg_backend_pid() and {_IT}"
            return bool(_rows(self._connection, asked, self._name)[0]["n"])
        except AdbcError:
            return False

    def release(self) -> None:
        with suppress(AdbcError):
            self._connection.close()


class PostgresLocks:
    """`ports.Locks` of one database."""

    def __init__(self, url: str) -> None:
        self._url = url

    def take(self, name: str, who: str) -> PostgresLock | None:
        connection = self._connect(who)
        try:
            taken = _rows(connection, f"select pg_try_advisory_lock({_KEY}) as taken", name)[0]["taken"]
        except AdbcError:
            connection.close()
            raise
        if not taken:
            connection.close()
            return None
        return PostgresLock(connection, name)

    def holder(self, name: str) -> Holder | None:
        connection = self._connect("asking who is at work")
        try:
            found = _rows(
                connection,
                "select coalesce(a.application_name, '') as who, date_trunc('second', a.backend_start)::text as since"
                f" from pg_locks l left join pg_stat_activity a on a.pid = l.pid where {_IT}",
                name,
            )
        finally:
            connection.close()
        return Holder(found[0]["who"] or "another process", found[0]["since"] or "some time") if found else None

    def _connect(self, who: str) -> Any:
        try:
            connection = dbapi.connect(with_timeout(self._url), autocommit=True)
        except AdbcError as error:
            raise WarehouseError(
                "DATABASE_UNREACHABLE",
                found=without_password(" ".join(str(error).split()), self._url),
                expected="a PostgreSQL server that answers",
                remedy="Start the server or correct DATABASE_URL; unset it for the embedded default.",
            ) from None
        name = who.encode()[:_NAME_LENGTH].decode(errors="ignore")
        for setting, value in {**_SETTINGS, "application_name": name}.items():
            _rows(connection, "select set_config($1, $2, false) as done", setting, value)
        return connection


def _rows(connection: Any, sql: str, *parameters: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
        return found
