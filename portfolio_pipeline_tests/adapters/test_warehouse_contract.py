"""What every warehouse promises, on each engine."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core import schemas
from portfolio_pipeline.core.errors import WarehouseError
from portfolio_pipeline.core.frames import frame
from portfolio_pipeline.core.sessions import SessionRange, sessions_between
from portfolio_pipeline.ports import Warehouse

WEEK = sessions_between(date(2024, 1, 2), date(2024, 1, 8))
ALL = SessionRange(WEEK[0], WEEK[-1])
one_warehouse_for_all_examples = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def targets(sessions: tuple[date, ...] = WEEK, strategy: str = "trend", weight: float = 0.5) -> pd.DataFrame:
    rows = [(session, strategy, symbol, weight) for session in sessions for symbol in ("TLT", "SPY")]
    return pd.DataFrame(rows, columns=["session", "strategy", "symbol", "weight"])


def weights(warehouse: Warehouse) -> dict[tuple[date, str, str], float]:
    rows = warehouse.read("strategy_targets").to_pylist()
    return {(row["session"], row["strategy"], row["symbol"]): row["weight"] for row in rows}


def test_what_is_written_is_read_back_in_the_order_of_the_key(warehouse: Warehouse) -> None:
    rows = targets().sample(frac=1, random_state=1)
    assert warehouse.replace("strategy_targets", ALL, rows) == len(rows)
    expected = rows.sort_values(["session", "strategy", "symbol"], ignore_index=True)
    read = warehouse.read("strategy_targets")
    assert read.schema.types == [pa.date32(), pa.string(), pa.string(), pa.float64()]
    pd.testing.assert_frame_equal(read.to_pandas(), expected)


def test_a_table_without_rows_is_read_with_its_columns(warehouse: Warehouse) -> None:
    for table in schemas.TABLES:
        read = warehouse.read(table.name)
        assert read.schema.names == list(table.column_names)
        assert len(read) == 0


def test_every_type_survives_the_round_trip(warehouse: Warehouse) -> None:
    when = datetime(2024, 1, 2, 21, 0, 0, 123456, tzinfo=UTC)
    row = {
        "session": WEEK[0],
        "client_order_id": "a'b\"c",
        "state": "refused",
        "broker_order_id": None,
        "filled_quantity": 0.1,
        "updated_at": when,
        "error": "größer als erlaubt: 10 % \\ 😀\n",
    }
    warehouse.replace("submissions", ALL, pd.DataFrame([row]))
    assert warehouse.read("submissions").to_pylist() == [{**row, "updated_at": when.replace(tzinfo=None)}]
    parameters = pd.DataFrame(
        {
            "session": [WEEK[0]],
            "strategy": ["trend"],
            "parameters": ["{}"],
            "objective": ["sharpe"],
            "score": [None],
            "trials": [2**62],
            "changed": [True],
        }
    )
    warehouse.replace("optimized_parameters", ALL, parameters)
    read = warehouse.read("optimized_parameters").to_pylist()[0]
    assert (read["trials"], read["changed"], read["score"]) == (2**62, True, None)


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
    warehouse.replace("strategy_targets", ALL, rows)
    read = warehouse.read("strategy_targets")["weight"].to_pylist()
    assert [struct.pack("d", number) for number in read] == [struct.pack("d", number) for number in numbers]


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=6)


@one_warehouse_for_all_examples
@given(st.lists(text, min_size=1, max_size=40, unique=True))
def test_text_is_ordered_byte_by_byte(warehouse: Warehouse, symbols: list[str]) -> None:
    symbols = list(dict.fromkeys([*symbols, "a", "B", "Z", "é", "ß", "-", "_a", "A B", "\U0001f600", "\uffff"]))
    rows = pd.DataFrame({"session": WEEK[0], "strategy": "trend", "symbol": symbols, "weight": 1.0})
    warehouse.replace("strategy_targets", ALL, rows)
    read = warehouse.read("strategy_targets")["symbol"].to_pylist()
    assert read == sorted(symbols, key=lambda symbol: symbol.encode())
    compared = warehouse.query("select max(symbol) as last, min(symbol) as first from strategy_targets").to_pylist()[0]
    assert compared == {"last": read[-1], "first": read[0]}


def test_nan_is_stored_as_null(warehouse: Warehouse) -> None:
    rows = pd.DataFrame(
        {"session": WEEK[0], "scope": "account", "metric": ["a", "b"], "value": [np.nan, 1.0]}, index=[5, 5]
    )
    warehouse.replace("metrics", ALL, rows)
    assert warehouse.query("select metric from metrics where value is null")["metric"].to_pylist() == ["a"]


def test_replacing_a_range_leaves_every_other_session_alone(warehouse: Warehouse) -> None:
    warehouse.replace("strategy_targets", ALL, targets())
    middle = SessionRange(WEEK[1], WEEK[2])
    warehouse.replace("strategy_targets", middle, targets(WEEK[1:2], weight=0.9))
    expected = {
        (session, "trend", symbol): 0.9 if session == WEEK[1] else 0.5
        for session in WEEK
        if session != WEEK[2]
        for symbol in ("SPY", "TLT")
    }
    assert weights(warehouse) == expected


def test_replacing_with_where_leaves_the_other_rows_of_the_range_alone(warehouse: Warehouse) -> None:
    for strategy in ("trend", "momentum"):
        warehouse.replace("strategy_targets", ALL, targets(strategy=strategy), where={"strategy": strategy})
    warehouse.replace("strategy_targets", ALL, targets(WEEK[:1], "trend", 0.1), where={"strategy": ["trend"]})
    found = weights(warehouse)
    assert len(found) == 2 + 2 * len(WEEK)
    assert {weight for (_, strategy, _), weight in found.items() if strategy == "trend"} == {0.1}


def test_replacing_twice_gives_what_replacing_once_gives(warehouse: Warehouse) -> None:
    warehouse.replace("strategy_targets", ALL, targets())
    once = warehouse.read("strategy_targets")
    warehouse.replace("strategy_targets", ALL, once)
    assert warehouse.read("strategy_targets").equals(once)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"session": date(2024, 1, 9)}, "within_range"),
        ({"strategy": "momentum"}, "matches_where"),
        ({"weight": np.nan}, "not_nullable"),
        ({"symbol": "SPY"}, "unique"),
    ],
)
def test_refused_rows_change_nothing(warehouse: Warehouse, change: dict[str, object], rule: str) -> None:
    warehouse.replace("strategy_targets", ALL, targets())
    before = warehouse.read("strategy_targets")
    with pytest.raises(WarehouseError, match=f"table=strategy_targets.*rule={rule}"):
        warehouse.replace("strategy_targets", ALL, targets(weight=0.1).assign(**change), where={"strategy": "trend"})
    assert warehouse.read("strategy_targets").equals(before)


def test_a_transaction_that_fails_undoes_all_of_it(warehouse: Warehouse) -> None:
    warehouse.replace("strategy_targets", ALL, targets())
    before = warehouse.read("strategy_targets")
    with pytest.raises(ZeroDivisionError), warehouse.transaction() as transaction:
        transaction.replace("strategy_targets", ALL, targets(WEEK[:1], weight=0.9))
        transaction.execute("create table scratch (x bigint)")
        transaction.insert("halt_events", halt(1))
        assert len(transaction.read("strategy_targets")) == 2
        raise ZeroDivisionError
    assert warehouse.read("strategy_targets").equals(before)
    assert len(warehouse.read("halt_events")) == 0
    with pytest.raises(WarehouseError, match="scratch"):
        warehouse.query("select * from scratch")


def test_a_refused_statement_undoes_the_transaction_and_the_warehouse_goes_on_working(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"SQL_REFUSED.*nonsense"), warehouse.transaction() as transaction:
        transaction.insert("halt_events", halt(1))
        transaction.execute("select nonsense")
    assert len(warehouse.read("halt_events")) == 0
    with warehouse.transaction() as transaction:
        transaction.insert("halt_events", halt(1))
    assert warehouse.read("halt_events")["event_id"].to_pylist() == [1]


def halt(event: int) -> pd.DataFrame:
    row = {"event_id": event, "action": "halt", "reason": "test", "happened_at": datetime(2024, 1, 2)}  # noqa: DTZ001
    return pd.DataFrame([row])


def test_a_key_that_is_already_there_is_refused_by_the_database(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert("halt_events", halt(1))
    with pytest.raises(WarehouseError, match="SQL_REFUSED"), warehouse.transaction() as transaction:
        transaction.insert("halt_events", halt(1))


def test_null_in_a_required_column_is_refused_by_the_database_too(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="weight"), warehouse.transaction() as transaction:
        transaction.execute("insert into strategy_targets values ('2024-01-02', 'trend', 'SPY', null)")


def test_several_tables_are_written_together(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert("halt_events", halt(1))
        transaction.replace("strategy_targets", ALL, targets())
        transaction.delete("strategy_targets", SessionRange(WEEK[0], WEEK[1]), where={"symbol": "SPY"})
        transaction.delete("strategy_targets", None, where={"symbol": "TLT"})
    assert {symbol for _, _, symbol in weights(warehouse)} == {"SPY"}
    assert min(session for session, _, _ in weights(warehouse)) == WEEK[2]
    assert len(warehouse.read("halt_events")) == 1


def test_reading_takes_sessions_columns_and_conditions(warehouse: Warehouse) -> None:
    warehouse.replace("strategy_targets", ALL, targets())
    read = warehouse.read(
        "strategy_targets",
        SessionRange(WEEK[1], WEEK[2]),
        columns=["weight", "session"],
        where={"symbol": ["SPY", "XXX"], "weight": 0.5, "strategy": ("trend",)},
    )
    assert read.to_pydict() == {"weight": [0.5, 0.5], "session": list(WEEK[1:3])}
    assert len(warehouse.read("strategy_targets", where={"symbol": []})) == 0
    assert len(warehouse.read("strategy_targets", where={"session": list(WEEK[:2])})) == 4


def test_none_in_a_condition_means_null(warehouse: Warehouse) -> None:
    rows = pd.DataFrame({"session": WEEK[0], "scope": "account", "metric": list("abc"), "value": [np.nan, 1.0, 2.0]})
    warehouse.replace("metrics", ALL, rows)
    assert warehouse.read("metrics", where={"value": None})["metric"].to_pylist() == ["a"]
    assert warehouse.read("metrics", where={"value": [None, 2.0]})["metric"].to_pylist() == ["a", "c"]


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda w: w.read("nonsense"), "TABLE_UNKNOWN: found=nonsense"),
        (lambda w: w.read("prices", columns=["closing"]), "COLUMN_UNKNOWN: table=prices, found=closing"),
        (lambda w: w.read("prices", where={"ticker": "SPY"}), "COLUMN_UNKNOWN: table=prices, found=ticker"),
        (lambda w: w.read("halt_events", ALL), "NOT_BY_SESSION: table=halt_events"),
        (lambda w: w.replace("halt_events", ALL, halt(1)), "NOT_BY_SESSION: table=halt_events"),
    ],
)
def test_what_is_not_declared_is_refused_by_name(warehouse: Warehouse, call, found: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(WarehouseError, match=found):
        call(warehouse)


def test_queries_give_the_same_types_on_every_engine(warehouse: Warehouse) -> None:
    warehouse.replace("strategy_targets", ALL, targets())
    result = warehouse.query(
        "select session, symbol, weight, count(*) over () as n, sum(1::bigint) over () as total, avg(2) over () as mean,"
        " extract(year from session) as year, 1.5 as fixed, 1::integer as small, 2::smallint as smaller, 1::real as short,"
        " weight > 0 as positive, session + interval '1 day' as next_day, 'x'::varchar(3) as letter, null::text as nothing"
        " from strategy_targets where session = $1 order by symbol;",
        [WEEK[0]],
    )
    expected = {
        "session": pa.date32(),
        "symbol": pa.string(),
        "weight": pa.float64(),
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
    sql = "select $1::date as a, $2::text as b, $3::double precision as c, $4::bigint as d, $5::boolean as e, $6::timestamp as f"
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


def test_the_warehouse_inside_its_own_transaction_is_refused_at_once(warehouse: Warehouse) -> None:
    with warehouse.transaction(), pytest.raises(RuntimeError, match="use the open transaction"):
        warehouse.read("prices")
    assert len(warehouse.read("prices")) == 0


@pytest.mark.parametrize("aggregate", ["avg(x)", "stddev_samp(x)", "sum(x)", "corr(x, y)", "min(x)"])
def test_a_moving_figure_does_not_depend_on_where_the_history_starts(warehouse: Warehouse, aggregate: str) -> None:
    """Only this makes a range of sessions equal the same sessions one by one, bit for bit."""
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
    warehouse.replace("strategy_targets", SessionRange(days[0].date(), days[-1].date()), rows)
    sql = (
        f"select symbol, session, {aggregate} over (partition by symbol order by session"
        " rows between 199 preceding and current row) as figure"
        " from (select session, symbol, weight as x, extract(day from session)::double precision as y"
        "       from strategy_targets where session >= $1) as history"
    )

    def figures(start: int) -> pa.Table:
        tail = f"select * from ({sql}) as all_figures where session >= $2 order by symbol, session"
        return warehouse.query(tail, [days[start].date(), days[1_100].date()])

    expected = figures(0)
    assert len(expected) == 300
    for start in (1, 77, 640, 901):
        assert figures(start).equals(expected)


def test_frame_gives_sessions_as_datetime64(warehouse: Warehouse) -> None:
    warehouse.replace("strategy_targets", ALL, targets())
    rows = frame(warehouse.read("strategy_targets"))
    assert rows["session"].dtype == "datetime64[s]"
    assert list(rows["session"].dt.date.unique()) == list(WEEK)
