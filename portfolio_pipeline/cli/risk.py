"""`portfolio risk`: where everything stands after breaches of limits, and deciding otherwise, with a reason."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from portfolio_pipeline.cli.help import Group
from portfolio_pipeline.cli.session_date import SessionDate

if TYPE_CHECKING:
    from datetime import date

_CHANGES = "Writes a row of risk_overrides: in force from the next session on. What was lived through stays."
_SCOPE = click.option(
    "--scope", default="portfolio", show_default=True, help="portfolio, account or strategy:NAME, as `show` lists them."
)
_REASON = click.option("--reason", required=True, help="Why; it is kept, and shown wherever it is in force.")


@click.group(cls=Group)
def risk() -> None:
    """Where everything stands after breaches of risk limits, and deciding otherwise."""


@risk.command("show", changes="Nothing.", examples=["portfolio risk show"])
def show_states() -> None:
    """Show each state, and what would lead on from it."""
    from portfolio_pipeline.adapters.newest_states import newest_states
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.terminal import Column, say, show, table

    with open_tables().warehouse.reading() as reader:
        states = newest_states(reader)
    if not states:
        say("No session has states yet. To compute one: portfolio run")
        return
    cells = [
        (
            (
                scope,
                str(row["state"]),
                f"{row['factor']:.0%}",
                str(row["since"]),
                f"{row['drawdown']:.2%}",
                str(row["reason"] or row["rule"]),
                str(row["release"]),
            ),
            "" if row["state"] == "normal" else "bold",
        )
        for scope, row in states.items()
    ]
    titles = ("scope", "state", "of full risk", "since", "drawdown", "why", "what leads on")
    session = next(iter(states.values()))["session"]
    show(table([Column(title, text=True) for title in titles], cells, f"States at the close of {session}"))


@risk.command(
    "override",
    changes=_CHANGES,
    examples=["portfolio risk override --factor 0.5 --reason 'an election' --until 2026-12-01"],
)
@_SCOPE
@click.option("--factor", type=float, required=True, help="Part of the full risk, 0 to 1, in the place of the state's.")
@click.option("--until", type=SessionDate(), help="The last session it is in force for (default: until released).")
@_REASON
def override(scope: str, factor: float, until: date | None, reason: str) -> None:
    """Put another part of the full risk in force."""
    _decide("override", scope, reason, factor=factor, until=until)


@risk.command(
    "release", changes=_CHANGES, examples=["portfolio risk release --scope strategy:trend_bonds --reason 'mended'"]
)
@_SCOPE
@_REASON
def release(scope: str, reason: str) -> None:
    """Begin the re-entry now, from where paper stands."""
    _decide("release", scope, reason)


@risk.command(
    "review",
    changes=_CHANGES,
    examples=["portfolio risk review --cause 'one crash' --reason understood"],
)
@_SCOPE
@click.option("--cause", required=True, help="What caused the breach.")
@click.option("--changed", default="", help="Which parameters were changed since.")
@_REASON
def review(scope: str, cause: str, changed: str, reason: str) -> None:
    """Record the review that full risk may wait for."""
    _decide("review", scope, reason, cause=cause, changed=changed)


def _decide(kind: Any, scope: str, reason: str, **decided: Any) -> None:
    from portfolio_pipeline.adapters.acts.risk_decisions import decide
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.terminal import say

    wired = open_tables()
    wired.seal_what_is_there()
    said = wired.warehouse, kind, scope, reason, wired.clock.now(), getpass.getuser(), wired.plan_key
    since = decide(*said, **decided)
    say(f"Written: {kind} of {scope}, in force from {since} on.", "bold green")
