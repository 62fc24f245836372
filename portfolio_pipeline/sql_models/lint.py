"""What a SQL model must not say, because DuckDB and Postgres answer differently or one of them not at all.

Each rule is a line in a table: what it catches and what to write instead. What sqlglot does not even know as a function
is refused too: nobody has checked that both engines mean the same by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from portfolio_pipeline.sql_models.analysis import parsed
from portfolio_pipeline.sql_models.problems import Problem
from portfolio_pipeline.sql_models.query import Query

Matches = Callable[[exp.Expr], object]


@dataclass(frozen=True)
class Rule:
    matches: Matches
    reason: str


def _is(*kinds: type[exp.Expr]) -> Matches:
    return lambda node: isinstance(node, kinds)


def _integer_division(node: exp.Expr) -> bool:
    return isinstance(node, exp.Div) and not any(
        part.is_type(*exp.DataType.REAL_TYPES) for part in (node.left, node.right) if part.type is not None
    )


def _order_by_all(node: exp.Expr) -> bool:
    return isinstance(node, exp.Ordered | exp.Group) and (
        bool(node.args.get("all")) or (isinstance(node.this, exp.Column) and node.this.name.lower() == "all")
    )


def _unknown_function(node: exp.Expr) -> bool:
    """What sqlglot does not know; but `cross join lateral json_each(…) as a (key, value)` is the same on both."""
    if not isinstance(node, exp.Anonymous):
        return False
    around = node.parent
    named = around.args.get("alias") if isinstance(around, exp.Lateral) else None
    return not (node.name.lower() == "json_each" and named is not None and len(named.columns) == 2)


# Judged on the SQL as it stands in the file.
WRITTEN = (
    Rule(lambda node: isinstance(node, exp.Star) and node.args.get("except_"), "EXCLUDE is DuckDB's: list the columns"),
    Rule(lambda node: isinstance(node, exp.Star) and node.args.get("replace"), "REPLACE is DuckDB's: list the columns"),
    Rule(_is(exp.Columns), "COLUMNS() is DuckDB's: list the columns"),
    Rule(_is(exp.Qualify), "QUALIFY is DuckDB's: put the window into a subquery and filter outside"),
    Rule(_order_by_all, "ALL is DuckDB's: list the columns"),
    Rule(_is(exp.TableSample), "samples differ from run to run"),
    Rule(
        _is(exp.Array, exp.List, exp.Bracket, exp.Struct, exp.ArrayAgg),
        "lists and structs differ: keep to plain columns",
    ),
    Rule(
        _is(exp.Median, exp.Quantile, exp.ApproxQuantile),
        "not in Postgres: percentile_cont(0.5) within group (order by …)",
    ),
    Rule(_is(exp.DateDiff, exp.DateTrunc, exp.TimestampTrunc), "counts differently: subtract dates, or compare them"),
    Rule(
        _is(exp.TimeToStr, exp.ToChar, exp.StrToTime, exp.StrToDate),
        "formats differ: cast to text, or leave it to whoever shows it",
    ),
    Rule(
        _is(exp.RegexpLike, exp.RegexpExtract, exp.RegexpReplace, exp.RegexpILike),
        "regular expressions differ: use like or ilike",
    ),
    Rule(_is(exp.Round), "rounds halves differently, and not doubles in Postgres: leave rounding to whoever shows it"),
    Rule(
        _is(exp.Rand, exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime),
        "answers differently each time: models see data only",
    ),
    Rule(
        _is(exp.Pivot, exp.Unnest, exp.ArgMax, exp.ArgMin, exp.First, exp.Last),
        "not in both engines: use joins and windows",
    ),
    Rule(
        lambda node: isinstance(node, exp.Join) and (node.method or "").upper() == "ASOF",
        "ASOF is DuckDB's: join on the interval",
    ),
    Rule(
        lambda node: isinstance(node, exp.Cast) and node.is_type("float"),
        "4 bytes in DuckDB, 8 in Postgres: double precision",
    ),
    Rule(_unknown_function, "not known to mean the same on both engines"),
)
# Judged once types are known.
RESOLVED = (Rule(_integer_division, "whole numbers divide differently: cast one side to double precision"),)


def lint_written(query: Query) -> Iterator[Problem]:
    """What in the query as it is written breaks a rule."""
    return _broken(query, parsed(query), WRITTEN)


def lint_resolved(query: Query, resolved: exp.Query) -> Iterator[Problem]:
    """What breaks a rule about types."""
    return _broken(query, resolved, RESOLVED)


def _broken(query: Query, tree: exp.Query, rules: tuple[Rule, ...]) -> Iterator[Problem]:
    seen: set[tuple[int, int]] = set()
    for node in tree.walk():
        rule = next((rule for rule in rules if rule.matches(node)), None)
        at = query.at(node) if rule else (0, 0)
        if rule is not None and at not in seen:
            seen.add(at)
            yield Problem(query.path, *at, f"{_shown(node)}: {rule.reason}")


def _shown(node: exp.Expr) -> str:
    text = " ".join(node.sql(dialect="postgres").split())
    return text if len(text) <= 40 else f"{text[:37]}…"
