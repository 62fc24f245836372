"""What every warehouse promises, on each engine."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import SessionRange, sessions_between
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Transaction, Warehouse
from portfolio_pipeline_tests.adapters.warehouse_tables import FIGURES, opened

WEEK = sessions_between(date(2024, 1, 2), date(2024, 1, 8))
ALL = SessionRange(WEEK[0], WEEK[-1])
EVENT = pa.table({"event": [1]})
one_warehouse_for_all_examples = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def warehouse(database_url: str) -> Warehouse:
    prepared = opened(database_url)
    prepared.prepare()
    return prepared


def targets(sessions: tuple[date, ...] = WEEK, strategy: str = "trend", weight: float = 0.5) -> pd.DataFrame:
    rows = [(session, strategy, symbol, weight) for session in sessions for symbol in ("TLT", "SPY")]
    return pd.DataFrame(rows, columns=["session", "strategy", "symbol", "weight"])


def stored(warehouse: Warehouse) -> dict[tuple[date, str, str], float]:
    rows = warehouse.read("weights").to_pylist()
    return {(row["session"], row["strategy"], row["symbol"]): row["weight"] for row in rows}


def test_what_is_written_is_read_back_in_the_order_of_the_key(warehouse: Warehouse) -> None:
    rows = targets().sample(frac=1, random_state=1)
    assert warehouse.replace("weights", ALL, rows) == len(rows)
    expected = rows.sort_values(["session", "strategy", "symbol"], ignore_index=True)
    read = warehouse.read("weights")
    assert read.schema.types == [pa.date32(), pa.string(), pa.string(), pa.float64()]
    pd.testing.assert_frame_equal(read.to_pandas(), expected)


def test_every_table_of_the_house_is_there_after_preparing(database_url: str) -> None:
    house = open_warehouse(database_url)
    house.prepare()
    for table in schemas.TABLES:
        read = house.read(table.name)
        assert read.schema.names == list(table.column_names)
        assert len(read) == 0


def test_every_type_survives_the_round_trip(warehouse: Warehouse) -> None:
    row = {
        "session": WEEK[0],
        "name": "a'b\"c",
        "number": 0.1,
        "whole": 2**62 + 1,
        "flag": True,
        "moment": datetime(2024, 1, 2, 21, 0, 0, 123456, tzinfo=UTC),
        "day": date(1969, 12, 31),
        "words": "größer als erlaubt: 10 % \\ 😀\n",
    }
    empty = dict.fromkeys(row) | {"session": WEEK[0], "name": "b"}
    warehouse.replace("figures", ALL, pa.Table.from_pylist([row, empty]))
    naive = {**row, "moment": datetime(2024, 1, 2, 21, 0, 0, 123456)}  # noqa: DTZ001
    assert warehouse.read("figures").to_pylist() == [naive, empty]


@one_warehouse_for_all_examples
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=200))
def test_numbers_come_back_bit_for_bit(warehouse: Warehouse, numbers: list[float]) -> None:
    numbers += [-0.0, 5e-324, -5e-324, 2.2250738585072014e-308, math.nextafter(math.inf, 0), math.inf, -math.inf]
    rows = pd.DataFrame(
        {
            "session": WEEK[0],
            "strategy": "trend",
            "symbol": [f"{number:05}" for number in range(len(numbers))],
            "weight": numbers,
        }
    )
    warehouse.replace("weights", ALL, rows)
    read = warehouse.read("weights")["weight"].to_pylist()
    assert [struct.pack("d", number) for number in read] == [struct.pack("d", number) for number in numbers]


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=6)


@one_warehouse_for_all_examples
@given(st.lists(text, min_size=1, max_size=40, unique=True))
def test_text_is_ordered_byte_by_byte(warehouse: Warehouse, symbols: list[str]) -> None:
    symbols = list(dict.fromkeys([*symbols, "a", "B", "Z", "é", "ß", "-", "_a", "A B", "\U0001f600", "\uffff"]))
    rows = pd.DataFrame({"session": WEEK[0], "strategy": "trend", "symbol": symbols, "weight": 1.0})
    warehouse.replace("weights", ALL, rows)
    read = warehouse.read("weights")["symbol"].to_pylist()
    assert read == sorted(symbols, key=lambda symbol: symbol.encode())
    compared = warehouse.query("select max(symbol) as last, min(symbol) as first from weights").to_pylist()[0]
    assert compared == {"last": read[-1], "first": read[0]}


def figures(**columns: object) -> pd.DataFrame:
    nothing = dict.fromkeys(FIGURES.column_names)
    return pd.DataFrame({**nothing, "session": WEEK[0], **columns})


def test_nan_is_stored_as_null(warehouse: Warehouse) -> None:
    warehouse.replace("figures", ALL, figures(name=["a", "b"], number=[np.nan, 1.0]))
    assert warehouse.query("select name from figures where number is null")["name"].to_pylist() == ["a"]


def test_replacing_a_range_leaves_every_other_session_alone(warehouse: Warehouse) -> None:
    warehouse.replace("weights", ALL, targets())
    middle = SessionRange(WEEK[1], WEEK[2])
    warehouse.replace("weights", middle, targets(WEEK[1:2], weight=0.9))
    expected = {
        (session, "trend", symbol): 0.9 if session == WEEK[1] else 0.5
        for session in WEEK
        if session != WEEK[2]
        for symbol in ("SPY", "TLT")
    }
    assert stored(warehouse) == expected


def test_replacing_with_where_leaves_the_other_rows_of_the_range_alone(warehouse: Warehouse) -> None:
    for strategy in ("trend", "momentum"):
        warehouse.replace("weights", ALL, targets(strategy=strategy), where={"strategy": strategy})
    warehouse.replace("weights", ALL, targets(WEEK[:1], "trend", 0.1), where={"strategy": ["trend"]})
    found = stored(warehouse)
    assert len(found) == 2 + 2 * len(WEEK)
    assert {weight for (_, strategy, _), weight in found.items() if strategy == "trend"} == {0.1}


def test_replacing_twice_gives_what_replacing_once_gives(warehouse: Warehouse) -> None:
    warehouse.replace("weights", ALL, targets())
    once = warehouse.read("weights")
    warehouse.replace("weights", ALL, once)
    assert warehouse.read("weights").equals(once)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ((date(2024, 1, 9), "trend", "SPY", 0.1), "within_range"),
        ((WEEK[0], "momentum", "SPY", 0.1), "matches_where"),
        ((WEEK[0], "trend", "IEF", np.nan), "not_nullable"),
        ((WEEK[0], "trend", "SPY", 0.1), "unique"),
    ],
)
def test_refused_rows_change_nothing(warehouse: Warehouse, row: tuple[object, ...], rule: str) -> None:
    warehouse.replace("weights", ALL, targets())
    before = warehouse.read("weights")
    wrong = pd.DataFrame([row], columns=["session", "strategy", "symbol", "weight"])
    rows = pd.concat([targets(weight=0.1), wrong])
    with pytest.raises(WarehouseError, match=f"table=weights.*rule={rule}"):
        warehouse.replace("weights", ALL, rows, where={"strategy": "trend"})
    assert warehouse.read("weights").equals(before)


def test_a_transaction_that_fails_undoes_all_of_it(warehouse: Warehouse) -> None:
    warehouse.replace("weights", ALL, targets())
    before = warehouse.read("weights")
    with pytest.raises(ZeroDivisionError), warehouse.transaction() as transaction:  # noqa: PT012
        transaction.replace("weights", ALL, targets(WEEK[:1], weight=0.9))
        transaction.execute("create table scratch (x bigint)")
        transaction.insert("events", EVENT)
        assert len(transaction.read("weights")) == 2
        raise ZeroDivisionError
    assert warehouse.read("weights").equals(before)
    assert len(warehouse.read("events")) == 0
    with pytest.raises(WarehouseError, match="scratch"):
        warehouse.query("select * from scratch")


def test_a_refused_statement_undoes_the_transaction_and_the_warehouse_goes_on_working(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert("weights", targets())
    with pytest.raises(WarehouseError, match=r"SQL_REFUSED.*nonsense"), warehouse.transaction() as transaction:  # noqa: PT012
        transaction.insert("events", EVENT)
        transaction.execute("select nonsense")
    assert len(warehouse.read("events")) == 0
    with warehouse.transaction() as transaction:
        transaction.insert("events", EVENT)
    assert warehouse.read("events")["event"].to_pylist() == [1]


def test_a_key_that_is_already_there_is_refused(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert("events", EVENT)
    with pytest.raises(WarehouseError, match=r"table=events.*rule=unique"), warehouse.transaction() as transaction:
        transaction.insert("events", EVENT)


def test_a_key_stored_in_one_of_the_sessions_refuses_all_rows(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert("weights", targets(WEEK[1:2]))
    refused = r"table=weights.*rule=unique, found=\(session=2024-01-03, strategy=trend, symbol=TLT\).*no stored row"
    with pytest.raises(WarehouseError, match=refused), warehouse.transaction() as transaction:
        transaction.insert("weights", targets())
    assert {session for session, _, _ in stored(warehouse)} == {WEEK[1]}
    with warehouse.transaction() as transaction:
        transaction.insert("weights", targets(WEEK[1:2], strategy="momentum"))
    assert len(stored(warehouse)) == 4


def test_what_a_replacement_leaves_there_is_not_stored_twice(warehouse: Warehouse) -> None:
    warehouse.replace("weights", ALL, targets(WEEK[:1], weight=0.1))
    with pytest.raises(WarehouseError, match=r"table=weights.*rule=unique"):
        warehouse.replace("weights", ALL, targets(WEEK[:1], weight=0.2), where={"weight": 0.2})
    assert set(stored(warehouse).values()) == {0.1}


def test_the_newest_and_the_oldest_session_and_all_of_them(warehouse: Warehouse) -> None:
    assert (warehouse.newest("weights"), warehouse.oldest("weights"), warehouse.sessions("weights")) == (None, None, ())
    warehouse.replace("weights", ALL, targets(WEEK[1:]))
    with warehouse.transaction() as transaction:
        transaction.insert("weights", targets(WEEK[:2], "momentum"))
        assert transaction.oldest("weights") == WEEK[0]
    with warehouse.reading() as reader:
        assert (reader.oldest("weights"), reader.newest("weights")) == (WEEK[0], WEEK[-1])
        assert reader.oldest("weights", where={"strategy": "trend"}) == WEEK[1]
        assert reader.newest("weights", where={"strategy": "momentum", "symbol": ["SPY", "IEF"]}) == WEEK[1]
        assert reader.newest("weights", before=WEEK[-1]) == WEEK[-2]
        assert reader.newest("weights", before=WEEK[1], where={"strategy": "trend"}) is None
        assert reader.sessions("weights") == WEEK
        assert reader.sessions("weights", SessionRange(WEEK[1], WEEK[2])) == WEEK[1:3]


def test_the_version_of_a_table_changes_with_every_write_and_with_nothing_else(
    warehouse: Warehouse, database_url: str
) -> None:
    writes: list[Callable[[Transaction], object]] = [
        lambda tx: tx.replace("weights", ALL, targets()),
        lambda tx: tx.replace("weights", ALL, targets()),
        lambda tx: tx.delete("weights", ALL, where={"symbol": "TLT"}),
        lambda tx: tx.insert("weights", targets(strategy="momentum")),
        lambda tx: tx.execute("delete from weights"),
    ]
    elsewhere = opened(database_url)
    seen = [warehouse.version("weights")]
    for write in writes:
        events = warehouse.version("events")
        with elsewhere.transaction() as transaction:
            write(transaction)
        if write is not writes[-1]:
            assert warehouse.version("events") == events
        seen.append(warehouse.version("weights"))
    assert len(set(seen)) == len(seen)
    warehouse.read("weights")
    with warehouse.transaction() as transaction:
        transaction.execute("create view light as select * from weights where weight < 0.1")
        transaction.execute("drop view light")
    with pytest.raises(ZeroDivisionError), warehouse.transaction() as transaction:  # noqa: PT012
        transaction.delete("weights", None)
        raise ZeroDivisionError
    warehouse.prepare()
    assert warehouse.version("weights") == seen[-1]


def test_null_in_a_required_column_is_refused_by_the_database_too(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="weight"), warehouse.transaction() as transaction:
        transaction.execute("insert into weights values ('2024-01-02', 'trend', 'SPY', null)")


def test_several_tables_are_written_together(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert("events", EVENT)
        transaction.replace("weights", ALL, targets())
        transaction.delete("weights", SessionRange(WEEK[0], WEEK[1]), where={"symbol": "SPY"})
        transaction.delete("weights", None, where={"symbol": "TLT"})
    assert {symbol for _, _, symbol in stored(warehouse)} == {"SPY"}
    assert min(session for session, _, _ in stored(warehouse)) == WEEK[2]
    assert len(warehouse.read("events")) == 1


def test_reading_takes_sessions_columns_and_conditions(warehouse: Warehouse) -> None:
    warehouse.replace("weights", ALL, targets())
    read = warehouse.read(
        "weights",
        SessionRange(WEEK[1], WEEK[2]),
        columns=["weight", "session"],
        where={"symbol": ["SPY", "XXX"], "weight": 0.5, "strategy": ("trend",)},
    )
    assert read.to_pydict() == {"weight": [0.5, 0.5], "session": list(WEEK[1:3])}
    assert len(warehouse.read("weights", where={"symbol": []})) == 0
    assert len(warehouse.read("weights", where={"session": list(WEEK[:2])})) == 4


def test_none_in_a_condition_means_null(warehouse: Warehouse) -> None:
    warehouse.replace("figures", ALL, figures(name=list("abc"), number=[np.nan, 1.0, 2.0]))
    assert warehouse.read("figures", where={"number": None})["name"].to_pylist() == ["a"]
    assert warehouse.read("figures", where={"number": [None, 2.0]})["name"].to_pylist() == ["a", "c"]


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda w: w.read("nonsense"), "TABLE_UNKNOWN: found=nonsense"),
        (lambda w: w.read("weights", columns=["closing"]), "COLUMN_UNKNOWN: table=weights, found=closing"),
        (lambda w: w.read("weights", where={"ticker": "SPY"}), "COLUMN_UNKNOWN: table=weights, found=ticker"),
        (lambda w: w.read("events", ALL), "NOT_BY_SESSION: table=events"),
        (lambda w: w.replace("events", ALL, EVENT), "NOT_BY_SESSION: table=events"),
        (lambda w: w.newest("events"), "NOT_BY_SESSION: table=events"),
        (lambda w: w.sessions("events"), "NOT_BY_SESSION: table=events"),
        (lambda w: w.version("nonsense"), "TABLE_UNKNOWN: found=nonsense"),
    ],
)
def test_what_is_not_declared_is_refused_by_name(
    warehouse: Warehouse, call: Callable[[Warehouse], object], found: str
) -> None:
    with pytest.raises(WarehouseError, match=found):
        call(warehouse)


def test_queries_give_the_same_types_on_every_engine(warehouse: Warehouse) -> None:
    warehouse.replace("weights", ALL, targets())
    result = warehouse.query(
        "select session, symbol, count(*) over () as n, sum(1::bigint) over () as total, avg(2) over () as mean,"
        " extract(year from session) as year, 1.5 as fixed, 1::integer as small, 2::smallint as smaller,"
        " 1::real as short, weight > 0 as positive, session + interval '1 day' as next_day,"
        " 'x'::varchar(3) as letter, null::text as nothing from weights where session = $1 order by symbol;",
        [WEEK[0]],
    )
    expected = {
        "session": pa.date32(),
        "symbol": pa.string(),
        "n": pa.int64(),
        "total": pa.float64(),
        "mean": pa.float64(),
        "fixed": pa.float64(),
        "small": pa.int64(),
        "smaller": pa.int64(),
        "short": pa.float64(),
        "positive": pa.bool_(),
        "next_day": pa.timestamp("us"),
        "letter": pa.string(),
        "nothing": pa.string(),
    }
    found = {field.name: field.type for field in result.schema}
    # A year is a bigint to one engine and a numeric to the other; nobody may rely on which.
    assert found.pop("year") in (pa.int64(), pa.float64())
    assert found == expected
    row = result.to_pylist()[0]
    assert (row["symbol"], row["n"], row["total"], row["mean"], row["year"], row["fixed"]) == (
        "SPY",
        2,
        2,
        2,
        2024,
        1.5,
    )
    assert row["next_day"] == datetime(2024, 1, 3)  # noqa: DTZ001


def test_parameters_of_every_type_are_bound(warehouse: Warehouse) -> None:
    values = [WEEK[0], "it's", 1.5, 7, True, datetime(2024, 1, 2, 3, 4, 5, 6)]  # noqa: DTZ001
    sql = "select $1::date as a, $2::text as b, $3::double precision as c,"
    sql += " $4::bigint as d, $5::boolean as e, $6::timestamp as f"
    assert list(warehouse.query(sql, values).to_pylist()[0].values()) == values


def test_null_is_ordered_last_upwards_and_first_downwards(warehouse: Warehouse) -> None:
    for direction, expected in (("asc", [1, 2, None]), ("desc", [None, 2, 1])):
        found = warehouse.query(f"select x from (values (2), (null), (1)) as t(x) order by x {direction}")
        assert found["x"].to_pylist() == expected


def test_reading_cannot_write(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="SQL_REFUSED"):
        warehouse.query("create table scratch as select 1 as x")
    with pytest.raises(WarehouseError, match="scratch"):
        warehouse.query("select * from scratch")


def test_what_is_read_over_one_connection_is_what_is_read_over_many(warehouse: Warehouse) -> None:
    warehouse.replace("weights", ALL, targets())
    with warehouse.reading() as reader:
        rows, queried = reader.read("weights", ALL), reader.query("select * from weights order by 1, 2, 3")
        with pytest.raises(WarehouseError, match="TABLE_UNKNOWN"):
            reader.read("nothing")
    assert rows.equals(queried)
    assert rows.equals(warehouse.read("weights"))


def test_a_connection_for_reading_cannot_write(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="SQL_REFUSED"), warehouse.reading() as reader:
        reader.query("delete from weights returning session")
    warehouse.replace("weights", ALL, targets())
    assert len(warehouse.read("weights")) == len(targets())


def test_the_warehouse_inside_its_own_transaction_is_refused_at_once(warehouse: Warehouse) -> None:
    with warehouse.transaction(), pytest.raises(RuntimeError, match="use the open transaction"):
        warehouse.read("events")
    assert len(warehouse.read("events")) == 0


@pytest.mark.parametrize("aggregate", ["avg(x)", "stddev_samp(x)", "sum(x)", "corr(x, y)", "min(x)"])
def test_a_moving_figure_does_not_depend_on_what_comes_after_it(warehouse: Warehouse, aggregate: str) -> None:
    """A view is computed on all there is: what it says of a session is to stay, bit for bit, as sessions are added."""
    days = pd.bdate_range("2020-01-01", periods=1_200)
    random = np.random.default_rng(7)
    rows = pd.DataFrame(
        {
            "session": np.tile(days.date, 3),
            "strategy": "trend",
            "symbol": np.repeat(["A", "B", "C"], len(days)),
            "weight": random.normal(100, 20, 3 * len(days)),
        }
    )
    warehouse.replace("weights", SessionRange(days[0].date(), days[-1].date()), rows)
    sql = (
        f"select symbol, session, {aggregate} over"
        " (partition by symbol order by session rows between {first} preceding and current row) as figure"
        " from (select session, symbol, weight as x, extract(day from session)::double precision as y"
        "       from weights where session <= $1) as history"
    )

    def figures(first: str, end: int) -> pa.Table:
        asked = f"select * from ({sql.format(first=first)}) as every_one where session between $2 and $3"
        return warehouse.query(f"{asked} order by symbol, session", [days[place].date() for place in (end, 2, 599)])

    for first in ("199", "unbounded"):
        expected = figures(first, 1_199)
        assert len(expected) == 3 * 598
        for end in (599, 600, 767, 1_023, 1_024):
            assert figures(first, end).equals(expected), (first, end)


def test_frame_gives_sessions_as_datetime64(warehouse: Warehouse) -> None:
    warehouse.replace("weights", ALL, targets())
    rows = frame(warehouse.read("weights"))
    assert rows["session"].dtype == "datetime64[s]"
    assert list(rows["session"].dt.date.unique()) == list(WEEK)
