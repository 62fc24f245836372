"""The job mark_account: the command `portfolio marks`, in the web UI. What it does is in `adapters.acts.marking`."""

import dagster as dg

from portfolio_pipeline.adapters.acts.marking import NothingToMark
from portfolio_pipeline.adapters.acts.marking import mark_account as marked_now
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.books.book import to_currency


@dg.op(out=dg.Out(dg.Nothing), description="Mark the account at quotes, store it, and tell of limits that are passed.")
def mark(context: dg.OpExecutionContext) -> None:
    with refusals_as_failures():
        try:
            marked, breaches = marked_now(wire())
        except NothingToMark as why:
            context.log.info(f"Nothing was marked. {why}")
            return
    context.log.info(f"Equity {to_currency(marked.equity):,.2f}, {to_currency(marked.gain):+,.2f} today.")
    for breach in breaches:
        context.log.warning(str(breach))


mark_account = asked_job(
    "mark_account",
    mark,
    None,
    "Mark the account at quotes, as the sensor `intraday_marks` does every five minutes while it is open.",
)
