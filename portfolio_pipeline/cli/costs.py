"""`portfolio costs`: what orders have cost beside what the settings say, and what the settings would have to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from portfolio_pipeline.cli.help import Group
from portfolio_pipeline.cli.session_date import SessionDate

if TYPE_CHECKING:
    from datetime import date

_FIRST = click.option("--from", "first", type=SessionDate(), help="The first session (default: the first with orders).")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on the output, and nothing else there.")


@click.group(cls=Group)
def costs() -> None:
    """What carrying out orders has cost, beside what the settings say."""


@costs.command(
    "show",
    changes="Nothing. A database of an earlier version is carried forward first.",
    examples=["portfolio costs show", "portfolio costs show --from 2026-11-02 --json"],
    keys=[
        "first and last: sessions; orders; filled; traded; delay, spread, slippage, fees and shortfall: amount, bps (of"
        " what was traded); compared: amount, bps, expected_bps of all but the delay; missed; strategies (each book's"
        " part): strategy, orders, traded, shortfall, actual (all but the delay), expected; error."
    ],
)
@_FIRST
@_JSON
def show_costs(first: date | None, as_json: bool) -> None:
    """Show what it has cost, by its parts."""
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.terminal import Column, say, show, table
    from portfolio_pipeline.reports.costs import BY_STRATEGY, HEADINGS, found_costs, title

    if as_json:
        from portfolio_pipeline.cli.document import write_document

        write_document("costs", lambda: found_costs(open_tables().warehouse, first).document())
        return
    found = found_costs(open_tables().warehouse, first)
    columns = [Column(HEADINGS[0], text=True), *(Column(name, number=True) for name in HEADINGS[1:])]
    show(table(columns, [(row, "bold" if row[0] == "shortfall" else "") for row in found.rows()], title(found)))
    books = [Column(BY_STRATEGY[0], text=True), *(Column(name, number=True) for name in BY_STRATEGY[1:])]
    show(table(books, [(one.row(), "") for one in found.strategies], "By strategy: each book's part of every order"))
    say(f"What was not executed would have earned {found.missed:,.2f} until the close of its session.")


@costs.command(
    "calibrate",
    changes="Nothing: prints the lines to write into portfolio.yaml. What was lived through stays as it was.",
    examples=["portfolio costs calibrate", "portfolio costs calibrate --from 2026-06-01"],
)
@_FIRST
def calibrate(first: date | None) -> None:
    """Say which settings would fit what was measured."""
    from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.terminal import Column, say, show, table
    from portfolio_pipeline.reports.costs import calibrated, calibration_rows

    wired = open_tables()
    found = calibrated(wired.warehouse, wired.settings, first)
    columns = [Column("Setting", text=True), Column("now", number=True), Column("measured", number=True)]
    show(table(columns, [(row, "") for row in calibration_rows(found)], f"Costs measured on {found.orders:,} orders"))
    for note in found.notes:
        say(note)
    where = str(wired.environment.portfolio_config)
    if where == str(SHIPPED_SETTINGS):
        where = f"{wired.environment.dagster_home / SHIPPED_SETTINGS.name}, a copy of {where}"
    say(f"\nTo have searches, paper and the simulated broker count with it, write into {where}:\n")
    say(found.lines)
