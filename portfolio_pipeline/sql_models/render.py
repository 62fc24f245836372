"""The statements to run: a view, the rows that break a check or an audit in a range of sessions.

A source that an audit gives a look-back is cut to the rows needed. The cuts are CTEs named like the tables, so the
audit's own text is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.sql_models.library import Audit, Library, Model
from portfolio_pipeline.sql_models.problems import Problem

EXAMINED = "examined_rows"
SHOWN_ROWS = 10


@dataclass(frozen=True)
class Statement:
    """SQL to run. `origins` says of each line which file's line it is; None for what was written here."""

    sql: str
    origins: tuple[tuple[Path, int] | None, ...]

    def problem(self, line: int, column: int, message: str) -> Problem | None:
        """An engine's complaint about a line of `sql`, as a complaint about the file it came from."""
        origin = self.origins[line - 1] if 0 < line <= len(self.origins) else None
        return Problem(origin[0], origin[1], column, message) if origin else None


Part = str | Model | Audit


def _join(parts: Sequence[Part]) -> Statement:
    lines: list[str] = []
    origins: list[tuple[Path, int] | None] = []
    for part in parts:
        text = part if isinstance(part, str) else part.query.sql.rstrip().rstrip(";")
        for number, line in enumerate(text.split("\n"), start=1):
            lines.append(line)
            origins.append(None if isinstance(part, str) else (part.query.path, number))
    return Statement("\n".join(lines), tuple(origins))


def create_view(model: Model) -> Statement:
    return _join([f"create or replace view {model.name} as", model])


def offending_rows(library: Library, audit: Audit, sessions: SessionRange) -> Statement:
    """The rows of the sessions that an audit objects to."""
    cuts = [_look_back(library, table, rows, sessions) for table, rows in audit.header.look_back.items()]
    return _join(
        [
            *(["with", ",\n".join(cuts)] if cuts else []),
            "select * from (",
            audit,
            f") as audit where session between {_day(sessions.first)} and {_day(sessions.last)} order by session",
        ]
    )


def keep_rows(model: Model) -> Statement:
    """Compute a view once, for everything that is asked of its rows in this transaction."""
    return _join([f"create temporary table {EXAMINED} as select * from {model.name}"])


def forget_rows() -> Statement:
    return _join([f"drop table {EXAMINED}"])


def newest_rows(library: Library, model: Model, sessions: SessionRange) -> Statement:
    """A few rows of the newest session up to these; of all there are, when there is no session column."""
    newest = f"select max(session) from {EXAMINED} where session <= {_day(sessions.last)}"
    where = f"where session = ({newest})" if "session" in library.columns(model.name) else ""
    return _join([f"select * from {EXAMINED} {where} order by {', '.join(model.header.grain)} limit {SHOWN_ROWS}"])


def count_rows(library: Library, model: Model, sessions: SessionRange) -> Statement:
    """How many rows there are in all and in the sessions; all are the sessions' when there is no session column."""
    counted = _within(library, model, sessions) or "1 = 1"
    return _join(
        [
            f"select count(*) as rows_in_all, count(case when {counted} then 1 end) as rows_in_sessions",
            f"from {EXAMINED}",
        ]
    )


def header_checks(library: Library, model: Model, sessions: SessionRange) -> dict[str, Statement]:
    """By name, the rows that break what the model's header promises."""
    checks, grain, within = model.header.checks, ", ".join(model.header.grain), _within(library, model, sessions)
    where = f"where {within} and" if within else "where"
    repeated = f"select {grain}, count(*) as found from {EXAMINED} {where} 1 = 1 group by {grain} having count(*) > 1"
    found = {"grain_is_unique": repeated}
    if checks.not_null:
        missing = " or ".join(f"{column} is null" for column in checks.not_null)
        found["nothing_is_missing"] = f"select * from {EXAMINED} {where} ({missing})"
    if checks.between:
        outside = " or ".join(
            f"{name} not between {low!r} and {high!r}" for name, (low, high) in checks.between.items()
        )
        found["values_are_in_range"] = f"select * from {EXAMINED} {where} ({outside})"
    return {name: _join([sql]) for name, sql in found.items()}


def check_names(model: Model) -> tuple[str, ...]:
    """The names of `header_checks`."""
    checks = model.header.checks
    return (
        "grain_is_unique",
        *(["nothing_is_missing"] if checks.not_null else []),
        *(["values_are_in_range"] if checks.between else []),
    )


def _within(library: Library, model: Model, sessions: SessionRange) -> str:
    """The condition that a row belongs to the sessions; empty when the model has no session column."""
    if "session" not in library.columns(model.name):
        return ""
    return f"session between {_day(sessions.first)} and {_day(sessions.last)}"


def _day(day: date) -> str:
    return f"date '{day.isoformat()}'"


def _look_back(library: Library, table: str, rows: int, sessions: SessionRange) -> str:
    """The table from the first row needed: `rows` rows before the range, for each key that has rows in the range."""
    first, last = _day(sessions.first), _day(sessions.last)
    key = ", ".join(column for column in library.tables[table].key if column != "session")
    return f"""{table} as (
select * from {table} where session <= {last} and session >= (
    select coalesce(min(needed), {first}) from (
        select {key}, min(session) as needed from (
            select {key}, session, row_number() over (partition by {key} order by session desc) as rows_back
            from {table} where session < {first}
        ) as earlier
        where rows_back <= {rows} and ({key}) in (select {key} from {table} where session between {first} and {last})
        group by {key}
    ) as by_key
))"""
