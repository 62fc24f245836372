"""Late is what is late by the exchange's calendar: a real instance, real tables, and mornings of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import dagster as dg
import pytest

from portfolio_pipeline.core.calendar.sessions import NEW_YORK, due_session
from portfolio_pipeline.defs.automation.freshness import NAME, late_sessions, newest_session_is_there
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.cli.test_stored_history import complete
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts
from portfolio_pipeline_tests.fakes.clock import FixedClock

METRICS = dg.AssetKey(["metrics"])
CHECK = dg.AssetCheckKey(METRICS, NAME)
BEFORE_THANKSGIVING, AFTER_IT, MONDAY = date(2026, 11, 25), date(2026, 11, 27), date(2026, 11, 30)


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-11-26T07:59", date(2026, 11, 24)),
        ("2026-11-26T08:00", BEFORE_THANKSGIVING),  # Thanksgiving itself: the day before it has to be there
        ("2026-11-27T08:00", BEFORE_THANKSGIVING),  # the morning after the holiday
        ("2026-11-28T08:00", AFTER_IT),  # Saturday: Friday, which closed early
        ("2026-11-29T12:00", AFTER_IT),
        ("2026-11-30T23:00", AFTER_IT),  # Monday evening: Monday itself has until Tuesday
        ("2026-12-01T08:00", MONDAY),
        ("2027-03-29T08:00", date(2027, 3, 25)),  # Easter Monday; Good Friday was no session
        ("2025-01-10T08:00", date(2025, 1, 8)),  # after a day of mourning
    ],
)
def test_a_session_has_to_be_there_by_the_next_morning(moment: str, due: date) -> None:
    assert due_session(at(moment)) == due


class House:
    """A home's daemon at work: the sensor asks, and what it found is on the asset's page."""

    def __init__(self, instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
        self.instance, self.warehouse, self.alerts = instance, warehouse, RecordedAlerts()
        self.cursor: str | None = None

    def computes(self, session: date) -> None:
        complete(self.warehouse, session)
        self.instance.report_runless_asset_event(dg.AssetMaterialization(METRICS, partition=session.isoformat()))

    def asks(self, moment: str) -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"warehouse": self.warehouse, "clock": FixedClock(at(moment)), "alerts": self.alerts},
        )
        found = late_sessions(context)
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        if isinstance(found, dg.SensorResult):
            self.cursor = found.cursor
            for event in found.asset_events:
                self.instance.report_runless_asset_event(event)
        return found

    @property
    def is_fine(self) -> bool | None:
        """What the check's page shows."""
        record = self.instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK]).get(CHECK)
        return None if record is None or record.evaluation is None else bool(record.evaluation.passed)


@pytest.fixture
def house(duckdb_warehouse: Warehouse) -> Iterator[House]:
    with dg.instance_for_test() as instance:
        yield House(instance, duckdb_warehouse)


@pytest.mark.parametrize("morning", ["2026-11-26T08:30", "2026-11-27T08:30"])
def test_nothing_is_late_on_a_holiday_or_on_the_morning_after_it(house: House, morning: str) -> None:
    house.computes(BEFORE_THANKSGIVING)
    house.asks(morning)
    assert house.is_fine is True
    assert house.alerts.sent == []


@pytest.mark.parametrize("morning", ["2026-11-28T08:30", "2026-11-29T08:30", "2026-11-30T08:30"])
def test_nothing_is_late_on_a_weekend_or_on_the_morning_after_it(house: House, morning: str) -> None:
    house.computes(AFTER_IT)
    house.asks(morning)
    assert house.is_fine is True


def test_a_day_that_did_not_run_is_late_until_it_has_run_and_told_once(house: House) -> None:
    house.computes(BEFORE_THANKSGIVING)
    house.asks("2026-11-27T08:30")
    house.asks("2026-11-28T07:59")
    assert house.is_fine is True
    house.asks("2026-11-28T08:00")
    assert house.is_fine is False
    (alert,) = house.alerts.sent
    assert alert.title == "Session 2026-11-27 is late"
    assert "all is complete through 2026-11-25" in alert.message
    assert isinstance(house.asks("2026-11-28T08:01"), dg.SkipReason)
    house.computes(AFTER_IT)
    house.asks("2026-11-28T09:00")
    assert house.is_fine is True
    assert len(house.alerts.sent) == 1


def test_nothing_is_asked_of_the_tables_while_nothing_has_changed(house: House) -> None:
    house.computes(AFTER_IT)
    assert isinstance(house.asks("2026-11-28T08:00"), dg.SensorResult)
    assert isinstance(house.asks("2026-11-30T07:00"), dg.SkipReason)


def test_a_home_that_has_computed_nothing_is_not_called_late(house: House) -> None:
    assert isinstance(house.asks("2026-11-30T08:00"), dg.SkipReason)
    assert house.is_fine is None


def test_the_check_can_be_asked_by_hand(duckdb_warehouse: Warehouse) -> None:
    complete(duckdb_warehouse, BEFORE_THANKSGIVING)
    late = newest_session_is_there(duckdb_warehouse, FixedClock(at("2026-11-28T08:00")))
    assert isinstance(late, dg.AssetCheckResult)
    assert not late.passed
    assert "prices (2026-11-25)" in str(late.metadata["behind"].value)
