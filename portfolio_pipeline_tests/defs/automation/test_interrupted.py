"""Evenings that were interrupted: real runs that fail on a real instance, and the sensor at moments after them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.core.calendar.sessions import NEW_YORK
from portfolio_pipeline.core.errors import BrokerError, DataError, PortfolioError
from portfolio_pipeline.core.tables import PRICES
from portfolio_pipeline.dagster_home.run_tags import FIRST_OF_RANGE, LAST_OF_RANGE, ONE_SESSION
from portfolio_pipeline.defs.automation.interrupted import PAUSES, interrupted_days
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.fakes.clock import FixedClock

THURSDAY, FRIDAY = date(2024, 1, 4), date(2024, 1, 5)
TICK = datetime(2024, 1, 5, 17, tzinfo=NEW_YORK)
AWAY = BrokerError("BROKER_UNREACHABLE", found="nobody", remedy="Wait.")
MINUTE = timedelta(minutes=1)


class House:
    """Runs of the job that end as they are told to. Dagster's clock stands where the house's does."""

    def __init__(self, instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
        self.instance, self.warehouse, self.clock = instance, warehouse, FixedClock(TICK)

    def runs(self, why: Exception | None = None, *, first: date = FRIDAY, **how: Any) -> None:
        """Through Friday; fails for that reason, or ends well."""

        @session_asset(table=PRICES, key=dg.AssetKey(["asked"]), group="market")
        def asked() -> Stored:
            if why is not None:
                raise why
            return Stored(1)

        resources = {"warehouse": self.warehouse, "clock": self.clock}
        one = dg.Definitions(assets=[asked], jobs=[dg.define_asset_job("daily")], resources=resources)
        tags = {FIRST_OF_RANGE: f"{first}", LAST_OF_RANGE: f"{FRIDAY}"} if first < FRIDAY else {}
        one.resolve_job_def("daily").execute_in_process(
            instance=self.instance,
            partition_key=None if tags else f"{FRIDAY}",
            tags=tags,
            raise_on_error=False,
            **how,
        )

    def is_killed_at_work(self) -> None:
        run = self.instance.create_run_for_job(
            dg.GraphDefinition("daily").to_job(),
            status=dg.DagsterRunStatus.STARTED,
            tags={ONE_SESSION: f"{FRIDAY}"},
        )
        self.instance.report_run_failed(run, "It was killed: its process has ended before the run did.")

    def asks(self) -> dg.RunRequest | dg.SkipReason:
        context = dg.build_sensor_context(instance=self.instance, resources={"clock": self.clock})
        return interrupted_days(context)  # type: ignore[return-value]

    def waits(self) -> str:
        answer = self.asks()
        assert isinstance(answer, dg.SkipReason), answer
        return answer.skip_message or ""

    def goes_on(self) -> dg.RunRequest:
        answer = self.asks()
        assert isinstance(answer, dg.RunRequest), answer
        return answer


@pytest.fixture
def house(duckdb_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with dg.instance_for_test() as instance:
        house = House(instance, duckdb_warehouse)
        monkeypatch.setattr(time, "time", lambda: house.clock.now().timestamp())
        yield house


def test_where_nobody_answered_it_goes_on_after_longer_and_longer_pauses(house: House) -> None:
    keys = set()
    for pause in (*PAUSES, PAUSES[-1], PAUSES[-1]):
        house.runs(AWAY)
        house.clock.moment += pause - MINUTE
        assert "it goes on at" in house.waits()
        house.clock.moment += MINUTE
        request = house.goes_on()
        assert request.partition_key == f"{FRIDAY}"
        assert house.goes_on().run_key == request.run_key  # one request, however often it is asked
        keys.add(request.run_key)
    assert len(keys) == len(PAUSES) + 2
    house.runs()
    assert house.waits() == f"{FRIDAY} was not interrupted."


def test_a_range_goes_on_as_the_range(house: House) -> None:
    house.runs(AWAY, first=THURSDAY)
    house.clock.moment += PAUSES[0]
    request = house.goes_on()
    assert request.partition_key is None
    assert (request.tags[FIRST_OF_RANGE], request.tags[LAST_OF_RANGE]) == (f"{THURSDAY}", f"{FRIDAY}")


def test_a_run_that_was_killed_goes_on(house: House) -> None:
    house.is_killed_at_work()
    house.clock.moment += PAUSES[0]
    assert house.goes_on().partition_key == f"{FRIDAY}"


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (PortfolioError("SEAL_BROKEN", found="an edited row"), "SEAL_BROKEN"),
        (DataError("NO_BARS", found=0, remedy="BROKER_UNREACHABLE: is said by somebody else"), "NO_BARS"),
        (ValueError("BROKER_UNREACHABLE"), "an error of the program"),
    ],
)
def test_what_a_person_has_to_mend_waits_for_one(house: House, why: Exception, told: str) -> None:
    house.runs(why)
    house.clock.moment += timedelta(hours=5)
    assert house.waits() == f"{FRIDAY} waits for a person: {told}."


@pytest.mark.parametrize(
    "how",
    [
        {"asset_selection": [dg.AssetKey(["asked"])]},
        {"run_config": {"resources": {"clock": {"config": {}}}}},
    ],
)
def test_what_a_person_has_chosen_is_left_to_them(house: House, how: dict[str, Any]) -> None:
    house.runs(AWAY, **how)
    house.clock.moment += timedelta(hours=5)
    assert house.waits() == f"{FRIDAY} was not interrupted."


def test_with_the_open_it_is_over(house: House) -> None:
    house.runs(AWAY)
    house.clock.moment = datetime(2024, 1, 8, 9, 29, tzinfo=NEW_YORK)  # Monday: nothing was in between
    house.goes_on()
    house.clock.moment += MINUTE
    assert house.waits() == "The market is open: nothing is planned now."
    house.clock.moment = datetime(2024, 1, 8, 16, 30, tzinfo=NEW_YORK)
    assert house.waits() == "2024-01-08 was not interrupted."


def test_where_nothing_was_interrupted_nothing_is_begun(house: House) -> None:
    assert house.waits() == f"{FRIDAY} was not interrupted."


def test_it_is_at_work_without_being_switched_on() -> None:
    assert interrupted_days.default_status == dg.DefaultSensorStatus.RUNNING
