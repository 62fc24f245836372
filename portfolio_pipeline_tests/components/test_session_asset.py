"""What every asset of the house has in common, as Dagster records it."""

from collections.abc import Callable
from datetime import date
from typing import Any

import dagster as dg
import pytest

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import session_check
from portfolio_pipeline.core.calendar.beginnings import Beginnings
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.tables import ACCOUNT, PRICES, QUARANTINE, REGIME_TABLE
from portfolio_pipeline.partitions import ONE_RUN, SESSIONS
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.fakes.market_data import quiet_bars

WEEK = SessionRange(date(2024, 1, 2), date(2024, 1, 5))
NEWEST = SessionRange.single(WEEK.last)


@session_asset(table=PRICES, group="market", also_fills=(QUARANTINE,))
def filling(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> Stored:
    warehouse.replace("quarantine", sessions, warehouse.read("quarantine", sessions))
    rows = warehouse.replace("prices", sessions, quiet_bars(("AAA", "BBB"), sessions))
    left_out = {"gap": 2, "missing_value": 1, "stale": 0}
    return Stored(
        rows, {"symbols": 2}, lambda origin: f"![from {', '.join(origin)}](data:,)", came_in=rows + 3, dropped=left_out
    )


@session_asset(table=REGIME_TABLE, group="market", reads=(PRICES,))
def reading(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> Stored:
    return Stored(len(warehouse.query("select p.symbol from prices as p join regimes on true")))


@session_asset(table=PRICES, key=dg.AssetKey(["refused"]), group="market")
def refused() -> Stored:
    raise DataError("NO_BARS", found=0, expected="at least 1", remedy="Look at the source.")


def run(
    warehouse: Warehouse, *assets: dg.AssetsDefinition, sessions: SessionRange = WEEK, today: date = WEEK.last
) -> dg.ExecuteInProcessResult:
    tags = {
        "dagster/asset_partition_range_start": sessions.first.isoformat(),
        "dagster/asset_partition_range_end": sessions.last.isoformat(),
    }
    resources = {"warehouse": warehouse, "clock": FixedClock.after_close(today), "limit": 3}
    return dg.materialize(list(assets), resources=resources, tags=tags, raise_on_error=False)


def failure(result: dg.ExecuteInProcessResult) -> Any:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data


def test_a_table_that_is_asked_for_no_session_is_refused_and_nothing_is_stored(duckdb_warehouse: Warehouse) -> None:
    resources = {"warehouse": duckdb_warehouse, "clock": FixedClock.after_close(WEEK.last)}

    told = failure(dg.materialize([filling], resources=resources, raise_on_error=False))

    assert "NO_SESSION_CHOSEN" in str(told.user_failure_data)
    assert len(duckdb_warehouse.read("prices")) == 0


def test_a_range_is_one_event_per_session_and_what_is_told_is_on_the_newest_alone(duckdb_warehouse: Warehouse) -> None:
    events = run(duckdb_warehouse, filling).asset_materializations_for_node("prices")
    assert [event.partition for event in events] == [session.isoformat() for session in WEEK]
    assert [dict(event.metadata) for event in events[:-1]] == [{}] * 3
    told = {name: value.value for name, value in events[-1].metadata.items()}
    assert told["sessions"] == "2024-01-02 to 2024-01-05"
    assert told["dagster/row_count"] == 8
    assert told["came in"] == 11
    assert told["left out"] == "2 gap, 1 missing_value"
    assert told["symbols"] == 2
    assert told["read from"] == "nothing: it comes from outside"
    assert told["picture"] == "![from SCRIPTED](data:,)"
    rows = str(told["rows of 2024-01-05"]).splitlines()
    assert rows[0] == "| session | 2024-01-05 | 2024-01-05 |"
    assert rows[2] == "| symbol | AAA | BBB |"


def test_a_single_session_counts_its_own_rows(duckdb_warehouse: Warehouse) -> None:
    result = run(duckdb_warehouse, filling, sessions=SessionRange.single(WEEK.first))
    (event,) = result.asset_materializations_for_node("prices")
    assert event.metadata["dagster/partition_row_count"].value == 2


def test_what_came_in_stayed_and_was_left_out_is_said_in_one_line_of_the_log(duckdb_warehouse: Warehouse) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [filling],
            resources={"warehouse": duckdb_warehouse, "clock": FixedClock.after_close(WEEK.last)},
            partition_key=WEEK.last.isoformat(),
            instance=instance,
        )
        said = [record.event_log_entry.user_message for record in instance.get_records_for_run(result.run_id).records]
    assert "2 rows stored of 5 that came in for 2024-01-05; left out: 2 gap, 1 missing_value" in said


def test_the_rows_shown_are_those_of_the_asset_where_several_fill_a_table(duckdb_warehouse: Warehouse) -> None:
    @session_asset(
        table=PRICES, key=dg.AssetKey(["of_one", "prices"]), group="market", rows_of={"symbol": "BBB"}, checks=()
    )
    def of_one(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> Stored:
        return Stored(warehouse.replace("prices", sessions, quiet_bars(("AAA", "BBB"), sessions)))

    (event,) = run(duckdb_warehouse, of_one, sessions=NEWEST).asset_materializations_for_node("of_one__prices")
    shown = str(event.metadata["rows of 2024-01-05"].value)
    assert "BBB" in shown
    assert "AAA" not in shown


def test_an_asset_depends_on_who_fills_what_it_reads_and_says_what_it_read(duckdb_warehouse: Warehouse) -> None:
    result = run(duckdb_warehouse, filling, reading)
    assert result.success
    assert reading.dependency_keys == {dg.AssetKey(["prices"])}
    assert filling.dependency_keys == set()
    (*_, event) = result.asset_materializations_for_node("regimes")
    assert event.metadata["read from"].value == "prices"


def _reads(warehouse: Warehouse) -> object:
    return warehouse.read("fills")


def _reads_in_a_block(warehouse: Warehouse) -> object:
    with warehouse.reading() as reader:
        return reader.read("fills")


def _asks(warehouse: Warehouse) -> object:
    return warehouse.query("select count(*) from prices left join fills on true")


def _asks_in_a_transaction(warehouse: Warehouse) -> object:
    with warehouse.transaction() as transaction:
        return transaction.query("SELECT count(*) FROM prices LEFT JOIN FILLS ON true")


def _fills(warehouse: Warehouse) -> object:
    return warehouse.replace("fills", WEEK, warehouse.read("prices"))


def _deletes(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.delete("prices", WEEK)


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (_reads, "regimes reads fills: declare it in `reads`"),
        (_reads_in_a_block, "regimes reads fills: declare it in `reads`"),
        (_asks, "regimes reads fills: declare it in `reads`"),
        (_asks_in_a_transaction, "regimes reads fills: declare it in `reads`"),
        (_fills, "regimes fills fills: declare it in `also_fills`"),
        (_deletes, "regimes fills prices: declare it in `also_fills`"),
        (lambda warehouse: warehouse.prepare(), "regimes looks after the whole database"),
    ],
)
def test_a_table_that_was_not_declared_is_refused_where_it_is_asked_for(
    duckdb_warehouse: Warehouse, misuse: Callable[[Warehouse], object], words: str
) -> None:
    @session_asset(table=REGIME_TABLE, group="market", reads=(PRICES,))
    def regimes(warehouse: dg.ResourceParam[Warehouse]) -> Stored:
        misuse(warehouse)
        return Stored(0)

    told = failure(run(duckdb_warehouse, regimes)).error
    said = f"{told.message} {told.cause.message if told.cause else ''}"
    assert "UndeclaredTableError" in said
    assert words in said


def _guarded(*, blocking: bool) -> dg.AssetsDefinition:
    @session_check(blocking=blocking)
    def few_rows(
        sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse], limit: dg.ResourceParam[int]
    ) -> dg.AssetCheckResult:
        """No more rows than somebody set as a limit."""
        rows = warehouse.read("prices", sessions).num_rows
        return dg.AssetCheckResult(passed=rows <= limit, metadata={"rows": rows})

    @session_asset(table=PRICES, group="market", checks=(few_rows,))
    def prices(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> Stored:
        return Stored(warehouse.replace("prices", sessions, quiet_bars(("AAA", "BBB"), sessions)))

    return prices


@pytest.mark.parametrize("blocking", [True, False])
def test_a_check_asks_of_the_rows_just_stored_and_a_blocking_one_stops_what_follows(
    duckdb_warehouse: Warehouse, blocking: bool
) -> None:
    result = run(duckdb_warehouse, _guarded(blocking=blocking), reading)
    (check,) = [found for found in result.get_asset_check_evaluations() if found.check_name == "few_rows"]
    assert (check.passed, check.blocking, check.metadata["rows"].value) == (False, blocking, 8)
    everything = "select * from prices where session between '2024-01-02' and '2024-01-05'"
    assert duckdb_warehouse.query(everything).num_rows == 8
    assert check.metadata["all of them, in SQL"].value == f"```sql\n{everything}\n```"
    page = f"/assets/{check.asset_key.to_user_string()}?view=partitions&partition="
    assert str(check.metadata["what was stored"].value).startswith(page)
    assert bool(result.asset_materializations_for_node("regimes")) is not blocking
    assert duckdb_warehouse.read("prices").num_rows == 8


def test_a_check_has_no_step_of_its_own_and_is_told_by_its_docstring() -> None:
    asset = _guarded(blocking=True)
    specs = {spec.name: spec for spec in asset.check_specs}
    assert specs["few_rows"].description == "No more rows than somebody set as a limit."
    assert specs["few_rows"].partitions_def == SESSIONS
    assert [key.name for key in asset.check_keys if key.name == "few_rows"] == ["few_rows"]


def test_the_audits_of_an_asset_are_asked_in_its_step(duckdb_warehouse: Warehouse) -> None:
    @session_asset(table=PRICES, group="market")
    def prices(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> Stored:
        bars = quiet_bars(("AAA", "BBB"), sessions)
        bars.loc[bars["symbol"] == "BBB", "high"] = 50.0
        return Stored(warehouse.replace("prices", sessions, bars))

    (check,) = run(duckdb_warehouse, prices, sessions=NEWEST).get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("bars_are_consistent", False)
    rows = check.metadata["offending_rows"]
    assert isinstance(rows, dg.TableMetadataValue)
    assert [row.data["symbol"] for row in rows.records] == ["BBB"]
    assert check.description is not None
    assert check.description.startswith("1 row: session 2024-01-05, symbol BBB")
    query = str(check.metadata["all of them, in SQL"].value).removeprefix("```sql\n").removesuffix("\n```")
    assert duckdb_warehouse.query(query)["symbol"].to_pylist() == ["BBB"]


def test_a_session_that_is_still_trading_is_refused(duckdb_warehouse: Warehouse) -> None:
    result = run(duckdb_warehouse, filling, today=date(2024, 1, 4))
    assert "SESSION_NOT_CLOSED" in failure(result).user_failure_data.description


def test_a_refusal_fails_the_step_with_its_message_and_figures_and_no_traceback_of_its_cause(
    duckdb_warehouse: Warehouse,
) -> None:
    told = failure(run(duckdb_warehouse, refused))
    assert told.user_failure_data.description == "NO_BARS: found=0, expected=at least 1. Look at the source."
    assert told.user_failure_data.metadata["expected"].value == "at least 1"
    assert told.error.cause is None


def test_the_declaration_of_the_table_is_shown() -> None:
    spec = filling.get_asset_spec()
    schema = spec.metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns] == list(PRICES.column_names)
    volume = next(column for column in schema.columns if column.name == "volume")
    assert (volume.type, volume.constraints.nullable, volume.constraints.other) == ("double", False, [">= 0"])
    assert volume.description.endswith("(shares)")
    assert schema.constraints.other == ["primary key (session, symbol)"]
    assert "Grain: one row per session and symbol." in (spec.description or "")
    assert list(spec.owners) == ["team:portfolio"]


def test_sessions_are_the_partitions_and_a_range_is_one_run() -> None:
    assert filling.partitions_def == SESSIONS
    assert filling.backfill_policy == ONE_RUN


def test_the_key_is_the_name_of_the_table_unless_given() -> None:
    assert filling.key == dg.AssetKey(["prices"])
    assert refused.key == dg.AssetKey(["refused"])


@session_asset(table=ACCOUNT, group="execution")
def lived(sessions: SessionRange) -> Stored:
    return Stored(len(sessions))


def begun(warehouse: Warehouse) -> Beginnings:
    """Prices from Tuesday, the account from Thursday on."""
    found = Beginnings(date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4))
    with warehouse.transaction() as transaction:
        transaction.insert("beginnings", found.rows())
    return found


