"""The SQL files of a folder read into a library, or refused with every problem found: file, line and column.

    staging/ marts/        models; the file's name is the model's
    audits/assert_*.sql    audits

What the SQL must not say stands in `lint`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError
from pathlib import Path

from portfolio_pipeline.core.tables import TABLES, Table
from portfolio_pipeline.sql_models.analysis import column_types, parsed, resolve
from portfolio_pipeline.sql_models.header import AuditHeader, ModelHeader, read_header
from portfolio_pipeline.sql_models.library import Audit, Item, Library, Model
from portfolio_pipeline.sql_models.lint import lint_resolved, lint_written
from portfolio_pipeline.sql_models.problems import Problem, SqlModelError
from portfolio_pipeline.sql_models.query import Columns, Query

MODEL_FOLDERS = ("staging", "marts")
AUDIT_FOLDER = "audits"


def load_library(folder: Path, tables: tuple[Table, ...] = TABLES) -> Library:
    """Read the folder; refused with every problem found, each with file, line and column."""
    library, problems = inspect_library(folder, tables)
    if problems:
        raise SqlModelError(problems)
    return library


def inspect_library(folder: Path, tables: tuple[Table, ...] = TABLES) -> tuple[Library, list[Problem]]:
    """The library as far as it can be read, and what is wrong in it."""
    problems: list[Problem] = []
    models: dict[str, Model] = {}
    audits: dict[str, Audit] = {}
    nouns = {table.name: table for table in tables}
    if not any(True for _ in _sql_files(folder, *MODEL_FOLDERS)):
        problems.append(
            Problem(folder, 1, 1, f"no SQL models here; expected {'/, '.join(MODEL_FOLDERS)}/ with .sql files")
        )
    for path in _sql_files(folder, *MODEL_FOLDERS, AUDIT_FOLDER):
        try:
            text, shown = path.read_text(encoding="utf-8"), path.relative_to(folder.parent)
            if path.parent.name == AUDIT_FOLDER:
                audits[path.stem] = Audit(path.stem, read_header(AuditHeader, shown, text), _query(shown, text))
            else:
                model = Model(path.stem, read_header(ModelHeader, shown, text), _query(shown, text))
                problems.extend(_misplaced(model, models, nouns))
                models[path.stem] = model
        except SqlModelError as error:
            problems.extend(error.problems)
    library = Library(models, audits, nouns)
    problems.extend(_unknown_refs(library))
    if not problems:
        problems.extend(_cycles(library))
    if not problems:
        problems.extend(_wrong_contents(library))
    return library, sorted(problems)


def _query(path: Path, text: str) -> Query:
    query = Query.of(path, text)
    parsed(query)
    return query


def _sql_files(folder: Path, *parts: str) -> Iterator[Path]:
    for part in parts:
        yield from sorted((folder / part).glob("*.sql"))


def _misplaced(model: Model, models: Mapping[str, Model], nouns: Mapping[str, Table]) -> Iterator[Problem]:
    path = model.query.path
    if not re.fullmatch(r"[a-z][a-z0-9_]*", model.name):
        yield Problem(path, 1, 1, f"a model is named in lower_case, not {model.name}")
    if model.name in models:
        yield Problem(path, 1, 1, f"{models[model.name].query.path} has the same name")
    if model.name in nouns:
        yield Problem(path, 1, 1, f"{model.name} is a declared table; a view needs another name")


def _unknown_refs(library: Library) -> Iterator[Problem]:
    known = {*library.models, *library.tables}
    for item in library.items:
        for ref, (line, column) in item.query.refs.items():
            if ref not in known:
                yield Problem(
                    item.query.path, line, column, f"unknown ref('{ref}'): no model and no table has this name"
                )
            elif ref == item.name:
                yield Problem(item.query.path, line, column, "a model cannot read itself")
    for audit in library.audits.values():
        if not audit.name.startswith("assert_"):
            yield Problem(audit.query.path, 1, 1, "an audit's file is named assert_….sql, for what holds")
        if audit.header.asset not in known:
            yield Problem(audit.query.path, 1, 1, f"asset: {audit.header.asset} is neither a model nor a table")


def _cycles(library: Library) -> Iterator[Problem]:
    try:
        _ = library.order
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        query = library.models[circle[0]].query
        line, column = query.refs[circle[1]]
        yield Problem(query.path, line, column, f"models read each other in a circle: {' -> '.join(circle)}")


def _wrong_contents(library: Library) -> Iterator[Problem]:
    """What only shows once columns and types are known."""
    broken: set[str] = set()
    items: list[Item] = [*(library.models[name] for name in library.order), *library.audits.values()]
    for item in items:
        if broken & set(item.query.refs):  # Its sources' columns are not known: mend those first.
            broken.add(item.name)
            continue
        found = list(lint_written(item.query))
        if not found:
            try:
                resolved = resolve(item.query, library.sources_of(item.query))
                found.extend(lint_resolved(item.query, resolved))
            except SqlModelError as error:
                found.extend(error.problems)
        if found:
            broken.add(item.name)
            yield from found
            continue
        columns = column_types(resolved)
        yield from _wrong_model(item, columns) if isinstance(item, Model) else _wrong_audit(item, columns, library)


def _wrong_audit(audit: Audit, columns: Columns, library: Library) -> Iterator[Problem]:
    at = (audit.query.path, *audit.query.start)
    if "session" not in columns:
        yield Problem(*at, "an audit gives a session column, to be asked by session")
    for source in audit.header.look_back:
        keyed = library.tables.get(source)
        if source not in audit.query.refs or keyed is None or not keyed.by_session or len(keyed.key) < 2:
            yield Problem(*at, f"look_back names {source}, which is no table with a session and a key that it reads")


def _wrong_model(model: Model, columns: Columns) -> Iterator[Problem]:
    header, at = model.header, (model.query.path, *model.query.start)
    named = {*header.grain, *header.checks.not_null, *header.checks.between}
    if unknown := sorted(named - set(columns)):
        yield Problem(*at, f"the header names columns that the SELECT does not give: {', '.join(unknown)}")
    if list(header.columns) != list(columns):
        yield Problem(*at, f"columns in the header: {', '.join(header.columns)}; in the SELECT: {', '.join(columns)}")
