"""The job `settings`: what `portfolio settings` says, as a page of the UI.

An op, not an asset: settings have no session, and are read anew by every run. What a session was computed with is told
by session_origins.
"""

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.settings_in_force import in_force
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.reports.settings_page import markdown_page


class SettingsConfig(dg.Config):
    """Whether all of them are shown."""

    changed: bool = Field(default=False, description="Only what differs from the preset and the defaults.")


@dg.op(out=dg.Out(dg.Nothing), description="Every value in force, with its unit and where it comes from.")
def values(context: dg.OpExecutionContext, config: SettingsConfig) -> None:
    with refusals_as_failures():
        found = in_force()
    for one in found.oddities:
        context.log.warning(f"Odd: {one.entry} {one.told}")
    page = markdown_page(found, changed=config.changed)
    context.add_output_metadata({"preset": found.preset, "settings": dg.MetadataValue.md(page)})


settings = asked_job(
    "settings",
    values,
    SettingsConfig(),
    "The settings in force: limits, presets, cards and environment, with origin and unit of each.",
)
