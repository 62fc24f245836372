"""The daily schedule on sessions, holidays, early closes and weekends, named by the exchange's calendar."""

from datetime import date, datetime

import dagster as dg
import pytest

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.calendar.sessions import NEW_YORK, closed_days, sessions_between
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.dagster_home.run_tags import FIRST_OF_RANGE, LAST_OF_RANGE
from portfolio_pipeline.defs.automation.schedules import after_the_close, daily, evening
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.cli.test_stored_history import complete


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return open_warehouse(f"duckdb:///{tmp_path_factory.mktemp('empty') / 'portfolio.duckdb'}")


def tick(day: str, warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    moment = datetime.fromisoformat(f"{day}T17:00").replace(tzinfo=NEW_YORK)
    with dg.build_schedule_context(scheduled_execution_time=moment, resources={"warehouse": warehouse}) as context:
        return after_the_close(context)  # type: ignore[return-value]


@pytest.mark.parametrize("day", ["2026-11-20", "2024-07-03", "2024-11-29", "2024-12-24"])
def test_a_session_is_run_once_also_when_it_closed_early(day: str, empty: Warehouse) -> None:
    request = tick(day, empty)
    assert isinstance(request, dg.RunRequest)
    assert (request.partition_key, request.run_key) == (day, day)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2024-07-04", "July 4th"),
        ("2024-11-28", "Thanksgiving"),
        ("2024-12-25", "Christmas"),
        ("2025-01-09", "one-off closure"),
        ("2026-11-21", "weekend"),
    ],
)
def test_a_closed_day_is_skipped_by_name(day: str, why: str, empty: Warehouse) -> None:
    skipped = tick(day, empty)
    assert isinstance(skipped, dg.SkipReason)
    assert day in (skipped.skip_message or "")
    assert why in (skipped.skip_message or "")


def test_over_a_year_each_session_is_asked_for_exactly_once(empty: Warehouse) -> None:
    first, last = datetime(2024, 1, 1).date(), datetime(2024, 12, 31).date()  # noqa: DTZ001
    weekdays = [*sessions_between(first, last), *closed_days(first, last)]
    asked = [
        request.partition_key for day in weekdays if isinstance(request := tick(day.isoformat(), empty), dg.RunRequest)
    ]
    assert asked == [session.isoformat() for session in sessions_between(first, last)]


def test_sessions_that_are_missing_before_it_come_in_the_same_run(duckdb_warehouse: Warehouse) -> None:
    complete(duckdb_warehouse, date(2026, 11, 17))
    request = tick("2026-11-20", duckdb_warehouse)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key is None
    assert (request.tags[FIRST_OF_RANGE], request.tags[LAST_OF_RANGE]) == ("2026-11-18", "2026-11-20")
    complete(duckdb_warehouse, date(2026, 11, 19))
    request = tick("2026-11-20", duckdb_warehouse)
    assert isinstance(request, dg.RunRequest)
    assert (request.partition_key, request.tags.get(FIRST_OF_RANGE)) == ("2026-11-20", None)


def test_the_schedule_runs_the_whole_chain_without_being_switched_on() -> None:
    assert after_the_close.default_status == dg.DefaultScheduleStatus.RUNNING
    assert after_the_close.execution_timezone == "America/New_York"
    assert after_the_close.job_name == daily.name
    assert after_the_close.cron_schedule == "0 17 * * 1-5"


def test_orders_for_an_auction_are_planned_when_it_takes_them() -> None:
    assert [evening(Orders(type=kind)) for kind in ("limit", "opening", "closing")] == [
        "0 17 * * 1-5",
        "5 19 * * 1-5",
        "5 19 * * 1-5",
    ]
