"""Runs SQL models on a warehouse: creates views, asks checks and audits.

What is run is decided in `render`; here it only meets the warehouse port, and an engine's complaint is told as
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
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.ports import Transaction, Warehouse
from portfolio_pipeline.sql_models.kept import kept_library
from portfolio_pipeline.sql_models.library import Audit, Library, Model
from portfolio_pipeline.sql_models.problems import Problem, SqlModelError
from portfolio_pipeline.sql_models.render import (
    Statement,
    count_rows,
    create_view,
    forget_rows,
    header_checks,
    keep_rows,
    newest_rows,
    offending_rows,
)

# Beside the package in a clone, within it when installed: other people's packages have folders, too.
_PACKAGE = Path(__file__).resolve().parents[1]
SQL_FOLDER = next(path for path in (_PACKAGE / "dbt_like_sql", _PACKAGE.parent / "dbt_like_sql") if path.is_dir())
_BLAMED = re.compile(r"LINE (\d+): (.*)\n( *)\^")


@cache
def project_library() -> Library:
    """The project's own models; refused with every problem in them."""
    return kept_library(SQL_FOLDER)


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
                transaction.execute(f"drop view if exists {name}")
            _create(transaction, library, set(library.order))


def _create(transaction: Transaction, library: Library, wanted: set[str]) -> None:
    for name in library.order:
        model = library.models[name]
        if name in wanted:
            statement = create_view(model)
            with _blaming(statement, model):
                transaction.execute(statement.sql)


@dataclass(frozen=True)
class Examination:
    """A view's rows: how many in all and in the sessions, by check of its header those that break it, and a few new."""

    rows: int
    rows_in_sessions: int
    broken: dict[str, pa.Table]
    newest: pa.Table


def make_and_examine(warehouse: Warehouse, library: Library, name: str, sessions: SessionRange) -> Examination:
    """Create a view, count its rows (all count as the sessions' without a session column), ask its header's checks."""
    wanted = {*library.upstream(name), name}
    try:
        with warehouse.transaction() as transaction:
            _create(transaction, library, wanted)
            return _examined(transaction, library, library.models[name], sessions)
    except SqlModelError:
        create_views(warehouse, library, [name])
        with warehouse.transaction() as transaction:
            return _examined(transaction, library, library.models[name], sessions)


def _examined(transaction: Transaction, library: Library, model: Model, sessions: SessionRange) -> Examination:
    """The view is computed once, whatever is asked of its rows."""
    computing = keep_rows(model)
    with _blaming(computing, model):
        transaction.execute(computing.sql)
        count = transaction.query(count_rows(library, model, sessions).sql).to_pylist()[0]
        checks = header_checks(library, model, sessions)
        broken = {check: transaction.query(statement.sql) for check, statement in checks.items()}
        newest = transaction.query(newest_rows(library, model, sessions).sql)
        transaction.execute(forget_rows().sql)
    return Examination(count["rows_in_all"], count["rows_in_sessions"], broken, newest)


def audit_rows(warehouse: Warehouse, library: Library, name: str, sessions: SessionRange) -> pa.Table:
    """The rows of the sessions that an audit objects to. Views that it reads are created first."""
    audit = library.audits[name]
    views = [ref for ref in audit.query.refs if ref in library.models]
    if views:
        create_views(warehouse, library, views)
    statement = offending_rows(library, audit, sessions)
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
