"""The job `backtest`: any strategy, any parameters, any stored range, from the launchpad of the UI.

An op, not an asset: a report is made for a question, has no session and nothing depends on it, so it has no place in
the graph, in the daily chain or among what has to be fresh. The answer is on the page of its run, where the question
(the run's config) stands beside it.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.card_files import card_names
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.backtest.request import BacktestRequest
from portfolio_pipeline.core.calendar.sessions import day_of
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reports import pages
from portfolio_pipeline.reports.backtest import backtest_report

_NAMES = card_names()


class BacktestConfig(dg.Config):
    """What is asked: a strategy, a range, and parameter sets to compare with the card's default."""

    strategy: str = Field(default=_NAMES[0] if _NAMES else "", description=f"One of {', '.join(_NAMES)}.")
    first: str = Field(default="", description="First day, as 2026-11-20. Empty: as soon as indicators are known.")
    last: str = Field(default="", description="Last day. Empty: the newest stored session.")
    sets: list[dict[str, Any]] = Field(
        default=[], description="Parameters by name, other ones at the card's default: [{top: 3}, {top: 5, fast: 42}]."
    )
    trades: int = Field(default=50, description="How many of the newest trades are shown.")


@dg.op(
    out=dg.Out(dg.Nothing),
    description="What parameters would have earned, side by side: figures, pictures, months and trades in one page.",
)
def report(
    context: dg.OpExecutionContext,
    config: BacktestConfig,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
) -> None:
    with refusals_as_failures():
        if config.trades < 0:
            raise ConfigurationError("TRADES_NEGATIVE", found=config.trades, remedy="Give 0 or more.")
        request = BacktestRequest(day_of(config.first), day_of(config.last), tuple(config.sets))
        found = backtest_report(warehouse, settings, strategies, config.strategy, request)
    context.log.info("\n".join((found.title, *found.notes)))
    page = dg.MetadataValue.md(pages.markdown_page(found, config.trades))
    context.add_output_metadata({"back-test": found.title, "report": page})


backtest = asked_job(
    "backtest",
    report,
    BacktestConfig(),
    "A back-test of one strategy: choose it, the range and parameter sets in the launchpad.",
)
