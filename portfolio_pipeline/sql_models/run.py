"""Runs SQL models on a warehouse: creates views, replaces sessions of incremental models, asks checks and audits.

What is run is decided in `core.sql_models`; here it only meets the warehouse port, and an engine's complaint is told as
a complaint about the file and line it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError, WarehouseError
from portfolio_pipeline.ports import Transaction, Warehouse
from portfolio_pipeline.sql_models.library import Audit, Library, Model, load_library
from portfolio_pipeline.sql_models.problems import Problem, SqlModelError
from portfolio_pipeline.sql_models.render import (
    Statement,
    count_rows,
    create_view,
    header_checks,
    offending_rows,
    select_range,
)

# Beside the package in a clone, within it when installed: other people's packages have folders, too.
_PACKAGE = Path(__file__).resolve().parents[1]
SQL_FOLDER = next(path for path in (_PACKAGE / "dbt_like_sql", _PACKAGE.parent / "dbt_like_sql") if path.is_dir())
_BLAMED = re.compile(r"LINE (\d+): (.*)\n( *)\^")


@cache
def project_library() -> Library:
    """The project's own models; refused with every problem in them."""
    return load_library(SQL_FOLDER)


def fill_range(warehouse: Warehouse, library: Library, name: str, sessions: SessionRange) -> int:
    """Replace the sessions of an incremental model in one transaction and say how many rows they have now."""
    model = library.models[name]
    statement = select_range(library, model, sessions)
    with warehouse.transaction() as transaction:
        _require_sources(transaction, model, sessions)
        with _blaming(statement, model):
            rows = transaction.query(statement.sql)
        return transaction.replace(name, sessions, rows)


def _require_sources(transaction: Transaction, model: Model, sessions: SessionRange) -> None:
    """Refuse a range in which a source has no rows: stored like that, the gap would look like a closed market."""
    for source in model.header.look_back:
        found = transaction.query(
            f"select distinct session from {source} where session between $1 and $2", [sessions.first, sessions.last]
        )
        missing = sorted(set(sessions) - set(found["session"].to_pylist()))
        if missing:
            raise DataError(
                "SOURCE_SESSIONS_MISSING",
                model=model.name,
                source=source,
                missing_sessions=len(missing),
                first_missing=missing[0],
                remedy=f"Materialise {source} for these sessions first.",
            )


def create_views(warehouse: Warehouse, library: Library, names: Sequence[str]) -> None:
    """Create or replace the named views and the views they read, in one transaction."""
    wanted = {view for name in names for view in (*library.upstream(name), name)}
    try:
        with warehouse.transaction() as transaction:
            _create(transaction, library, wanted)
    except SqlModelError:
        # Postgres does not change the columns of an existing view: make all anew, since views read each other.
        with warehouse.transaction() as transaction:
            for name in reversed(library.order):
                if not library.models[name].incremental:
                    transaction.execute(f"drop view if exists {name}")
            _create(transaction, library, set(library.order))


def _create(transaction: Transaction, library: Library, wanted: set[str]) -> None:
    for name in library.order:
        model = library.models[name]
        if name in wanted and not model.incremental:
            statement = create_view(model)
            with _blaming(statement, model):
                transaction.execute(statement.sql)


@dataclass(frozen=True)
class Examination:
    """A model's rows: how many in all and in the sessions, and by check of its header those that break it."""

    rows: int
    rows_in_sessions: int
    broken: dict[str, pa.Table]


def examine(warehouse: Warehouse, library: Library, name: str, sessions: SessionRange) -> Examination:
    """Count a model's rows (all count as the sessions' if it has no session column) and ask its header's checks."""
    model = library.models[name]
    counting, broken = count_rows(library, model, sessions), {}
    with warehouse.transaction() as transaction, _blaming(counting, model):
        count = transaction.query(counting.sql).to_pylist()[0]
        for check, statement in header_checks(library, model, sessions).items():
            broken[check] = transaction.query(statement.sql)
    return Examination(count["rows_in_all"], count["rows_in_sessions"], broken)


def audit_rows(warehouse: Warehouse, library: Library, name: str, sessions: SessionRange) -> pa.Table:
    """The rows of the sessions that an audit objects to. Views that it reads are created first."""
    audit = library.audits[name]
    views = [ref for ref in audit.query.refs if ref in library.models and not library.models[ref].incremental]
    if views:
        create_views(warehouse, library, views)
    statement = offending_rows(audit, sessions)
    with _blaming(statement, audit):
        return warehouse.query(statement.sql)


@contextmanager
def _blaming(statement: Statement, item: Model | Audit) -> Iterator[None]:
    """Tell an engine's complaint as one about the file it came from."""
    try:
        yield
    except WarehouseError as error:
        if error.reason != "SQL_REFUSED":
            raise
        found = str(error.figures["found"])
        message = " ".join(re.split(r"\n+LINE \d+:|\n+Query was:", found)[0].split())
        place = _BLAMED.search(found)
        problem = None
        if place:
            # An engine that shortens the line to "…" does not say how much it left out.
            column = 1 if place[2].startswith("...") else len(place[3]) - len(f"LINE {place[1]}: ") + 1
            problem = statement.problem(int(place[1]), max(column, 1), message)
        problem = problem or Problem(item.query.path, *item.query.start, message)
        raise SqlModelError([problem]) from error
