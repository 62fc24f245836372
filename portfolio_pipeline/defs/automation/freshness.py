"""Whether the newest session is there by the next morning: a check that knows the exchange's calendar.

Dagster's own freshness policies know no holidays, and would call everything late on the mornings after them. The
check stands on `metrics`, where the chain ends; the sensor asks it each morning and after every run, in no run of its
own.
"""

from datetime import datetime

import dagster as dg

from portfolio_pipeline.core.calendar.sessions import MORNING, due_session
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.tables import METRICS
from portfolio_pipeline.ports import Alert, Alerts, Clock, Warehouse
from portfolio_pipeline.reads.complete import EVERY_SESSION, complete_through

NAME = "newest_session_is_there"
_METRICS = dg.AssetKey([METRICS.name])
_REMEDY = "Run `portfolio up`, or start the job `daily` for the missing sessions; the page of the last run says why."


@dg.asset_check(
    asset=_METRICS,
    name=NAME,
    description=f"By {MORNING:%H:%M} New York time of the next morning every table holds the newest session that has"
    " closed. Weekends and holidays are no sessions: nothing is late on the mornings after them.",
)
def newest_session_is_there(
    warehouse: dg.ResourceParam[Warehouse], clock: dg.ResourceParam[Clock]
) -> dg.AssetCheckResult:
    return _judged(warehouse, clock.now())


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks each morning, and after every run, whether the newest session is there, and tells if it is not.",
)
def late_sessions(
    context: dg.SensorEvaluationContext,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    alerts: dg.ResourceParam[Alerts],
) -> dg.SensorResult | dg.SkipReason:
    newest = context.instance.get_latest_materialization_event(_METRICS)
    due = due_session(clock.now())
    if newest is None:
        return dg.SkipReason("Nothing was ever computed here.")
    known = f"{due} {newest.timestamp}"
    if context.cursor == known:
        return dg.SkipReason(f"Nothing has changed since it was asked for {due}.")
    try:
        found = _judged(warehouse, clock.now())
    except PortfolioError as refusal:
        return dg.SkipReason(f"It is asked again: {refusal}")
    told_before = (context.cursor or "").startswith(f"{due} ")
    if not found.passed and not told_before:
        alerts.send(Alert("critical", f"Session {due} is late", str(found.description), NAME))
    if found.passed:
        alerts.over(NAME, str(found.description))
    evaluation = dg.AssetCheckEvaluation(
        asset_key=_METRICS,
        check_name=NAME,
        passed=found.passed,
        metadata=found.metadata,
        severity=found.severity,
        description=found.description,
    )
    asked = f"Asked for {due}: {found.description}"
    return dg.SensorResult(asset_events=[evaluation], cursor=known, skip_reason=asked)


def _judged(warehouse: Warehouse, now: datetime) -> dg.AssetCheckResult:
    due, complete = due_session(now), complete_through(warehouse)
    metadata = {"has to be there": str(due), "complete through": str(complete or "no session")}
    if complete is not None and complete >= due:
        return dg.AssetCheckResult(passed=True, metadata=metadata, description=f"complete through {complete}")
    with warehouse.reading() as reader:
        reached = {table.name: reader.newest(table.name) for table in EVERY_SESSION}
    behind = [f"{name} ({newest or 'empty'})" for name, newest in reached.items() if newest is None or newest < due]
    return dg.AssetCheckResult(
        passed=False,
        metadata={**metadata, "behind": ", ".join(behind) or "a strategy's tables"},
        description=f"{due} has to be there, and all is complete through {complete or 'no session'}. {_REMEDY}",
    )
