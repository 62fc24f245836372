"""The job construct_positions: whole shares for some money by an allocation method, from the launchpad of the UI.

An op, not an asset, for the reasons of `backtest`. It is a dry run: to adopt what it shows is a card in the home, which
`portfolio allocate construct --adopt` writes.
"""

import dagster as dg
from pydantic import Field

from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.calendar.sessions import day_of
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reports import construct as reports


class ConstructConfig(dg.Config):
    """What is asked: money, symbols and a method."""

    capital: float = Field(default=100_000.0, description="Money, in the currency of the account.")
    universe: list[str] = Field(default=["SPY", "EFA", "TLT", "GLD", "VNQ"], description="Symbols of the settings.")
    method: str = Field(default="inverse_volatility", description=f"One of {', '.join(ALLOCATION_METHODS)}.")
    window: int = Field(default=252, description="How many sessions it looks back.")
    session: str = Field(default="", description="At its close, as 2026-11-20. Empty: the newest.")


@dg.op(out=dg.Out(dg.Nothing), description="Whole shares for the money, beside what limits would leave of them.")
def positions_for_money(
    context: dg.OpExecutionContext,
    config: ConstructConfig,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> None:
    with refusals_as_failures():
        wanted = reports.Wanted(
            config.capital, tuple(config.universe), config.method, config.window, day_of(config.session)
        )
        found = reports.construct(warehouse, settings, wanted)
    context.log.info("\n".join((found.title, *reports.notes(found))))
    page = dg.MetadataValue.md(reports.markdown_page(found))
    context.add_output_metadata({"positions": found.title, "report": page})


construct_positions = asked_job(
    "construct_positions",
    positions_for_money,
    ConstructConfig(),
    "Which whole shares some money buys: choose money, symbols and method in the launchpad. A dry run.",
)
