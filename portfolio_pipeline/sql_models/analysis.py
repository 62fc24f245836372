"""What a SELECT says, read with sqlglot: its columns and types, and where each column comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError, SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope, traverse_scope
from sqlglot.schema import MappingSchema

from portfolio_pipeline.core.tables import ColumnType
from portfolio_pipeline.sql_models.problems import Problem, SqlModelError
from portfolio_pipeline.sql_models.query import Columns, Lineage, Query

DIALECT = "postgres"
_SQL_TYPES: dict[ColumnType, str] = {
    "date": "date",
    "text": "text",
    "double": "double precision",
    "bigint": "bigint",
    "boolean": "boolean",
    "timestamp": "timestamp",
}
_TYPE_NAMES: dict[exp.DType, ColumnType] = {
    exp.DType.DATE: "date",
    exp.DType.TEXT: "text",
    exp.DType.VARCHAR: "text",
    exp.DType.DOUBLE: "double",
    exp.DType.FLOAT: "double",
    exp.DType.DECIMAL: "double",
    exp.DType.BIGINT: "bigint",
    exp.DType.INT: "bigint",
    exp.DType.BOOLEAN: "boolean",
    exp.DType.TIMESTAMP: "timestamp",
}


@cache
def parsed(query: Query) -> exp.Query:
    """The one SELECT that it is; or say where it is wrong."""
    tree = _statement(query)
    _require_refs(query, tree)
    return tree


def _statement(query: Query) -> exp.Query:
    try:
        statements = [statement for statement in sqlglot.parse(query.sql, dialect=DIALECT) if statement is not None]
    except ParseError as error:
        where = error.errors[0]
        column = where["col"] - len(where["highlight"] or " ") + 1
        raise SqlModelError(
            [Problem(query.path, where["line"], column, f"{where['description']} at {where['highlight']!r}")]
        ) from None
    except SqlglotError as error:
        raise SqlModelError([Problem(query.path, 1, 1, str(error))]) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise SqlModelError(
            [Problem(query.path, *query.start, f"expected one SELECT, found {len(statements)} statements")]
        )
    return statements[0]


def _require_refs(query: Query, tree: exp.Query) -> None:
    """Refuse tables that are not read through ref(), and CTEs that hide one that is."""
    problems = []
    for scope in traverse_scope(tree):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and (source.name not in query.refs or source.db):
                problems.append(
                    Problem(
                        query.path,
                        *query.at(source),
                        f"{source.sql()} is read without ref(): write ref('{source.name}')",
                    )
                )
    for cte in tree.find_all(exp.CTE):
        if cte.alias in query.refs:
            problems.append(
                Problem(query.path, *query.at(cte.args["alias"]), f"the name {cte.alias} hides ref('{cte.alias}')")
            )
    if problems:
        raise SqlModelError(sorted(set(problems)))


def _schema(sources: Mapping[str, Columns]) -> MappingSchema:
    return MappingSchema(
        {
            name: {column: _SQL_TYPES[kind] if kind else "unknown" for column, kind in columns.items()}
            for name, columns in sources.items()
        },
        dialect=DIALECT,
    )


def resolve(query: Query, sources: Mapping[str, Columns]) -> exp.Query:
    """The query with every column tied to its source and types where they can be known; or say which column is not."""
    schema = _schema(sources)
    try:
        # Aliases stay unexpanded: Postgres does not let one column of a SELECT name another, though DuckDB does.
        tree = qualify(
            parsed(query).copy(),
            schema=schema,
            dialect=DIALECT,
            quote_identifiers=False,
            identify=False,
            expand_alias_refs=False,
        )
        resolved = annotate_types(tree, schema=schema, dialect=DIALECT)
    except OptimizeError as error:
        raise SqlModelError([_unresolved(query, str(error))]) from None
    assert isinstance(resolved, exp.Query)
    return resolved


def _unresolved(query: Query, message: str) -> Problem:
    """What sqlglot says of a column it does not find; it gives the place in words, or the column's name alone."""
    said = re.split(r"\.? Line: |\n", message)[0]
    name = re.findall(r"[\w.]+", said.replace("could not be resolved", ""))[-1].split(".")[-1]
    columns = [column for column in parsed(query).find_all(exp.Column) if name in (column.name, column.table)]
    place = re.search(r"Line: (\d+), Col: (\d+)", message)
    if place:  # The column is that of the word's last letter.
        return Problem(query.path, int(place[1]), int(place[2]) - len(name) + 1, said)
    return Problem(query.path, *(query.at(columns[0]) if columns else query.start), said)


def column_types(resolved: exp.Query) -> Columns:
    """Name and type of each column of a resolved query."""
    return {
        column.alias_or_name: _TYPE_NAMES.get(column.type.this) if isinstance(column.type, exp.DataType) else None
        for column in resolved.selects
    }


def lineage_of(query: Query, views: Mapping[str, Query], stored: Mapping[str, Columns]) -> Lineage:
    """For each column the stored columns it comes from; `views` are looked through."""
    tree = exp.expand(parsed(query).copy(), {name: parsed(view) for name, view in views.items()}, dialect=DIALECT)
    schema = _schema(stored)
    resolved = qualify(tree, schema=schema, dialect=DIALECT, quote_identifiers=False, identify=False)
    assert isinstance(resolved, exp.Query)
    found: Lineage = {}
    # Of all columns at once, and without the text of each step: sqlglot copies the query for every one otherwise.
    roots = lineage(
        None, resolved, schema, dialect=DIALECT, scope=build_scope(resolved), trim_selects=False, copy=False
    )
    for column, root in roots.items():
        leaves = {
            (node.expression.name, node.name.split(".")[-1])
            for node in root.walk()
            if isinstance(node.expression, exp.Table) and not node.downstream
        }
        found[column] = tuple(sorted(leaves))
    return found
