"""What every asset of the house has in common, as Dagster records it."""

from datetime import date
from typing import Any

import dagster as dg

from portfolio_pipeline.components.session_asset import closed_sessions, session_asset, stored
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.tables import PRICES
from portfolio_pipeline.partitions import ONE_RUN, SESSIONS
from portfolio_pipeline.ports import Clock
from portfolio_pipeline_tests.fakes.clock import FixedClock

WEEK = ("2024-01-02", "2024-01-05")


@session_asset(table=PRICES, group="market_data", kinds={"python"})
def pictured(context: dg.AssetExecutionContext, clock: dg.ResourceParam[Clock]) -> dg.MaterializeResult:
    sessions = closed_sessions(context, clock)
    return stored(context, sessions, rows=31, metadata={"symbols": 7}, picture="![a picture](data:,)")


@session_asset(table=PRICES, key=["refused"], group="market_data", kinds={"python"})
def refused(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    raise DataError("NO_BARS", found=0, expected="at least 1", remedy="Look at the source.")


def run(asset: dg.AssetsDefinition, first: str, last: str, today: str = "2024-01-05") -> dg.ExecuteInProcessResult:
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    clock = FixedClock.after_close(date.fromisoformat(today))
    return dg.materialize([asset], resources={"clock": clock}, tags=tags, raise_on_error=False)


def failure(result: dg.ExecuteInProcessResult) -> Any:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data


def test_a_range_is_one_event_per_session_and_the_picture_is_on_the_newest_alone() -> None:
    events = run(pictured, *WEEK).asset_materializations_for_node("prices")
    assert [event.partition for event in events] == ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]
    assert [sorted(event.metadata) for event in events[:-1]] == [["sessions"]] * 3
    assert sorted(events[-1].metadata) == ["dagster/row_count", "picture", "sessions", "symbols"]
    assert events[0].metadata["sessions"].value == "2024-01-02 to 2024-01-05"


def test_a_single_session_counts_its_own_rows() -> None:
    (event,) = run(pictured, WEEK[0], WEEK[0]).asset_materializations_for_node("prices")
    assert event.metadata["dagster/partition_row_count"].value == 31


def test_a_session_that_is_still_trading_is_refused() -> None:
    result = run(pictured, "2024-01-04", "2024-01-05", today="2024-01-04")
    assert "SESSION_NOT_CLOSED" in failure(result).user_failure_data.description


def test_a_refusal_fails_the_step_with_its_message_and_figures_and_no_traceback_of_its_cause() -> None:
    told = failure(run(refused, *WEEK))
    assert told.user_failure_data.description == "NO_BARS: found=0, expected=at least 1. Look at the source."
    assert told.user_failure_data.metadata["expected"].value == "at least 1"
    assert told.error.cause is None


def test_the_declaration_of_the_table_is_shown() -> None:
    spec = pictured.get_asset_spec()
    schema = spec.metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns] == list(PRICES.column_names)
    volume = next(column for column in schema.columns if column.name == "volume")
    assert (volume.type, volume.constraints.nullable, volume.constraints.other) == ("double", False, [">= 0"])
    assert volume.description.endswith("(shares)")
    assert schema.constraints.other == ["primary key (session, symbol)"]
    assert "Grain: one row per session and symbol." in (spec.description or "")
    assert list(spec.owners) == ["team:portfolio"]
    assert spec.freshness_policy is not None


def test_sessions_are_the_partitions_and_a_range_is_one_run() -> None:
    assert pictured.partitions_def == SESSIONS
    assert pictured.backfill_policy == ONE_RUN


def test_the_key_is_the_name_of_the_table_unless_given() -> None:
    assert pictured.key == dg.AssetKey(["prices"])
    assert refused.key == dg.AssetKey(["refused"])
