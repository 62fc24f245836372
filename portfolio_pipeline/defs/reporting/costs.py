"""The job `costs`: what `portfolio costs` says, as a page of the UI. It changes no table.

An op, not an asset, for the reasons of `backtest`; what orders cost is in the mart `execution_costs`.
"""

import dagster as dg
from pydantic import Field

from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.calendar.sessions import day_of
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.execution.costs import Calibration
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reports import costs as reports


class CostsConfig(dg.Config):
    """From when on orders are looked at."""

    first: str = Field(default="", description="First session, as 2026-11-20. Empty: the first with orders.")


@dg.op(out=dg.Out(dg.Nothing), description="What orders have cost, and what the settings would have to say.")
def measured_costs(
    context: dg.OpExecutionContext,
    config: CostsConfig,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> None:
    calibration: Calibration | str
    with refusals_as_failures():
        first = day_of(config.first)
        found = reports.found_costs(warehouse, first)
        try:
            calibration = reports.calibrated(warehouse, settings, first)
        except DataError as refusal:  # too few orders are no failure of the question
            calibration = str(refusal)
    page = dg.MetadataValue.md(reports.markdown_page(found, calibration))
    context.add_output_metadata({"costs": reports.title(found), "report": page})


costs = asked_job(
    "costs",
    measured_costs,
    CostsConfig(),
    "What carrying out orders has cost beside what the settings say, and the settings that would fit it.",
)
