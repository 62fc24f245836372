"""What a SQL model must not say, because DuckDB and Postgres answer differently or one of them not at all.

Each rule is a line in a table: what it catches and what to write instead. What sqlglot does not even know as a function
is refused too: nobody has checked that both engines mean the same by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from portfolio_pipeline.sql_models.analysis import Query
from portfolio_pipeline.sql_models.problems import Problem

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


def _windowed(node: exp.Expr) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        parent = parent.parent
    return isinstance(parent, exp.Window)


def _window_without_order(node: exp.Expr) -> bool:
    return isinstance(node, exp.Window) and isinstance(node.this, _ADDING) and not node.args.get("order")


def _unknown_function(node: exp.Expr) -> bool:
    """What sqlglot does not know; but `cross join lateral json_each(…) as a (key, value)` is the same on both."""
    if not isinstance(node, exp.Anonymous):
        return False
    around = node.parent
    named = around.args.get("alias") if isinstance(around, exp.Lateral) else None
    return not (node.name.lower() == "json_each" and named is not None and len(named.columns) == 2)


_ADDING = (exp.Sum, exp.Avg, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop, exp.Corr)

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
# For what is stored by session, and what that is made from: the same bits whatever range is computed.
IN_FIXED_ORDER = (
    Rule(
        lambda node: isinstance(node, _ADDING) and not _windowed(node),
        "adds in no fixed order, so the last bits vary: use a window with order by",
    ),
    Rule(_window_without_order, "adds in no fixed order, so the last bits vary: give the window an order by"),
)


def lint_written(query: Query, *, in_fixed_order: bool = False, look_back: float | None = None) -> Iterator[Problem]:
    """What in the query as it is written breaks a rule.

    `look_back` is given for what is stored by session: the rows before the range that it may see, infinity for all.
    """
    rules = (*WRITTEN, *IN_FIXED_ORDER) if in_fixed_order else WRITTEN
    if look_back is not None:
        rules = (*rules, Rule(lambda node: _reaches_too_far(node, look_back), _REACH.format(look_back)))
    return _broken(query, query.tree, rules)


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


_REACH = (
    "may see at most {} rows back and none ahead, or the result depends on where the range starts and ends: "
    "use lag(…, n) or rows between n preceding and current row, or partition by session"
)


def _reaches_too_far(node: exp.Expr, look_back: float) -> bool:
    if not isinstance(node, exp.Window) or any(part.name == "session" for part in node.args.get("partition_by") or ()):
        return False
    function = node.this
    while isinstance(function, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        function = function.this
    if isinstance(function, exp.RowNumber):  # Good for asking whether a window is full.
        return False
    if isinstance(function, exp.Lag):
        offset = function.args.get("offset")
        return not (offset is None or (offset.is_int and 0 <= int(offset.name) <= look_back))
    frame = node.args.get("spec")
    if (
        frame is None
        or not _is_word(frame.args.get("kind"), "rows")
        or _is_word(frame.args.get("end_side"), "following")
    ):
        return True
    start = frame.args.get("start")
    if _is_word(start, "unbounded"):
        return look_back != float("inf")
    return isinstance(start, exp.Expr) and int(start.name) > look_back


def _is_word(found: object, word: str) -> bool:
    return isinstance(found, str) and found.lower() == word


def _shown(node: exp.Expr) -> str:
    text = " ".join(node.sql(dialect="postgres").split())
    return text if len(text) <= 40 else f"{text[:37]}…"
