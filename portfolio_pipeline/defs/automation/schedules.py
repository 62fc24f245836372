"""When the day is run: after the close of each session, named by the exchange's own calendar.

Not here: what a day does; the job `daily` is simply everything there is, assets and their checks. Only whether the day
came in time is asked by somebody else (`freshness`), and who goes on with one that was interrupted is `interrupted`.
"""

from datetime import date

import dagster as dg

from portfolio_pipeline.adapters.settings import active_settings
from portfolio_pipeline.core.calendar.sessions import NEW_YORK, closure_name, is_session, next_session
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.windows import AUCTION_EVENING
from portfolio_pipeline.dagster_home.run_tags import FIRST_OF_RANGE, LAST_OF_RANGE
from portfolio_pipeline.defs.automation.freshness import newest_session_is_there
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.complete import complete_through

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
    description="Runs the chain after the close of every session, with sessions before it that are missing; closed"
    " days are skipped by name.",
)
def after_the_close(
    context: dg.ScheduleEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.RunRequest | dg.SkipReason:
    today = context.scheduled_execution_time.astimezone(NEW_YORK).date()
    if not is_session(today):
        return dg.SkipReason(f"{today:%A %Y-%m-%d}: {closure_name(today)}, the exchange is closed.")
    first = _first_missing(warehouse, today)
    if first < today:
        tags = {FIRST_OF_RANGE: first.isoformat(), LAST_OF_RANGE: today.isoformat()}
        return dg.RunRequest(run_key=today.isoformat(), tags=tags)
    return dg.RunRequest(run_key=today.isoformat(), partition_key=today.isoformat())


def _first_missing(warehouse: Warehouse, today: date) -> date:
    """Nothing can be computed over a hole. Where the tables cannot be asked, the run itself says why."""
    try:
        complete = complete_through(warehouse)
    except PortfolioError:
        complete = None
    return today if complete is None else min(next_session(complete), today)
