"""An evening that something outside has interrupted is gone on with by itself, until the market opens.

Nobody answers, prices are late, the process was killed: that passes, and a run goes on where the one before stopped. It
is told by the reason of the failure from what a person has to mend, which waits for one.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import takewhile

import dagster as dg

from portfolio_pipeline.adapters.acts.following import market_hours
from portfolio_pipeline.core.calendar.sessions import NEW_YORK, last_closed_session
from portfolio_pipeline.dagster_home.run_tags import FIRST_OF_RANGE, LAST_OF_RANGE, ONE_SESSION
from portfolio_pipeline.defs.automation.schedules import daily
from portfolio_pipeline.ports import Clock

PASSES = frozenset(
    {
        "ALPACA_ANSWER_UNREADABLE",
        "ALPACA_DATA_UNREACHABLE",
        "ANSWER_UNREADABLE",
        "BARS_NOT_FINAL",
        "BROKER_UNREACHABLE",
        "DATABASE_LOST",
        "DATABASE_UNREACHABLE",
        "RATE_LIMITED",
    }
)
"""The reasons that may be none a while later."""
PAUSES = tuple(timedelta(minutes=count) for count in (5, 10, 20, 40, 60))
"""After each failure in a row; the last one again and again."""
_REASON = re.compile("^([A-Z][A-Z_]+)(?=:|$)", re.MULTILINE)
_OWN = {"ops", "resources"}  # of a run's configuration
_RUNS_SEEN = 50


@dg.sensor(
    job=daily,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Goes on with the newest session when its run was killed, or failed because nobody answered: after 5"
    " minutes, then at longer and longer intervals, until the market opens.",
)
def interrupted_days(
    context: dg.SensorEvaluationContext, clock: dg.ResourceParam[Clock]
) -> dg.RunRequest | dg.SkipReason:
    now = clock.now()
    session = last_closed_session(now)
    if market_hours(now) is not None:
        return dg.SkipReason("The market is open: nothing is planned now.")
    known = context.instance.get_run_records(dg.RunsFilter(job_name=daily.name), limit=_RUNS_SEEN)
    runs = [one for one in known if _is_of_the_day(one.dagster_run, session)]
    failed = list(takewhile(lambda one: one.dagster_run.status is dg.DagsterRunStatus.FAILURE, runs))
    if not failed:
        return dg.SkipReason(f"{session} was not interrupted.")
    newest = failed[0]
    if lasting := _lasting(context.instance, newest.dagster_run):
        return dg.SkipReason(f"{session} waits for a person: {', '.join(lasting)}.")
    due = datetime.fromtimestamp(newest.end_time or 0, NEW_YORK) + PAUSES[min(len(failed), len(PAUSES)) - 1]
    if now < due:
        times = "once" if len(failed) == 1 else f"{len(failed)} times"
        return dg.SkipReason(f"{session} was interrupted {times}; it goes on at {due:%H:%M} in New York.")
    tags = {
        name: newest.dagster_run.tags[name]
        for name in (FIRST_OF_RANGE, LAST_OF_RANGE)
        if name in newest.dagster_run.tags
    }
    alone = None if tags else session.isoformat()
    return dg.RunRequest(run_key=f"after {newest.dagster_run.run_id}", partition_key=alone, tags=tags)


def goes_on_by_itself(instance: dg.DagsterInstance, run: dg.DagsterRun, now: datetime) -> bool:
    """Whether somebody goes on with a run that has failed, and no person is needed."""
    day = run.job_name == daily.name and _is_of_the_day(run, last_closed_session(now))
    return day and market_hours(now) is None and not _lasting(instance, run)


def _lasting(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """What a person has to mend."""
    return [reason for reason in _reasons(instance, run.run_id) if reason not in PASSES]


def _is_of_the_day(run: dg.DagsterRun, session: date) -> bool:
    """All of the chain, through that session; what a person has chosen of it, or wants otherwise, is left to them."""
    through = run.tags.get(ONE_SESSION, run.tags.get(LAST_OF_RANGE))
    chosen = run.asset_selection or not _OWN.isdisjoint(run.run_config)
    return through == session.isoformat() and not chosen


def _reasons(instance: dg.DagsterInstance, run: str) -> Iterator[str]:
    """Of each step that failed, the reasons at the head of what it said; none of a run that was killed."""
    for record in instance.all_logs(run, of_type=dg.DagsterEventType.STEP_FAILURE):
        failure = record.get_dagster_event().step_failure_data
        told = failure.user_failure_data.description if failure.user_failure_data else None
        yield from _REASON.findall(told or "") or ["an error of the program"]
