"""The SQL files of a folder as one library: models and audits by name, who reads whom, in which order they are made.

What the SQL says is found out in `analysis`, when it is first asked for: to read all of it takes longer than most
that a run does. Files become a library in `inspection`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter

from portfolio_pipeline.core.tables import Table
from portfolio_pipeline.sql_models.header import AuditHeader, ModelHeader
from portfolio_pipeline.sql_models.query import Columns, Lineage, Query


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
    _lineage: dict[str, Lineage] = field(default_factory=dict, repr=False)

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
        from portfolio_pipeline.sql_models.analysis import column_types, resolve

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
        if name not in self._lineage:
            self._lineage[name] = self._found_lineage(name)
        return self._lineage[name]

    def _found_lineage(self, name: str) -> Lineage:
        from portfolio_pipeline.sql_models.analysis import lineage_of

        views = {view: self.models[view].query for view in self.upstream(name)}
        stored = {ref for query in (*views.values(), self.models[name].query) for ref in query.refs} - set(views)
        return lineage_of(self.models[name].query, views, {table: self.columns(table) for table in stored})
