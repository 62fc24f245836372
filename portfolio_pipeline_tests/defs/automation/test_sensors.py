"""Failed runs and failed checks reach the alerts port, from real runs on a real instance."""

from datetime import date

import dagster as dg

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import SessionCheck, session_check
from portfolio_pipeline.core.errors import BrokerError, DataError
from portfolio_pipeline.core.tables import PRICES
from portfolio_pipeline.defs.automation.sensors import failed_checks, failed_runs, undelivered_alerts
from portfolio_pipeline.ports import Alert, Warehouse
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts
from portfolio_pipeline_tests.fakes.clock import FixedClock

SESSION = date(2024, 1, 5)


@session_check()
def bars_are_healthy() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="2 bars are stale")


@session_check()
def everything_else_holds() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def good(*checks: SessionCheck) -> dg.AssetsDefinition:
    @session_asset(table=PRICES, key=dg.AssetKey(["good"]), group="market", checks=checks)
    def good() -> Stored:
        return Stored(1)

    return good


@session_asset(table=PRICES, key=dg.AssetKey(["bad"]), group="market")
def bad() -> Stored:
    raise DataError("NO_BARS", found=0, remedy="Look at the source.")


@session_asset(table=PRICES, key=dg.AssetKey(["interrupted"]), group="market")
def interrupted() -> Stored:
    raise BrokerError("BROKER_UNREACHABLE", found="nobody", remedy="Wait.")


def alerts_after(sensor: dg.SensorDefinition, warehouse: Warehouse, *assets: dg.AssetsDefinition) -> list[Alert]:
    return told_after(sensor, warehouse, *assets).sent


def told_after(sensor: dg.SensorDefinition, warehouse: Warehouse, *assets: dg.AssetsDefinition) -> RecordedAlerts:
    """Run the assets, and hand the run to the sensor as the daemon would."""
    alerts = RecordedAlerts()
    with dg.instance_for_test() as instance:
        job = dg.Definitions(
            assets=assets,
            jobs=[dg.define_asset_job("daily")],
            resources={"warehouse": warehouse, "clock": FixedClock.after_close(SESSION)},
        ).resolve_job_def("daily")
        result = job.execute_in_process(instance=instance, partition_key=SESSION.isoformat(), raise_on_error=False)
        event = result.get_run_success_event() if result.success else result.get_run_failure_event()
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor.name,
            dagster_event=event,
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"alerts": alerts, "clock": FixedClock.after_close(SESSION)},
        )
        sensor(context if result.success else context.for_run_failure())
    return alerts


def test_a_failed_run_is_reported_with_its_session_and_the_refusal_of_the_step(duckdb_warehouse: Warehouse) -> None:
    (alert,) = alerts_after(failed_runs, duckdb_warehouse, bad)
    assert alert.severity == "critical"
    assert alert.title == f"Run daily of {SESSION} failed"
    assert alert.message.startswith("bad: NO_BARS: found=0. Look at the source.")


def test_it_is_told_whether_a_run_goes_on_by_itself(duckdb_warehouse: Warehouse) -> None:
    (alert,) = alerts_after(failed_runs, duckdb_warehouse, interrupted)
    assert "BROKER_UNREACHABLE" in alert.message
    assert "It goes on by itself" in alert.message
    (alert,) = alerts_after(failed_runs, duckdb_warehouse, bad)
    assert "by itself" not in alert.message


def test_a_failed_check_is_reported_when_the_run_itself_went_well(duckdb_warehouse: Warehouse) -> None:
    (alert,) = alerts_after(failed_checks, duckdb_warehouse, good(bars_are_healthy, everything_else_holds))
    assert (alert.severity, alert.title) == ("medium", "Check bars_are_healthy of good failed")
    assert alert.message.startswith("2 bars are stale")


def test_a_failed_run_reports_its_failed_checks_too(duckdb_warehouse: Warehouse) -> None:
    checked = good(bars_are_healthy, everything_else_holds)
    titles = [alert.title for alert in alerts_after(failed_runs, duckdb_warehouse, checked, bad)]
    assert titles == [f"Run daily of {SESSION} failed", "Check bars_are_healthy of good failed"]


def test_a_run_in_order_is_not_reported(duckdb_warehouse: Warehouse) -> None:
    assert alerts_after(failed_checks, duckdb_warehouse, good(everything_else_holds)) == []


def test_what_is_well_again_is_over(duckdb_warehouse: Warehouse) -> None:
    told = told_after(failed_checks, duckdb_warehouse, good(bars_are_healthy, everything_else_holds))
    assert told.ended == ["run:daily", "check:good:everything_else_holds"]
    assert [alert.about for alert in told.sent] == ["check:good:bars_are_healthy"]


def test_the_sensors_run_without_being_switched_on() -> None:
    assert {sensor.default_status for sensor in (failed_runs, failed_checks, undelivered_alerts)} == {
        dg.DefaultSensorStatus.RUNNING
    }
