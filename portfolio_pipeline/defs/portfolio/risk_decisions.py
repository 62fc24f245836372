"""The job decide_about_risk: the commands `portfolio risk override`, `release` and `review`, in the web UI.

An op, not an asset: a decision belongs to no session, and is in force from the next one on.
"""

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.acts.risk_decisions import decide
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.calendar.sessions import day_of
from portfolio_pipeline.core.risk.states.overrides import KINDS
from portfolio_pipeline.ports import Clock, Warehouse


class RiskDecision(dg.Config):
    """What is decided about a risk state, and why."""

    action: str = Field(default="release", description=f"One of {', '.join(KINDS)}.")
    scope: str = Field(default="portfolio", description="portfolio, account or strategy:NAME, as risk_states has it")
    reason: str = Field(default="", description="Why. It has to be given.")
    factor: float | None = Field(default=None, description="Of an override: part of the full risk, 0 to 1")
    until: str = Field(default="", description="Of an override: its last session, as 2026-12-01. Empty: no end.")
    cause: str = Field(default="", description="Of a review: what caused the breach")
    changed: str = Field(default="", description="Of a review: which parameters were changed since")
    who: str = Field(default="the web UI", description="Who decides")


@dg.op(out=dg.Out(dg.Nothing), description="Write the decision down; it is in force from the next session on.")
def decide_about_a_state(
    context: dg.OpExecutionContext,
    config: RiskDecision,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    plan_key: dg.ResourceParam[bytes],
) -> None:
    with refusals_as_failures():
        since = decide(
            *(warehouse, config.action, config.scope, config.reason, clock.now(), config.who, plan_key),
            factor=config.factor,
            until=day_of(config.until),
            cause=config.cause,
            changed=config.changed,
        )
    context.log.info(f"{config.action} of {config.scope}, in force from {since} on")


decide_about_risk = asked_job(
    "decide_about_risk",
    decide_about_a_state,
    RiskDecision(),
    "Release, override or review a risk state, with a reason. In force from the next session on.",
)
