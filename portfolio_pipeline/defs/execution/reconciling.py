"""The job decide_about_differences: the commands `portfolio reconcile accept` and `ignore`, in the web UI.

An op, not an asset: a decision belongs to no session. The books follow when the newest session is run again.
"""

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.acts.reconciling import AGAIN, decide
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Clock, Warehouse


class DifferenceDecision(dg.Config):
    """What is decided of a difference between the broker's account and the books, and why."""

    action: str = Field(
        default="ignore",
        description="accept: it is the house's from then on, and traded; ignore: it stays unclaimed, and is not.",
    )
    subject: str = Field(default="", description="A symbol, cash, an order's identifier, or all that is open.")
    reason: str = Field(default="", description="Why. It has to be given.")
    who: str = Field(default="the web UI", description="Who decides.")


@dg.op(out=dg.Out(dg.Nothing), description="Write the decision down, or refuse it with what can be decided.")
def decide_about_a_difference(
    context: dg.OpExecutionContext,
    config: DifferenceDecision,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> None:
    with refusals_as_failures():
        said = config.action, config.subject, config.reason, config.who
        subjects = decide(warehouse, *said, clock.now(), settings.symbols)
    context.log.info(f"{config.action} {', '.join(subjects)}. {AGAIN}")


decide_about_differences = asked_job(
    "decide_about_differences",
    decide_about_a_difference,
    DifferenceDecision(),
    "Accept or ignore what differs between the broker's account and the books, with a reason.",
)
