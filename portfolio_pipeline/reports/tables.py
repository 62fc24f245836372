"""Rows as markdown tables for people: which rows, and how each kind of value is written. No figure is computed here.

Floats have six significant digits, days and times are ISO, NULL and NaN are empty, numbers stand at the right. A few
rows of many columns stand upright, a line for each column: the web UI cuts off what is wider than its page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time

import pandas as pd
import pyarrow as pa

SHOWN = 20
_LONGEST, _LONGEST_OF_MANY = 300, 60  # letters of a cell
_FEW_ROWS, _MANY_COLUMNS = 2, 8


def first_rows(table: pa.Table | pd.DataFrame, count: int = 10) -> str:
    """The first rows of a table, long text cut, and how many more there are."""
    if isinstance(table, pd.DataFrame):
        names, rows = [str(name) for name in table.columns], table.head(count).to_numpy(dtype=object).tolist()
    else:
        names, head = table.column_names, table.slice(0, count)
        rows = list(zip(*(column.to_pylist() for column in head.columns), strict=True))
    return _table(names, rows, len(table), _LONGEST_OF_MANY)


def markdown_table(rows: Sequence[Mapping[str, object]], count: int = SHOWN) -> str:
    """The first of some rows that all have the same names, and how many more there are."""
    names = list(rows[0]) if rows else []
    return _table(names, [[row[name] for name in names] for row in rows[:count]], len(rows), _LONGEST)


def aligned(names: Iterable[str], rows: Iterable[Sequence[str]], *, right: Iterable[bool]) -> str:
    """Words as they are, in columns that are set to the right or to the left."""
    ruler = "|" + "".join("---:|" if numbers else ":---|" for numbers in right)
    return "\n".join([_line(names), ruler, *map(_line, rows)])


def _table(names: Sequence[str], rows: Sequence[Sequence[object]], total: int, longest: int) -> str:
    if not names or not rows:
        return "no rows"
    if len(rows) == total <= _FEW_ROWS and len(names) >= _MANY_COLUMNS:
        first, *others = zip(names, *([_written(value, _LONGEST) for value in row] for row in rows), strict=True)
        return aligned(first, others, right=[False] * len(first))
    right = [all(_is_number(value) or _is_null(value) for value in column) for column in zip(*rows, strict=True)]
    shown = aligned(names, [[_written(value, longest) for value in row] for row in rows], right=right)
    return f"{shown}\n\nand {total - len(rows):,} more" if total > len(rows) else shown


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_null(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value


def _written(value: object, longest: int) -> str:
    if _is_null(value):
        return ""
    if isinstance(value, float):
        # Powers of ten only where a plain number would be mostly noughts.
        return f"{value:.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:.6g}"
    if isinstance(value, datetime):
        at_midnight = value.time() == time()
        return str(value.date()) if at_midnight else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    words = " ".join(str(value).split())
    return words if len(words) <= longest else words[: longest - 1] + "…"
