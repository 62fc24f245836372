"""Questions that may be typed about stored sessions: what parameters would have earned, which would be found, how much
each of them matters. Nothing of the chain is changed by any of them.

Every command imports what it needs when it is called.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from portfolio_pipeline.cli import completion
from portfolio_pipeline.cli.help import Command
from portfolio_pipeline.cli.session_date import SessionDate

OUT = click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Also write it to this folder.")
SPACE = click.option(
    "--space",
    multiple=True,
    metavar="NAME=VALUES",
    help="Values of a parameter: low:high:step, low:high, or a,b,c; the others as on the card.",
)
OBJECTIVE = click.option(
    "--objective", default="", metavar="GOAL", help="sharpe, sharpe=0.7,drawdown=0.3 or sharpe,drawdown (as the card)."
)
RULE = click.option("--rule", default="", help="surface_mixture or best_neighbourhood (as the card).")


@click.command(
    cls=Command,
    changes="Nothing but the files of --out.",
    examples=[
        "portfolio backtest trend_bonds",
        "portfolio backtest trend_bonds --from 2024-01-02 --set fast=20 --set slow=160",
        "portfolio backtest trend_bonds --set fast=20 --against fast=40,slow=200",
        "portfolio backtest trend_bonds --out report/",
    ],
)
@click.argument("strategy", shell_complete=completion.strategies)
@click.option("--from", "first", type=SessionDate(), help="First day (default: as soon as indicators are known).")
@click.option("--to", "last", type=SessionDate(), help="Last day (default: the newest stored session).")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; the others at the default.")
@click.option("--against", multiple=True, metavar="NAME=VALUE,…", help="Another parameter set beside it.")
@click.option("--trades", type=click.IntRange(min=0), default=10, show_default=True, help="How many trades to show.")
@OUT
def backtest(
    strategy: str,
    first: date | None,
    last: date | None,
    given: tuple[str, ...],
    against: tuple[str, ...],
    trades: int,
    out: Path | None,
) -> None:
    """Show what parameters would have earned.

    Side by side, on stored prices: figures, months, trades, and with --out pictures.
    """
    from portfolio_pipeline.cli.backtest import show_backtest

    show_backtest(strategy, first, last, given, against, trades, out)


@click.command(
    cls=Command,
    changes="Adds to search_requests and search_request_trials, which nothing else reads, and the files of --out.",
    examples=[
        "portfolio search trend_bonds",
        "portfolio search trend_bonds --objective sharpe=0.7,drawdown=0.3",
        "portfolio search trend_bonds --from 2020-01-02 --space fast=10:60:10",
        "portfolio search --list",
        "portfolio search --show 3f2a",
    ],
)
@click.argument("strategy", default="", shell_complete=completion.strategies)
@click.option("--from", "first", type=SessionDate(), help="First day (default: the first stored session).")
@click.option("--to", "last", type=SessionDate(), help="Last day (default: the newest stored session).")
@OBJECTIVE
@SPACE
@RULE
@click.option("--method", default="", help="auto, exhaustive, sobol, nsga2 or tpe (as the card).")
@click.option("--trials", type=int, help="Sets that a draw may compare (as the card).")
@click.option(
    "--held-out", type=float, default=0.25, show_default=True, help="Newest part of the sessions, kept from the search."
)
@click.option("--list", "listed", is_flag=True, help="The requests that are kept; of one strategy if it is named.")
@click.option("--show", "shown", metavar="REQUEST", help="One that is kept, by its name or the beginning of it.")
@OUT
def search(
    strategy: str,
    first: date | None,
    last: date | None,
    objective: str,
    space: tuple[str, ...],
    rule: str,
    method: str,
    trials: int | None,
    held_out: float,
    listed: bool,
    shown: str | None,
    out: Path | None,
) -> None:
    """Search parameters over any sessions.

    The newest of them are held out: what was found stands beside what it did there. The chain goes on with the
    parameters that it has.
    """
    from portfolio_pipeline.cli.search import list_searches, show_search, show_stored_search
    from portfolio_pipeline.core.requests.asked import SearchRequest, space_entries

    if listed:
        list_searches(strategy)
    elif shown is not None:
        show_stored_search(shown, out)
    elif not strategy:
        raise click.UsageError("Missing argument 'STRATEGY', or --list, or --show.")
    else:
        entries = space_entries(space)
        request = SearchRequest(first, last, objective, entries, rule, method, trials, held_out)
        show_search(strategy, request, out)


@click.command(
    cls=Command,
    changes="Nothing but the files of --out.",
    examples=[
        "portfolio sensitivity trend_bonds",
        "portfolio sensitivity trend_bonds --session 2026-10-30",
        "portfolio sensitivity trend_bonds --around default --space fast=10:60:5",
    ],
)
@click.argument("strategy", shell_complete=completion.strategies)
@click.option(
    "--session",
    "last",
    type=SessionDate(),
    shell_complete=completion.sessions,
    help="As known at this session (default: the newest stored one).",
)
@click.option("--from", "first", type=SessionDate(), help="First day that counts (default: the first stored session).")
@click.option(
    "--around", default="chosen", show_default=True, help="The set that is `chosen`, or the card's `default`."
)
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Around the default with this value instead.")
@SPACE
@OBJECTIVE
@RULE
@OUT
def sensitivity(
    strategy: str,
    last: date | None,
    first: date | None,
    around: str,
    given: tuple[str, ...],
    space: tuple[str, ...],
    objective: str,
    rule: str,
    out: Path | None,
) -> None:
    """Show how much each parameter matters.

    One at a time, around a set: score, Sharpe ratio, drawdown and turnover of its other values.
    """
    from portfolio_pipeline.cli.search import show_sensitivity
    from portfolio_pipeline.core.backtest.request import assignments
    from portfolio_pipeline.core.requests.asked import SearchRequest, space_entries

    request = SearchRequest(first, last, objective, space_entries(space), rule)
    show_sensitivity(strategy, request, assignments(given), around, out)
