"""Who is told when something goes wrong: failed runs and failed checks go through the alerts port.

Both sensors look at a run when it is over. Not here: what a check asks, or how an alert travels.
"""

import dagster as dg

from portfolio_pipeline.dagster_home.run_tags import FIRST_OF_RANGE, LAST_OF_RANGE, ONE_SESSION
from portfolio_pipeline.defs.automation.interrupted import goes_on_by_itself
from portfolio_pipeline.ports import Alert, Alerts, Clock

# Whoever asks such a question looks at the page of its run: a mistake in it is no alarm.
_ASKED_BY_HAND = ("backtest",)
_GOES_ON = "It goes on by itself, again and again until the market opens; you are told when it has ended well."


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports failed runs, with the steps and checks that failed, through the alerts port.",
)
def failed_runs(
    context: dg.RunFailureSensorContext, alerts: dg.ResourceParam[Alerts], clock: dg.ResourceParam[Clock]
) -> None:
    if context.dagster_run.job_name in _ASKED_BY_HAND:
        return
    causes = [
        f"{event.step_key}: {_message(event)}" for event in context.get_step_failure_events() if event.step_key
    ] or [context.failure_event.message or "no step had begun"]
    if goes_on_by_itself(context.instance, context.dagster_run, clock.now()):
        causes.append(_GOES_ON)
    alerts.send(
        Alert(
            "critical",
            f"Run {_name(context.dagster_run)} failed",
            "\n".join(causes),
            _run_of(context.dagster_run),
            _pointer(context.dagster_run),
        )
    )
    _report_failed_checks(context, alerts)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports checks that failed in runs that ended well, through the alerts port.",
)
def failed_checks(context: dg.RunStatusSensorContext, alerts: dg.ResourceParam[Alerts]) -> None:
    alerts.over(_run_of(context.dagster_run), f"Run {_name(context.dagster_run)} ended well.")
    _report_failed_checks(context, alerts)


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends once more what a recipient of alerts did not take, at longer and longer intervals.",
)
def undelivered_alerts(alerts: dg.ResourceParam[Alerts]) -> dg.SkipReason:
    waiting = alerts.again()
    return dg.SkipReason(f"{waiting} alerts are still waiting." if waiting else "Every alert was taken.")


def _report_failed_checks(context: dg.RunStatusSensorContext, alerts: Alerts) -> None:
    run = context.dagster_run
    for record in context.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        evaluation = record.get_dagster_event().asset_check_evaluation_data
        asset = evaluation.asset_key.to_user_string()
        about = f"check:{asset}:{evaluation.check_name}"
        if evaluation.passed:
            alerts.over(about, "The check passes again.")
            continue
        severe = evaluation.severity == dg.AssetCheckSeverity.ERROR
        message = evaluation.description or "See its metadata in the web UI."
        title = f"Check {evaluation.check_name} of {asset} failed"
        alerts.send(Alert("high" if severe else "medium", title, message, about, _pointer(run)))


def _message(event: dg.DagsterEvent) -> str:
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    return failure.error.to_exception_message_only().message if failure.error else (event.message or "")


def _name(run: dg.DagsterRun) -> str:
    sessions = run.tags.get(ONE_SESSION) or " to ".join(
        run.tags[tag] for tag in (FIRST_OF_RANGE, LAST_OF_RANGE) if tag in run.tags
    )
    return f"{run.job_name} of {sessions}" if sessions else run.job_name


def _run_of(run: dg.DagsterRun) -> str:
    """The matter of a run that fails: over when one of the same job ends well."""
    return f"run:{run.job_name}"


def _pointer(run: dg.DagsterRun) -> str:
    return f"(run {run.run_id})"
