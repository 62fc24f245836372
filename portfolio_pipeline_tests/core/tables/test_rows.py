"""Rows are checked against their declared table: against pandas as the oracle, and rule by rule."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pandera.errors
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables import Column, Table
from portfolio_pipeline.core.tables.rows import arrow_schema, checked, frame, in_key_order, pandera_schema, rules_hold

DAY = date(2024, 1, 2)
BOOK = Table(
    "book",
    "one row per session and name",
    "Every type and every rule.",
    ("session", "name"),
    (
        Column("session", "date", ""),
        Column("name", "text", ""),
        Column("share", "double", "", nullable=True, minimum=0, maximum=1),
        Column("trades", "bigint", "", minimum=1),
        Column("open", "boolean", ""),
        Column("at", "timestamp", ""),
        Column("side", "text", "", one_of=("buy", "sell"), nullable=True),
    ),
)

KEYS = replace(BOOK, columns=BOOK.columns[:2])


def rows(count: int = 3, /, **changes: object) -> pd.DataFrame:
    columns: dict[str, object] = {
        "session": DAY,
        "name": [f"n{number}" for number in range(count)],
        "share": 0.5,
        "trades": 7,
        "open": True,
        "at": datetime(2024, 1, 2, 21, tzinfo=UTC),
        "side": "buy",
    }
    return pd.DataFrame(columns | changes)


def refusal(table: pd.DataFrame | pa.Table, *arguments: object) -> str:
    with pytest.raises(WarehouseError) as error:
        checked(BOOK, table, *arguments)  # type: ignore[arg-type]
    return str(error.value)


def test_columns_may_come_in_any_order_and_leave_in_the_declared_one() -> None:
    found = checked(BOOK, rows()[["side", "at", "trades", "open", "share", "name", "session"]])
    assert found.schema == arrow_schema(BOOK)
    assert found.equals(checked(BOOK, rows()))


def test_missing_unknown_and_repeated_columns_are_named() -> None:
    message = refusal(rows().drop(columns="share").assign(surprise=1))
    assert "COLUMNS_WRONG: table=book, missing=['share'], unknown=['surprise'], twice=[]" in message
    doubled = pd.concat([rows(), rows()[["name"]]], axis=1)
    assert "twice=['name']" in refusal(doubled)


@pytest.mark.parametrize(
    "session",
    [
        DAY,
        pd.Timestamp(DAY),
        np.datetime64(DAY, "D"),
        pd.Series([DAY] * 3),
        pd.Series([DAY] * 3, dtype="datetime64[s]"),
        pd.Series([DAY] * 3, dtype="datetime64[ns]"),
        pd.Series([DAY] * 3, dtype=pd.ArrowDtype(pa.date32())),
    ],
)
def test_a_session_may_be_a_date_or_a_datetime64(session: object) -> None:
    assert checked(BOOK, rows(session=session))["session"].to_pylist() == [DAY] * 3


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2024, 1, 2, 21, 0, 0, 5, tzinfo=UTC),
        datetime(2024, 1, 2, 16, 0, 0, 5, tzinfo=ZoneInfo("America/New_York")),
        datetime(2024, 1, 2, 21, 0, 0, 5),  # noqa: DTZ001
        pd.Timestamp("2024-01-02T21:00:00.000005999"),
    ],
)
def test_moments_become_utc_in_microseconds(moment: object) -> None:
    expected = datetime(2024, 1, 2, 21, 0, 0, 5)  # noqa: DTZ001
    assert checked(BOOK, rows(at=moment))["at"].to_pylist() == [expected] * 3


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("share", pd.Series([0, 1, 1], dtype="int32"), [0.0, 1.0, 1.0]),
        ("share", pd.Series([0.5, None, np.nan], dtype="object"), [0.5, None, None]),
        ("share", [Decimal("0.25"), Decimal("0.5"), None], [0.25, 0.5, None]),
        ("share", pd.Series([0.5, pd.NA, 0.25], dtype="Float32"), [0.5, None, 0.25]),
        ("trades", [1.0, 2.0, 3.0], [1, 2, 3]),
        ("trades", pd.Series([1, 2, 2**62 + 1], dtype="Int64"), [1, 2, 2**62 + 1]),
        ("side", pd.Categorical(["buy", "sell", None]), ["buy", "sell", None]),
        ("side", [np.nan, np.nan, np.nan], [None, None, None]),
        ("open", pd.Series([True, False, True], dtype="object"), [True, False, True]),
    ],
)
def test_types_are_coerced_where_nothing_is_lost(column: str, values: object, expected: list[object]) -> None:
    assert checked(BOOK, rows(**{column: values}))[column].to_pylist() == expected


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("session", pd.Timestamp("2024-01-02 16:00")),
        ("session", "2024-01-02"),
        ("name", [1, 2, 3]),
        ("share", "0.5"),
        ("share", True),
        ("trades", [1.5, 2.0, 3.0]),
        ("trades", [1.0, 2.0, 1e300]),
        ("open", 1),
        ("at", "now"),
        ("share", [0.5, "much", 0.1]),
        ("share", [[1.0], [2.0], [3.0]]),
    ],
)
def test_types_that_would_have_to_be_guessed_are_refused(column: str, values: object) -> None:
    message = refusal(rows(**{column: values}))
    assert message.startswith(f"TYPE_WRONG: table=book, column={column}, found=")
    assert f"expected={BOOK.column(column).type}" in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"share": [0.5, -0.1, 0.5]}, "column=share, rule=minimum, found=(session=2024-01-02, name=n1, share=-0.1)"),
        ({"share": [0.5, 1.1, 0.5]}, "column=share, rule=maximum, found=(session=2024-01-02, name=n1, share=1.1)"),
        ({"trades": 0}, "rule=minimum, found=(session=2024-01-02, name=n0, trades=0)"),
        ({"side": ["buy", "hold", None]}, "column=side, rule=one_of, found=(session=2024-01-02, name=n1, side=hold)"),
        (
            {"trades": [1, None, 1]},
            "column=trades, rule=not_nullable, found=(session=2024-01-02, name=n1, trades=None)",
        ),
        ({"name": ["a", "b", "a"]}, "column=session, name, rule=unique, found=(session=2024-01-02, name=a)"),
        ({"name": ["a", "b\0", "c"]}, "column=name, rule=no_nul"),
    ],
)
def test_a_broken_rule_is_named_with_column_rows_and_expectation(changes: dict[str, object], expected: str) -> None:
    message = refusal(rows(**changes))
    assert message.startswith("ROWS_REFUSED: table=book")
    assert expected in message
    assert "Nothing was stored." in message


def test_expectations_are_said_in_words() -> None:
    assert "expected=at least 0." in refusal(rows(share=-1.0))
    assert "expected=at most 1." in refusal(rows(share=2.0))
    assert "expected=buy or sell." in refusal(rows(side="hold"))


def test_many_offending_rows_are_counted_and_a_few_are_shown() -> None:
    message = refusal(rows(50, share=-1.0, trades=0))
    assert message.count("(session=") == 3
    assert "and 47 more rows" in message
    assert "1 other rules are broken" in message


def test_rows_outside_the_range_are_refused() -> None:
    sessions = SessionRange(date(2024, 1, 3), date(2024, 1, 5))
    assert "rule=within_range" in refusal(rows(), sessions)
    inside = rows(session=[date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 5)])
    assert len(checked(BOOK, inside, sessions)) == 3
    message = refusal(rows(session=[date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 8)]), sessions)
    assert "found=(session=2024-01-08, name=n2), expected=sessions 2024-01-03 to 2024-01-05" in message


def test_rows_that_where_would_not_delete_are_refused() -> None:
    assert len(checked(BOOK, rows(), None, {"side": ["buy", "sell"], "trades": 7})) == 3
    assert "column=side, rule=matches_where" in refusal(rows(side=["buy", None, "sell"]), None, {"side": "buy"})


@pytest.mark.parametrize(
    "empty", [rows().head(0), pd.DataFrame(columns=list(BOOK.column_names)), arrow_schema(BOOK).empty_table()]
)
def test_no_rows_are_fine_whatever_types_they_do_not_have(empty: pd.DataFrame | pa.Table) -> None:
    found = checked(BOOK, empty, SessionRange.single(DAY), {"side": "buy"})
    assert found.equals(arrow_schema(BOOK).empty_table())


keys = st.tuples(st.dates(date(2024, 1, 1), date(2024, 1, 3)), st.sampled_from("ab"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            keys,
            st.one_of(st.none(), st.just(float("nan")), st.floats(-0.5, 1.5)),
            st.sampled_from(["buy", "sell", "hold", None]),
        ),
        max_size=5,
    )
)
def test_rows_pass_exactly_when_plain_python_finds_nothing_wrong(
    drawn: list[tuple[tuple[date, str], float | None, str | None]],
) -> None:
    table = rows(
        len(drawn),
        session=pd.Series([key[0] for key, _, _ in drawn], dtype="object"),
        name=pd.Series([key[1] for key, _, _ in drawn], dtype="object"),
        share=pd.Series([share for _, share, _ in drawn], dtype="float64"),
        side=pd.Series([side for _, _, side in drawn], dtype="object"),
    )
    right = (
        len({key for key, _, _ in drawn}) == len(drawn)
        and all(share is None or np.isnan(share) or 0 <= share <= 1 for _, share, _ in drawn)
        and all(side in ("buy", "sell", None) for _, _, side in drawn)
    )
    if right:
        found = checked(BOOK, table)
        expected = [None if share is None or np.isnan(share) else share for _, share, _ in drawn]
        assert found["share"].to_pylist() == expected
        assert checked(BOOK, found).equals(found)
        assert checked(BOOK, frame(found)).equals(found)
    else:
        refusal(table)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.dates(date(2024, 1, 1), date(2024, 1, 3))),
            st.one_of(st.none(), st.sampled_from(["a", "b", "c", "\0", "x\0y", ""])),
            st.one_of(st.none(), st.sampled_from([-np.inf, -0.1, -0.0, 0.0, 0.5, 1.0, 1.1, np.inf])),
            st.one_of(st.none(), st.integers(0, 3)),
            st.one_of(st.none(), st.booleans()),
            st.one_of(st.none(), st.sampled_from(["buy", "sell", "hold", ""])),
        ),
        max_size=4,
    )
)
def test_arrow_finds_the_rules_broken_exactly_when_pandera_does(drawn: list[tuple[object, ...]]) -> None:
    names = ("session", "name", "share", "trades", "open", "side")
    columns = {name: [row[place] for row in drawn] for place, name in enumerate(names)}
    table = pa.table(columns | {"at": [datetime(2024, 1, 2)] * len(drawn)}, schema=_loose(BOOK))  # noqa: DTZ001
    try:
        pandera_schema(BOOK).validate(table.to_pandas(types_mapper=pd.ArrowDtype), lazy=True)
        right = True
    except pandera.errors.SchemaErrors:
        right = False
    assert rules_hold(BOOK, table) == right


def _loose(table: Table) -> pa.Schema:
    schema = arrow_schema(table)
    return pa.schema([schema.field(name) for name in table.column_names])


@given(st.lists(st.tuples(st.dates(date(2024, 1, 1), date(2024, 1, 3)), st.text("abé\U0001f600\uffff", max_size=2))))
def test_rows_are_put_in_the_order_of_the_key_byte_by_byte(drawn: list[tuple[date, str]]) -> None:
    days = pd.Series([day for day, _ in drawn], dtype="object")
    at = pd.Series(pd.Timestamp(DAY), index=days.index, dtype="datetime64[us]")
    table = rows(len(drawn), session=days, name=[name for _, name in drawn], at=at)
    found = in_key_order(BOOK, pa.Table.from_pandas(table, arrow_schema(BOOK), preserve_index=False))
    expected = sorted(drawn, key=lambda key: (key[0], key[1].encode()))
    assert list(zip(found["session"].to_pylist(), found["name"].to_pylist(), strict=True)) == expected


def test_pandera_is_not_imported_while_nothing_is_wrong() -> None:
    script = (
        "import sys, portfolio_pipeline.core.tables.rows as rows, portfolio_pipeline.core.tables as tables\n"
        "empty = rows.arrow_schema(tables.SIM_ACCOUNT).empty_table()\n"
        "rows.checked(tables.SIM_ACCOUNT, empty)\n"
        "assert 'pandera' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_frame_gives_dates_as_datetime64_in_seconds_and_null_as_nan() -> None:
    nothing = pa.array([None], pa.date32())
    table = pa.table({"session": [DAY], "resolved": nothing, "x": pa.array([None], pa.float64())})
    found = frame(table)
    assert list(found.dtypes.astype(str)) == ["datetime64[s]", "datetime64[s]", "float64"]
    assert found["session"].to_numpy().astype("datetime64[D]")[0] == np.datetime64(DAY, "D")
    assert found[["resolved", "x"]].isna().all(axis=None)
    assert frame(table.slice(0, 0)).dtypes.equals(found.dtypes)


def test_seventy_five_thousand_prices_are_checked_in_well_under_a_second() -> None:
    count = 75_000
    days = np.repeat(np.arange(np.datetime64("2015-01-01"), np.datetime64("2015-01-01") + count // 30), 30)
    prices = pd.DataFrame(
        {
            "session": days,
            "symbol": [f"S{number % 30}" for number in range(count)],
            **dict.fromkeys(("open", "high", "low", "close", "volume", "dividend", "split_ratio"), 1.0),
            "source": "SIMULATED",
            "retrieved_at": pd.Timestamp("2024-01-02", tz="UTC"),
        }
    )
    checked(schemas.PRICES, prices.head(1))
    start = time.process_time()
    checked(schemas.PRICES, prices)
    assert time.process_time() - start < 0.3
