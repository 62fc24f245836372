"""Runs whose process was killed are marked as failed: they would hold their place in the queue for good."""

import dagster as dg

from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.dagster_home.at_work import close_dead_runs


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs as failed whose process has ended before they did, so that the next one may begin.",
)
def killed_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    found = close_dead_runs(context.instance, wire().locks)
    return dg.SkipReason(" ".join(found) or "No run was killed.")
