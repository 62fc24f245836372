"""Tables crossing a door: from Arrow to pandas, and the check of rows against the table they are meant for.

Types are coerced by Arrow, which refuses what would lose something. Whether the rules (nulls, limits, choices, key)
hold is asked of Arrow; what is wrong where they do not is said by a pandera schema derived from the declared table, and
pandera is imported for that alone. What the tables are is in `core.tables`; nothing here knows a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import Column, ColumnType, Table

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pandera

ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    "date": pa.date32(),
    "text": pa.string(),
    "double": pa.float64(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
}
_SHOWN = 3


def frame(table: pa.Table) -> pd.DataFrame:
    """The rows as pandas: dates as datetime64[s], NULL numbers as NaN."""
    rows = table.to_pandas(date_as_object=False)
    dates = [field.name for field in table.schema if pa.types.is_date(field.type)]
    return rows.astype(dict.fromkeys(dates, "datetime64[s]")) if dates else rows


def arrow_schema(table: Table) -> pa.Schema:
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in table.columns])


def checked(
    table: Table,
    rows: pa.Table | pd.DataFrame,
    sessions: SessionRange | None = None,
    where: Mapping[str, object] | None = None,
) -> pa.Table:
    """`rows` with exactly the columns and types of `table`, or a refusal that names column, rule and offending rows.

    NaN becomes NULL. With `sessions` every row must lie in that range, with `where` it must match those values:
    rows that a later replacement of the same range would not delete are refused.
    """
    _check_names(table, list(rows.schema.names if isinstance(rows, pa.Table) else rows.columns))
    arrays = [_coerced(table, column, rows) for column in table.columns]
    result = pa.Table.from_arrays(arrays, schema=arrow_schema(table))
    _check_rules(table, result)
    if sessions is not None:
        session = result["session"]
        inside = pc.and_(pc.greater_equal(session, sessions.first), pc.less_equal(session, sessions.last))
        _refuse_unless(table, result, "session", "within_range", inside, f"sessions {sessions}")
    for name, wanted in (where or {}).items():
        values = list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]
        matches = pc.is_in(result[name], value_set=pa.array(values, result[name].type))
        _refuse_unless(table, result, name, "matches_where", matches, " or ".join(map(str, values)))
    return result


def _check_names(table: Table, found: list[str]) -> None:
    missing = [name for name in table.column_names if name not in found]
    unknown = [name for name in found if name not in table.column_names]
    twice = sorted({str(name) for name in found if found.count(name) > 1})
    if missing or unknown or twice:
        raise WarehouseError(
            "COLUMNS_WRONG",
            table=table.name,
            missing=missing,
            unknown=unknown,
            twice=twice,
            expected=", ".join(table.column_names),
            remedy="Hand over exactly the columns that core.tables declares.",
        )


def _coerced(table: Table, column: Column, rows: pa.Table | pd.DataFrame) -> pa.Array:
    """One column as Arrow, in the declared type and with NaN as NULL; refused if that would lose anything."""
    wanted = ARROW_TYPES[column.type]
    try:
        if isinstance(rows, pa.Table):
            values = rows[column.name].combine_chunks()
        else:
            values = pa.array(rows[column.name], from_pandas=True)
            if isinstance(values, pa.ChunkedArray):
                values = values.combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
        if values.null_count == len(values):
            return pa.nulls(len(values), wanted)
        if values.type == wanted:
            return values
        if not _convertible(values.type, column.type):
            raise pa.ArrowInvalid(f"{values.type} is no {column.type}")
        # Nanoseconds of a clock are the one thing that may be cut off: the column is declared in microseconds.
        result = values.cast(options=pc.CastOptions(wanted, allow_time_truncate=column.type == "timestamp"))
        if column.type == "date" and not pc.all(pc.equal(result.cast(values.type), values)).as_py():
            raise pa.ArrowInvalid("a time of day in a date")
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise WarehouseError(
            "TYPE_WRONG",
            table=table.name,
            column=column.name,
            found=str(error).splitlines()[0],
            expected=column.type,
            remedy="Convert the column before it is stored.",
        ) from error
    return result


def _convertible(found: pa.DataType, wanted: ColumnType) -> bool:
    """Whether a type may become another without guessing: no numbers from text, no text from numbers."""
    types = pa.types
    if wanted in ("double", "bigint"):
        number: bool = types.is_integer(found) or types.is_floating(found) or types.is_decimal(found)
        return number
    if wanted == "text":
        text: bool = types.is_large_string(found) or types.is_string_view(found)
        return text
    if wanted == "date":
        return types.is_date(found) or (types.is_timestamp(found) and found.tz is None)
    return wanted == "timestamp" and types.is_timestamp(found)


@cache
def pandera_schema(table: Table) -> pandera.DataFrameSchema:
    """The rules of the declared table. Types are not among them: `checked` has coerced those already."""
    import pandera.pandas as pandera

    def checks(column: Column) -> list[Any]:
        found = []
        if column.minimum is not None:
            found.append(pandera.Check.ge(column.minimum, name="minimum", error=f"at least {column.minimum:g}"))
        if column.maximum is not None:
            found.append(pandera.Check.le(column.maximum, name="maximum", error=f"at most {column.maximum:g}"))
        if column.one_of:
            found.append(pandera.Check.isin(column.one_of, name="one_of", error=" or ".join(column.one_of)))
        if column.type == "text":
            # Postgres cannot store it, so no engine does.
            found.append(pandera.Check(_without_nul, name="no_nul", error="text without NUL characters"))
        return found

    return pandera.DataFrameSchema(
        {
            column.name: pandera.Column(None, checks(column), nullable=column.nullable, required=True)
            for column in table.columns
        },
        unique=list(table.key),
        strict=True,
        name=table.name,
    )


def _without_nul(values: pd.Series) -> pd.Series:
    return ~values.str.contains("\0", regex=False)


def _check_rules(table: Table, rows: pa.Table) -> None:
    if rules_hold(table, rows):
        return
    import pandas as pd
    import pandera.errors

    # Arrow-backed columns share the memory of `rows` and know NULL from NaN.
    values = rows.to_pandas(types_mapper=pd.ArrowDtype)
    try:
        pandera_schema(table).validate(values, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        raise _refusal(table, rows, errors.failure_cases) from None


def rules_hold(table: Table, rows: pa.Table) -> bool:
    """Whether pandera would find nothing: Arrow is asked first, and far faster to import and to answer."""
    return all(_column_holds(column, rows[column.name]) for column in table.columns) and _unique(table, rows)


def _column_holds(column: Column, values: pa.ChunkedArray) -> bool:
    if values.null_count == len(values):
        return column.nullable or not len(values)
    if values.null_count and not column.nullable:
        return False
    if column.minimum is not None or column.maximum is not None:
        found = pc.min_max(values).as_py()
        if column.minimum is not None and found["min"] < column.minimum:
            return False
        if column.maximum is not None and found["max"] > column.maximum:
            return False
    if column.one_of and not set(pc.unique(values).to_pylist()) <= {*column.one_of, None}:
        return False
    return column.type != "text" or not pc.any(pc.match_substring(values, "\0")).as_py()


def in_key_order(table: Table, rows: pa.Table) -> pa.Table:
    """The rows in the order of their key, text byte by byte."""
    if _rises(table, rows):
        return rows
    return rows.sort_by([(name, "ascending") for name in table.key])


def refuse_stored(table: Table, rows: pa.Table, stored: pa.Table) -> None:
    """Refuse rows of which a key is among the stored ones."""
    keys = rows.select(table.key)
    if len(stored) and not _unique(table, pa.concat_tables([stored.cast(keys.schema), keys])):
        there = {tuple(key.values()) for key in stored.to_pylist()}
        broken = [place for place, key in enumerate(keys.to_pylist()) if tuple(key.values()) in there]
        raise _broken(table, rows, ", ".join(table.key), "unique", "no stored row of the same key", broken, 0)


def _unique(table: Table, rows: pa.Table) -> bool:
    if _rises(table, rows):
        return True
    keys = rows.select(table.key)
    unique: bool = keys.group_by(list(table.key), use_threads=False).aggregate([]).num_rows == len(rows)
    return unique


def _rises(table: Table, rows: pa.Table) -> bool:
    """Whether every key is above the one before it; most tables come like that, and then no key is there twice."""
    rises, same = pa.scalar(False), pa.scalar(True)
    for name in table.key:
        values = rows[name].combine_chunks()
        before, after = values[:-1], values[1:]
        rises = pc.or_(rises, pc.and_(same, pc.less(before, after)))
        same = pc.and_(same, pc.equal(before, after))
    return len(rows) < 2 or bool(pc.all(rises, skip_nulls=False).as_py())


def _refusal(table: Table, rows: pa.Table, failures: pd.DataFrame) -> WarehouseError:
    """The first broken rule with a few of the rows that break it, and how many other rules are broken."""
    first = failures.iloc[0]
    rule, column = str(first["check"]), first["column"]
    same = failures[(failures["check"] == first["check"]) & (failures["column"] == column)]
    if rule == "not_nullable":
        expected = "no NULL"
    elif rule == "multiple_fields_uniqueness":
        rule, column, expected = "unique", ", ".join(table.key), "one row per key"
    else:
        expected = rule
        rule = _rule_name(table, str(column), rule)
    positions = [int(position) for position in dict.fromkeys(same["index"].dropna())]
    others = len(failures.groupby(["column", "check"], dropna=False)) - 1 if rule != "unique" else 0
    return _broken(table, rows, str(column), rule, expected, positions, others)


def _rule_name(table: Table, column: str, expected: str) -> str:
    checks = pandera_schema(table).columns[column].checks
    return next((str(check.name) for check in checks if check.error == expected), expected)


def _refuse_unless(table: Table, rows: pa.Table, column: str, rule: str, holds: pa.ChunkedArray, expected: str) -> None:
    if not pc.all(holds, skip_nulls=False).as_py() and len(rows):
        broken = pc.indices_nonzero(pc.invert(pc.fill_null(holds, False))).to_pylist()
        raise _broken(table, rows, column, rule, expected, broken, 0)


def _broken(
    table: Table, rows: pa.Table, column: str, rule: str, expected: str, positions: list[int], others: int
) -> WarehouseError:
    shown = [*table.key, *([column] if column in table.column_names and column not in table.key else [])]
    examples = [
        "(" + ", ".join(f"{name}={value}" for name, value in row.items()) + ")"
        for row in rows.select(shown).take(positions[:_SHOWN]).to_pylist()
    ]
    return WarehouseError(
        "ROWS_REFUSED",
        table=table.name,
        column=column,
        rule=rule,
        found=" ".join(examples) + (f" and {len(positions) - _SHOWN} more rows" if len(positions) > _SHOWN else ""),
        expected=expected,
        remedy="Nothing was stored." + (f" {others} other rules are broken, too." if others else ""),
    )
