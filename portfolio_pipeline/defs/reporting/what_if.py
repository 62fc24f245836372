"""The job what_if: other shares of capital over any stored range, from the launchpad of the UI. It changes no table.

An op, not an asset, for the reasons of `backtest`; the answer is on the page of its run.
"""

import dagster as dg
from pydantic import Field

from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.calendar.sessions import day_of
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reports import what_if as reports


class WhatIfConfig(dg.Config):
    """What is asked: methods, settings or shares, and a range."""

    methods: list[str] = Field(
        default=["risk_parity"], description=f"Some of {', '.join(ALLOCATION_METHODS)}, or [all]. Empty: as set."
    )
    changed: list[str] = Field(
        default=[],
        description="Entries of allocation, or of rebalancing: [maximum=0.5, rebalancing.trigger=month_end].",
    )
    shares: str = Field(default="", description="Shares by hand, as trend_bonds=0.3,diversified_core=0.4.")
    first: str = Field(default="", description="First day, as 2026-11-20. Empty: the first with shares.")
    last: str = Field(default="", description="Last day. Empty: the newest.")


@dg.op(
    out=dg.Out(dg.Nothing),
    description="What other shares of capital would have brought on paper, beside those that were decided.",
)
def compare_shares(
    context: dg.OpExecutionContext,
    config: WhatIfConfig,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
) -> None:
    def tell(label: str, done: int, of: int) -> None:
        if done == of:
            context.log.info(f"{label}: {of:,} sessions")

    with refusals_as_failures():
        asked = reports.WhatIf(
            tuple(config.methods), tuple(config.changed), config.shares, day_of(config.first), day_of(config.last)
        )
        found = reports.what_if(warehouse, settings, strategies, asked, tell)
    page = dg.MetadataValue.md(reports.markdown_page(found))
    context.add_output_metadata({"what if": found.title, "report": page})


what_if = asked_job(
    "what_if",
    compare_shares,
    WhatIfConfig(),
    "Other shares of capital beside the present ones: choose methods, settings or shares in the launchpad.",
)
