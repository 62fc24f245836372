"""The SQL the warehouse writes by itself, as text and parameters. Both engines run it unchanged but for their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import Column, ColumnType, Table

Engine = Literal["duckdb", "postgres"]
Statement = tuple[str, list[object]]

_TYPES: Mapping[ColumnType, str] = {
    "date": "date",
    "text": "text",
    "double": "double precision",
    "bigint": "bigint",
    "boolean": "boolean",
    "timestamp": "timestamp",
}


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def column_definition(column: Column, engine: Engine) -> str:
    # Text compares byte by byte, as DuckDB does by itself, whatever language the database server speaks.
    collation = ' collate "C"' if column.type == "text" and engine == "postgres" else ""
    null = "" if column.nullable else " not null"
    return f"{quoted(column.name)} {_TYPES[column.type]}{collation}{null}"


def create_table(table: Table, engine: Engine) -> str:
    """Only Postgres is given the key: what DuckDB would keep of it is larger than the rows."""
    parts = [column_definition(column, engine) for column in table.columns]
    if engine == "postgres":
        parts.append(f"primary key ({_names(table.key)})")
    return f"create table if not exists {quoted(table.name)} ({', '.join(parts)})"


def select(
    table: Table,
    sessions: SessionRange | None,
    columns: Sequence[str] | None,
    where: Mapping[str, object] | None,
) -> Statement:
    wanted = list(table.column_names if columns is None else columns)
    require_columns(table, wanted)
    condition, parameters = _condition(table, sessions, where)
    return f"select {_names(wanted)} from {quoted(table.name)}{condition} order by {_names(table.key)}", parameters


def delete(table: Table, sessions: SessionRange | None, where: Mapping[str, object] | None) -> Statement:
    condition, parameters = _condition(table, sessions, where)
    return f"delete from {quoted(table.name)}{condition}", parameters


def edge(
    table: Table, which: Literal["min", "max"], before: date | None, where: Mapping[str, object] | None
) -> Statement:
    """The oldest or newest session, as `session`; of those before a day, if one is given."""
    _require_sessions(table)
    condition, parameters = _condition(table, None, where)
    if before is not None:
        condition += f"{' and' if condition else ' where'} session < {_day(before)}"
    return f"select {which}(session) as session from {quoted(table.name)}{condition}", parameters


def sessions_of(table: Table, within: SessionRange | None) -> Statement:
    _require_sessions(table)
    condition, parameters = _condition(table, within, None)
    return f"select distinct session from {quoted(table.name)}{condition} order by session", parameters


def keys(table: Table, rows: pa.Table) -> Statement:
    """The stored keys that rows like these could meet."""
    condition = ""
    if table.by_session:
        edges = pc.min_max(rows["session"]).as_py()
        condition = f" where session between {_day(edges['min'])} and {_day(edges['max'])}"
    return f"select {_names(table.key)} from {quoted(table.name)}{condition}", []


def require_columns(table: Table, names: Iterable[str]) -> None:
    unknown = [name for name in names if name not in table.column_names]
    if unknown:
        raise WarehouseError(
            "COLUMN_UNKNOWN", table=table.name, found=", ".join(unknown), expected=", ".join(table.column_names)
        )


def _require_sessions(table: Table, found: object = "a question about sessions") -> None:
    if not table.by_session:
        raise WarehouseError("NOT_BY_SESSION", table=table.name, found=found, expected="no sessions")


def _day(day: date) -> str:
    return f"date '{day.isoformat()}'"


def _names(names: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _condition(table: Table, sessions: SessionRange | None, where: Mapping[str, object] | None) -> Statement:
    """A `where` clause. Dates are written into the text: Postgres streams faster without parameters."""
    terms: list[str] = []
    parameters: list[object] = []
    if sessions is not None:
        _require_sessions(table, sessions)
        terms.append(f"session between {_day(sessions.first)} and {_day(sessions.last)}")
    require_columns(table, where or {})
    for name, value in (where or {}).items():
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        known = [each for each in values if each is not None]
        choices = [f"{quoted(name)} is null"] if len(known) < len(values) else []
        if known:
            places = ", ".join(f"${len(parameters) + offset}" for offset in range(1, len(known) + 1))
            choices.append(f"{quoted(name)} in ({places})")
            parameters.extend(known)
        terms.append(f"({' or '.join(choices)})" if choices else "false")
    return (f" where {' and '.join(terms)}" if terms else ""), parameters
