"""The SQL the warehouse writes by itself, as text and parameters. Both engines run it unchanged but for their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

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
    columns = ", ".join(column_definition(column, engine) for column in table.columns)
    return f"create table if not exists {quoted(table.name)} ({columns}, primary key ({_names(table.key)}))"


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


def require_columns(table: Table, names: Iterable[str]) -> None:
    unknown = [name for name in names if name not in table.column_names]
    if unknown:
        raise WarehouseError(
            "COLUMN_UNKNOWN", table=table.name, found=", ".join(unknown), expected=", ".join(table.column_names)
        )


def _names(names: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _condition(table: Table, sessions: SessionRange | None, where: Mapping[str, object] | None) -> Statement:
    """A `where` clause. Dates are written into the text: Postgres streams faster without parameters."""
    terms: list[str] = []
    parameters: list[object] = []
    if sessions is not None:
        if not table.by_session:
            raise WarehouseError("NOT_BY_SESSION", table=table.name, found=sessions, expected="no session range")
        terms.append(f"session between date '{sessions.first.isoformat()}' and date '{sessions.last.isoformat()}'")
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
