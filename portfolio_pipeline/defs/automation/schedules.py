"""When the day is run: after the close of each session, named by the exchange's own calendar.

Not here: what a day does; the job `daily` is simply everything there is, assets and their checks. Only whether the day
came in time is asked by somebody else (`freshness`).
"""

import dagster as dg

from portfolio_pipeline.adapters.settings import active_settings
from portfolio_pipeline.core.calendar.sessions import NEW_YORK, closure_name, is_session
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.windows import AUCTION_EVENING
from portfolio_pipeline.defs.automation.freshness import newest_session_is_there

daily = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.all() - dg.AssetSelection.checks(newest_session_is_there),
    description="The whole chain for one session, prices to metrics, with all checks.",
)


def evening(orders: Orders) -> str:
    """When, in New York: after every close, early ones included, and late enough for a day's bars to be final.

    Orders for an auction are not taken before its evening.
    """
    auction = orders.type in ("opening", "closing")
    return f"5 {AUCTION_EVENING.hour} * * 1-5" if auction else "0 17 * * 1-5"


@dg.schedule(
    job=daily,
    cron_schedule=evening(active_settings().orders),
    execution_timezone="America/New_York",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Runs the chain after the close of every session; closed days are skipped by name.",
)
def after_the_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    today = context.scheduled_execution_time.astimezone(NEW_YORK).date()
    if not is_session(today):
        return dg.SkipReason(f"{today:%A %Y-%m-%d}: {closure_name(today)}, the exchange is closed.")
    return dg.RunRequest(run_key=today.isoformat(), partition_key=today.isoformat())
