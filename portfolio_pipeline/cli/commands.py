"""What may be typed after `portfolio`, and nothing of how it is done.

Every command imports what it needs when it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portfolio_pipeline.cli.terminal import complain, say

if TYPE_CHECKING:
    from portfolio_pipeline.core.errors import PortfolioError


class SessionDate(click.ParamType):  # type: ignore[type-arg]  # which click 8.1, allowed here, does not take
    """A date as YYYY-MM-DD; whether it is a session is asked later, by whoever knows the calendar."""

    name = "YYYY-MM-DD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007
        except ValueError:
            self.fail(f"{value!r} is no date; write it as 2026-11-20", param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def portfolio() -> None:
    """A portfolio of strategies, run every trading day: prices to orders to metrics.

    Everything is kept in DAGSTER_HOME: the database, and your own strategies/, extensions/ and portfolio.yaml. Unless
    set, it is .portfolio in the clone; without a clone, in the folder the command is given in.
    """


@portfolio.command()
@click.option(
    "--sessions", type=click.IntRange(min=1), help="How many sessions to load at first (default: five years)."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the web UI.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
@click.option("--read-only", is_flag=True, help="Look at everything in the web UI, change nothing.")
@click.option("--no-ui", is_flag=True, help="Return when the data is there.")
def up(sessions: int | None, host: str, port: int, read_only: bool, no_ui: bool) -> None:
    """Everything: load and compute the missing sessions, show a summary, start the web UI and the daily schedule."""
    from portfolio_pipeline.adapters.environment import read_environment
    from portfolio_pipeline.cli.web_ui import require_free_port, require_safe, serve
    from portfolio_pipeline.dagster_home.prepare import make_home
    from portfolio_pipeline.web_ui.claim import claimed
    from portfolio_pipeline.web_ui.guard import Door

    if no_ui:
        unsent = _complete(sessions)
        if unsent is not None:
            raise unsent
        return
    environment = read_environment()
    home, door = environment.dagster_home, Door(host, port, environment.ui_hosts, environment.ui_token, read_only)
    require_safe(door)
    make_home(home)
    with claimed(home, port) as claim:
        require_free_port(door)
        unsent = _complete(sessions)
        if unsent is not None:
            complain(str(unsent))
        serve(home, door, claim)


def _complete(first_load: int | None) -> PortfolioError | None:
    """Compute the missing sessions and show a summary; gives back what is to be said of orders that were not sent."""
    from portfolio_pipeline.cli.home import account
    from portfolio_pipeline.cli.interruption import told_how_to_go_on
    from portfolio_pipeline.cli.stored_history import missing_sessions
    from portfolio_pipeline.cli.summary import show_summary

    with account("portfolio up", wait=True) as wired:
        missing = missing_sessions(wired.warehouse, wired.clock.now(), first_load=first_load)
        unsent = None
        if missing is None:
            say("All sessions are there.")
        else:
            with told_how_to_go_on(wired.warehouse, "portfolio up"):
                from portfolio_pipeline.cli.chain_run import run_chain

                unsent = run_chain(wired, missing)
    show_summary(wired)
    return unsent


@portfolio.command()
@click.option("--session", type=SessionDate(), help="The session (default: the last one that has closed).")
@click.option("--only", default="", metavar="ASSET,ASSET,…", help="Only these assets.")
@click.option(
    "--rebuild-from",
    type=SessionDate(),
    help="Compute the account anew from this session to the newest, after a copy of everything.",
)
@click.option("--without-prices", is_flag=True, help="Nobody has bars of the session: carry everything, send nothing.")
def run(session: date | None, only: str, rebuild_from: date | None, without_prices: bool) -> None:
    """The whole chain for one session.

    \b
    portfolio run                            the last session that has closed
    portfolio run --session 2026-11-20       that one
    portfolio run --rebuild-from 2026-11-02  what the account has lived through since then, anew
    portfolio run --session 2026-11-20 --without-prices  a session that the data vendor has no bars for
    """
    chosen = [name.strip() for name in only.split(",") if name.strip()]
    if without_prices and (session is None or chosen or rebuild_from is not None):
        raise click.UsageError("--without-prices goes with --session and nothing else: say which session it is.")
    if rebuild_from is None:
        _run_sessions(session, session, chosen, without_prices=without_prices)
    elif session is not None or chosen:
        raise click.UsageError("--rebuild-from goes through everything up to the newest session: give it alone.")
    else:
        _run_sessions(rebuild_from, None, rebuild=True)


@portfolio.command()
@click.option("--from", "first", type=SessionDate(), required=True, help="First session.")
@click.option("--to", "last", type=SessionDate(), required=True, help="Last session.")
def backfill(first: date, last: date) -> None:
    """The whole chain for a range of sessions, in one run."""
    _run_sessions(first, last)


def _run_sessions(
    first: date | None,
    last: date | None,
    only: Sequence[str] = (),
    *,
    rebuild: bool = False,
    without_prices: bool = False,
) -> None:
    from portfolio_pipeline.cli.home import account
    from portfolio_pipeline.cli.interruption import told_how_to_go_on
    from portfolio_pipeline.cli.stored_history import lived_since
    from portfolio_pipeline.cli.summary import show_summary
    from portfolio_pipeline.core.calendar.sessions import (
        SessionRange,
        last_closed_session,
        require_closed,
        require_session,
    )

    with account("portfolio run") as wired:
        newest = last_closed_session(wired.clock.now())
        sessions = SessionRange(require_session(first or newest), require_session(last or newest))
        require_closed(sessions, wired.clock.now())

        from portfolio_pipeline.cli.chain_run import run_chain

        if rebuild:
            sessions = lived_since(wired.warehouse, sessions.first)
            say(f"The account is computed anew for {sessions}. A copy of everything stays beside the database.")
        # A rebuild that is stopped is undone, and says so itself.
        with nullcontext() if rebuild else told_how_to_go_on(wired.warehouse, "portfolio up"):
            unsent = run_chain(wired, sessions, only, rebuild=rebuild, without_prices=without_prices)
    show_summary(wired)
    if unsent is not None:
        raise unsent


@portfolio.command()
@click.argument("strategy")
@click.option("--from", "first", type=SessionDate(), help="First day (default: as soon as indicators are known).")
@click.option("--to", "last", type=SessionDate(), help="Last day (default: the newest stored session).")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; the others at the default.")
@click.option("--against", multiple=True, metavar="NAME=VALUE,…", help="Another parameter set beside it.")
@click.option("--trades", type=click.IntRange(min=0), default=10, show_default=True, help="How many trades to show.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Also write it to this folder.")
def backtest(
    strategy: str,
    first: date | None,
    last: date | None,
    given: tuple[str, ...],
    against: tuple[str, ...],
    trades: int,
    out: Path | None,
) -> None:
    """What parameters would have earned, side by side, on stored prices: figures, months, trades, pictures."""
    from portfolio_pipeline.cli.backtest import show_backtest

    show_backtest(strategy, first, last, given, against, trades, out)


@portfolio.command()
def status() -> None:
    """Whether trading is halted, how far every table goes, the account, and what failed."""
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.summary import show_status

    show_status(open_tables())


@portfolio.command()
@click.option("--reason", default="by hand", show_default=True, help="Why; shown wherever orders are refused.")
def halt(reason: str) -> None:
    """Stop submitting orders until `portfolio resume`: at once, even while the database cannot be reached."""
    from portfolio_pipeline.cli import halting

    halting.halt(reason)


@portfolio.command()
@click.option("--reason", required=True, help="Why trading may go on.")
def resume(reason: str) -> None:
    """Let orders be submitted again, and say what had halted them."""
    from portfolio_pipeline.cli import halting

    halting.resume(reason)


@portfolio.command()
def doctor() -> None:
    """Look at everything that has to be in order, and say what to do where it is not."""
    from portfolio_pipeline.cli.doctor import examine

    if not examine():
        raise click.exceptions.Exit(1)


@portfolio.group()
def strategy() -> None:
    """Strategy cards."""


@strategy.command("new")
@click.argument("name")
@click.option("--type", "strategy_type", required=True, help="The strategy's type; a wrong one lists those there are.")
def new_strategy(name: str, strategy_type: str) -> None:
    """Write a new card to the home, with everything on it that may be changed."""
    from portfolio_pipeline.adapters.cards import write_card

    say(f"Written: {write_card(name, strategy_type)}. Edit it, then try `portfolio doctor`.")


@strategy.command("list")
def list_strategies() -> None:
    """All cards, their stage, and whether their results are believed."""
    from portfolio_pipeline.cli.home import open_home
    from portfolio_pipeline.cli.summary import show_strategies

    show_strategies(open_home())