@session_asset(table=PRICES, group="market", begins="market")
def early(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> Stored:
    return Stored(warehouse.replace("prices", sessions, quiet_bars(("AAA", "BBB"), sessions)))


@pytest.mark.parametrize("sessions", [WEEK, SessionRange.single(WEEK.first)])
def test_before_its_beginning_an_asset_is_refused_with_where_each_part_begins(
    sessions: SessionRange, duckdb_warehouse: Warehouse
) -> None:
    found = begun(duckdb_warehouse)
    result = run(duckdb_warehouse, early, lived, sessions=sessions)
    assert len(result.asset_materializations_for_node("prices")) == len(sessions)
    assert not [event for event in result.all_events if event.is_step_materialization and event.step_key == "account"]
    assert failure(result).user_failure_data.description == (
        f"BEFORE_THE_BEGINNING: of=account, found={sessions}, expected=2024-01-04 or later."
        f" Nothing was changed. {found}"
    )


def test_from_its_beginning_on_an_asset_is_computed(duckdb_warehouse: Warehouse) -> None:
    begun(duckdb_warehouse)
    events = run(
        duckdb_warehouse, lived, sessions=SessionRange(date(2024, 1, 4), WEEK.last)
    ).asset_materializations_for_node("account")
    assert [event.partition for event in events] == ["2024-01-04", "2024-01-05"]


def test_without_a_beginning_nothing_is_refused(duckdb_warehouse: Warehouse) -> None:
    assert run(duckdb_warehouse, lived).success
