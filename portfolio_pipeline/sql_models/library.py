"""The SQL files of a folder as one library: models and audits by name, who reads whom, in which order they are made.

    staging/ marts/        models; the file's name is the model's
    audits/assert_*.sql    audits

What the SQL says is found out in `analysis`, what it must not say in `lint`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from portfolio_pipeline.core.tables import TABLES, Table
from portfolio_pipeline.sql_models.analysis import (
    Columns,
    Lineage,
    Query,
    column_types,
    lineage_of,
    parse,
    resolve,
)
from portfolio_pipeline.sql_models.header import AuditHeader, ModelHeader, read_header
from portfolio_pipeline.sql_models.lint import lint_resolved, lint_written
from portfolio_pipeline.sql_models.problems import Problem, SqlModelError

MODEL_FOLDERS = ("staging", "marts")
AUDIT_FOLDER = "audits"


@dataclass(frozen=True)
class Model:
    """One SELECT that makes the rows of a view of its own name."""

    name: str
    header: ModelHeader
    query: Query


@dataclass(frozen=True)
class Audit:
    """One SELECT of rows that must not be there."""

    name: str
    header: AuditHeader
    query: Query


Item = Model | Audit


@dataclass(frozen=True)
class Library:
    """Models and audits that have been read; `tables` are the nouns' declared ones."""

    models: Mapping[str, Model]
    audits: Mapping[str, Audit]
    tables: Mapping[str, Table]
    _columns: dict[str, Columns] = field(default_factory=dict, repr=False)

    def columns(self, name: str) -> Columns:
        """Name and type of each column of a table or model."""
        if name not in self._columns:
            self._columns[name] = (
                self._resolved_columns(name)
                if name in self.models
                else {column.name: column.type for column in self.tables[name].columns}
            )
        return self._columns[name]

    def _resolved_columns(self, name: str) -> Columns:
        query = self.models[name].query
        return column_types(resolve(query, self.sources_of(query)))

    def sources_of(self, query: Query) -> dict[str, Columns]:
        return {name: self.columns(name) for name in query.refs}

    @property
    def items(self) -> tuple[Item, ...]:
        return (*self.models.values(), *self.audits.values())

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The models, each after those it reads."""
        reads = {name: [ref for ref in model.query.refs if ref in self.models] for name, model in self.models.items()}
        return tuple(TopologicalSorter(reads).static_order())

    def upstream(self, name: str) -> tuple[str, ...]:
        """The models that `name` reads, directly or through others, in the order they are made."""
        wanted = set(self.models[name].query.refs)
        for other in reversed(self.order):
            if other in wanted:
                wanted.update(self.models[other].query.refs)
        return tuple(other for other in self.order if other in wanted)

    def stored_sources(self, name: str) -> tuple[str, ...]:
        """The tables that `name` is made from; views are seen through."""
        found: list[str] = []
        for ref in self.models[name].query.refs:
            found.extend(self.stored_sources(ref) if ref in self.models else [ref])
        return tuple(dict.fromkeys(found))

    def lineage(self, name: str) -> Lineage:
        """For each column of a model, the columns of stored tables that it comes from."""
        views = {view: self.models[view].query for view in self.upstream(name)}
        stored = {ref for query in (*views.values(), self.models[name].query) for ref in query.refs} - set(views)
        return lineage_of(self.models[name].query, views, {table: self.columns(table) for table in stored})


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
                audits[path.stem] = Audit(path.stem, read_header(AuditHeader, shown, text), parse(shown, text))
            else:
                model = Model(path.stem, read_header(ModelHeader, shown, text), parse(shown, text))
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
