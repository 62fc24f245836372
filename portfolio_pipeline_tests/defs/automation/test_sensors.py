"""Failed runs and failed checks reach the alerts port, from real runs on a real instance."""

import dagster as dg

from portfolio_pipeline.components.session_asset import session_asset, stored
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.tables import PRICES
from portfolio_pipeline.defs.automation.sensors import failed_checks, failed_runs
from portfolio_pipeline.partitions import SESSIONS, sessions_of
from portfolio_pipeline.ports import Alert
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts

SESSION = "2024-01-05"


@session_asset(table=PRICES, key=["good"], group="market_data", kinds={"python"})
def good(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return stored(context, sessions_of(context), rows=1)


@session_asset(table=PRICES, key=["bad"], group="market_data", kinds={"python"})
def bad(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    raise DataError("NO_BARS", found=0, remedy="Look at the source.")


@dg.asset_check(asset=good, partitions_def=SESSIONS)
def bars_are_healthy(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="2 bars are stale")


@dg.asset_check(asset=good, partitions_def=SESSIONS)
def everything_else_holds(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


CHECKS = [bars_are_healthy, everything_else_holds]


def alerts_after(sensor: dg.SensorDefinition, *parts: dg.AssetsDefinition | dg.AssetChecksDefinition) -> list[Alert]:
    """Run the parts, and hand the run to the sensor as the daemon would."""
    alerts = RecordedAlerts()
    with dg.instance_for_test() as instance:
        job = dg.Definitions(
            assets=[part for part in parts if not isinstance(part, dg.AssetChecksDefinition)],
            asset_checks=[part for part in parts if isinstance(part, dg.AssetChecksDefinition)],
            jobs=[dg.define_asset_job("daily")],
        ).resolve_job_def("daily")
        result = job.execute_in_process(instance=instance, partition_key=SESSION, raise_on_error=False)
        event = result.get_run_success_event() if result.success else result.get_run_failure_event()
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor.name,
            dagster_event=event,
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"alerts": alerts},
        )
        sensor(context if result.success else context.for_run_failure())
    return alerts.sent


def test_a_failed_run_is_reported_with_its_session_and_the_refusal_of_the_step() -> None:
    (alert,) = alerts_after(failed_runs, bad)
    assert alert.severity == "critical"
    assert alert.title == f"Run daily of {SESSION} failed"
    assert alert.message.startswith("bad: NO_BARS: found=0. Look at the source.")


def test_a_failed_check_is_reported_when_the_run_itself_went_well() -> None:
    (alert,) = alerts_after(failed_checks, good, *CHECKS)
    assert (alert.severity, alert.title) == ("warning", "Check bars_are_healthy of good failed")
    assert alert.message.startswith("2 bars are stale")


def test_a_failed_run_reports_its_failed_checks_too() -> None:
    titles = [alert.title for alert in alerts_after(failed_runs, good, bad, *CHECKS)]
    assert titles == [f"Run daily of {SESSION} failed", "Check bars_are_healthy of good failed"]


def test_a_run_in_order_is_not_reported() -> None:
    assert alerts_after(failed_checks, good, everything_else_holds) == []


def test_the_sensors_run_without_being_switched_on() -> None:
    assert {sensor.default_status for sensor in (failed_runs, failed_checks)} == {dg.DefaultSensorStatus.RUNNING}
