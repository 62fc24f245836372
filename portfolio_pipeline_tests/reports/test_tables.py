"""Rows as people see them: every kind of value readable, nothing that breaks the table."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.tables import TABLES, Table
from portfolio_pipeline.core.tables.rows import arrow_schema, frame
from portfolio_pipeline.reports.tables import aligned, first_rows, markdown_table

ROWS = pa.table(
    {
        "session": pa.array([date(2024, 1, 2), date(2024, 1, 3)], pa.date32()),
        "symbol": ["SPY", "a|b"],
        "weight": [0.123456789, None],
        "equity": [1_241_912.85, -2.5e-9],
        "quantity": pa.array([3, None], pa.int64()),
        "locked": [True, False],
        "retrieved_at": pa.array(["2024-01-02 16:00:05.000123", None]).cast(pa.timestamp("us")),
    }
)


def cells_of(table: str) -> list[list[str]]:
    """The cells of each line between the bars that are not escaped."""
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()]


@pytest.mark.parametrize("rows", [ROWS, frame(ROWS)], ids=["arrow", "pandas"])
def test_every_kind_of_value_is_written_for_people(rows: pa.Table | pd.DataFrame) -> None:
    names, ruler, first, second = cells_of(first_rows(rows))
    assert names == ROWS.column_names
    assert ruler == [":---", ":---", "---:", "---:", "---:", ":---", ":---"]
    assert first == ["2024-01-02", "SPY", "0.123457", "1241913", "3", "True", "2024-01-02 16:00:05"]
    assert second == ["2024-01-03", "a\\|b", "", "-2.5e-09", "", "False", ""]


def test_the_first_rows_are_shown_and_the_others_counted() -> None:
    rows = pa.table({"place": list(range(1_500))})
    lines = first_rows(rows, 3).splitlines()
    assert lines[2:] == ["| 0 |", "| 1 |", "| 2 |", "", "and 1,497 more"]
    assert "more" not in first_rows(rows.slice(0, 3), 3)
    assert markdown_table(rows.to_pylist()).endswith("| 19 |\n\nand 1,480 more")


def test_a_few_rows_of_many_columns_stand_upright() -> None:
    wide = pa.table({f"c{n}": [n, n + 0.5] for n in range(8)})
    assert cells_of(first_rows(wide))[:3] == [["c0", "0", "0.5"], [":---"] * 3, ["c1", "1", "1.5"]]
    assert len(cells_of(first_rows(wide))) == 9
    assert cells_of(first_rows(wide, 1))[0] == wide.column_names


def test_long_text_is_cut_among_first_rows_and_a_reason_is_not() -> None:
    reason = "refused because of this. " * 5
    (shown,) = cells_of(first_rows(pa.table({"reason": [reason]})))[2]
    assert len(shown) == 60
    assert shown.endswith("…")
    assert reason.strip() in markdown_table([{"reason": reason}])


def test_no_rows_are_told_in_words() -> None:
    assert first_rows(ROWS.slice(0, 0)) == first_rows(pd.DataFrame()) == markdown_table([]) == "no rows"


def test_words_are_set_to_the_side_that_is_asked_for() -> None:
    assert aligned(["a", "b"], [["x", "1|2"]], right=[False, True]) == "| a | b |\n|:---|---:|\n| x | 1\\|2 |"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_declared_table_can_be_shown(table: Table) -> None:
    schema = arrow_schema(table)
    empty = pa.Table.from_arrays([pa.nulls(3, field.type) for field in schema], schema=schema)
    names, _, *rows = cells_of(first_rows(empty))
    assert names == schema.names
    assert rows == [[""] * len(names)] * 3


VALUES = st.one_of(
    st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.dates(), st.just(pd.NaT), st.just(np.float64(1))
)


@given(st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}), min_size=1, max_size=30))
def test_whatever_the_values_a_table_keeps_its_columns(rows: list[dict[str, object]]) -> None:
    lines = markdown_table(rows).split("\n")
    told = lines[: 2 + min(len(rows), 20)]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in told)
    assert first_rows(pd.DataFrame(rows, dtype=object)).count("\n") >= 2
