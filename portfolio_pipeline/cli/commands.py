"""What may be typed after `portfolio`, and nothing of how it is done.

Every command imports what it needs when it is called.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from typing import TYPE_CHECKING

import click

from portfolio_pipeline.cli import alerting, completion, costs, questions, reconcile, risk, trading_day
from portfolio_pipeline.cli.allocate import allocate
from portfolio_pipeline.cli.help import Group
from portfolio_pipeline.cli.order import approve, close_strategy, flatten, order, reject
from portfolio_pipeline.cli.session_date import SessionDate
from portfolio_pipeline.cli.terminal import refuse, say

if TYPE_CHECKING:
    from portfolio_pipeline.core.errors import PortfolioError


as_json = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on the output, and nothing else there."
)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
def portfolio() -> None:
    """A portfolio of strategies, run every trading day: prices to orders to metrics.

    Everything is kept in DAGSTER_HOME: the database, and your own strategies/, extensions/ and portfolio.yaml. Unless
    set, it is .portfolio in the clone; without a clone, in the folder the command is given in.

    \b
    Begin with:  portfolio up
    Look:        portfolio status, portfolio open
    Of each:     portfolio COMMAND --help
    """


@portfolio.command(
    changes="Loads and computes what is missing, in the database of the home; sends the orders of those sessions.",
    examples=[
        "portfolio up                          everything, with the web UI on port 3000",
        "portfolio up --no-ui --sessions 500   a new home with two years, no web UI",
        "portfolio up --port 3001 --read-only  a web UI to look at only",
    ],
)
@click.option(
    "--sessions", type=click.IntRange(min=1), help="How many sessions to trade at first (default: five years)."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the web UI.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the web UI.")
@click.option("--read-only", is_flag=True, help="Look at everything in the web UI, change nothing.")
@click.option("--no-ui", is_flag=True, help="Return when the data is there.")
def up(sessions: int | None, host: str, port: int, read_only: bool, no_ui: bool) -> None:
    """Compute what is missing, and serve the web UI.

    Shows a summary and starts the web UI with the daily schedule, until Ctrl-C.
    """
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
    with claimed(home, port, host) as claim:
        require_free_port(door)
        unsent = _complete(sessions)
        if unsent is not None:
            refuse(unsent)
        serve(home, door, claim)


def _complete(first_load: int | None) -> PortfolioError | None:
    """Compute the missing sessions and show a summary; gives back what is to be said of orders that were not sent."""
    from portfolio_pipeline.cli.first_start import begin
    from portfolio_pipeline.cli.home import account
    from portfolio_pipeline.cli.interruption import told_how_to_go_on
    from portfolio_pipeline.cli.summary import show_outcome, show_summary
    from portfolio_pipeline.reads.complete import missing_sessions

    with account("portfolio up", wait=True) as wired:
        begin(wired, first_load)
        missing = missing_sessions(wired.warehouse, wired.clock.now())
        if missing is None:
            say("All sessions are there.")
            show_summary(wired)
            return None
        with told_how_to_go_on(wired.warehouse, "portfolio up"):
            from portfolio_pipeline.cli.chain_run import run_chain

            outcome = run_chain(wired, missing)
    return show_outcome(wired, outcome, missing)


@portfolio.command(
    changes="Stores what it computes for the session and sends its orders. What the account has lived through stays,"
    " unless --rebuild-from is given.",
    examples=[
        "portfolio run                            the last session that has closed",
        "portfolio run --session 2026-11-20       that one",
        "portfolio run --only prices,features     two assets of the last one",
        "portfolio run --rebuild-from 2026-11-02  the account since then, anew",
        "portfolio run --session 2026-11-20 --without-prices  nobody has bars of it",
    ],
)
@click.option(
    "--session",
    type=SessionDate(),
    shell_complete=completion.sessions,
    help="The session (default: the last one that has closed).",
)
@click.option("--only", default="", metavar="ASSET,ASSET,…", help="Only these assets.")
@click.option(
    "--rebuild-from",
    type=SessionDate(),
    help="Compute the account anew from this session to the newest, after a copy of everything.",
)
@click.option("--without-prices", is_flag=True, help="Nobody has bars of the session: carry everything, send nothing.")
def run(session: date | None, only: str, rebuild_from: date | None, without_prices: bool) -> None:
    """Run the whole chain for one session."""
    chosen = [name.strip() for name in only.split(",") if name.strip()]
    if without_prices and (session is None or chosen or rebuild_from is not None):
        raise click.UsageError("--without-prices goes with --session and nothing else: say which session it is.")
    if rebuild_from is None:
        _run_sessions(session, session, chosen, without_prices=without_prices)
    elif session is not None or chosen:
        raise click.UsageError("--rebuild-from goes through everything up to the newest session: give it alone.")
    else:
        _run_sessions(rebuild_from, None, rebuild=True)


@portfolio.command(
    changes="As `portfolio run`, for every session of the range.",
    examples=["portfolio backfill --from 2026-11-02 --to 2026-11-20"],
)
@click.option("--from", "first", type=SessionDate(), required=True, help="First session.")
@click.option("--to", "last", type=SessionDate(), required=True, help="Last session.")
def backfill(first: date, last: date) -> None:
    """Run the whole chain for a range of sessions at once."""
    _run_sessions(first, last)


def _run_sessions(
    first: date | None,
    last: date | None,
    only: Sequence[str] = (),
    *,
    rebuild: bool = False,
    without_prices: bool = False,
) -> None:
    from portfolio_pipeline.cli.first_start import begin_account
    from portfolio_pipeline.cli.home import account
    from portfolio_pipeline.cli.interruption import told_how_to_go_on
    from portfolio_pipeline.cli.stored_history import lived_since
    from portfolio_pipeline.cli.summary import show_outcome
    from portfolio_pipeline.core.calendar.sessions import (
        SessionRange,
        last_closed_session,
        require_closed,
        require_session,
    )
    from portfolio_pipeline.reads.beginnings import stored_beginnings

    with account("portfolio run") as wired:
        newest = last_closed_session(wired.clock.now())
        sessions = SessionRange(require_session(first or newest), require_session(last or newest))
        require_closed(sessions, wired.clock.now())

        begin_account(wired)
        begun = stored_beginnings(wired.warehouse)
        if begun is not None and not only:
            begun.require("account", SessionRange.single(sessions.last), "the whole chain")

        from portfolio_pipeline.cli.chain_run import run_chain

        if rebuild:
            wired.require_rebuildable()
            sessions = lived_since(wired.warehouse, sessions.first)
            say(f"The account is computed anew for {sessions}. A copy of everything stays beside the database.")
        # A rebuild that is stopped is undone, and says so itself.
        with nullcontext() if rebuild else told_how_to_go_on(wired.warehouse, "portfolio up"):
            outcome = run_chain(wired, sessions, only, rebuild=rebuild, without_prices=without_prices)
    refusal = show_outcome(wired, outcome, sessions)
    if refusal is not None:
        raise refusal


@portfolio.command(
    changes="Nothing. A database of an earlier version is carried forward first.",
    examples=["portfolio status", "portfolio status --json", "NO_COLOR=1 portfolio status"],
    keys=[
        "well: whether troubles is empty; home; database; simulated: which of prices and fills are made up;"
        " trading: halted, since, reason; complete_through and last_closed: sessions;"
        " account: session, equity, cash, or null; changed: session, what, or null;"
        " states: state, since and what leads on of whatever is not normal;"
        " orders: those of a real broker that are executed next, each with state, filled_quantity of quantity;"
        " web_ui: address, process, or null;"
        " troubles: kind, what, to_do; tables: the newest session of each; error: null, or reason, figures, to_do,"
        " message.",
    ],
)
@as_json
def status(as_json: bool) -> None:
    """Say what is wrong, and how far everything is."""
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.status import find_status, show_status, status_document

    if as_json:
        from portfolio_pipeline.cli.document import write_document

        write_document("status", lambda: status_document(find_status(open_tables())))
    else:
        show_status(find_status(open_tables()))


@portfolio.command(
    "open",
    changes="Nothing.",
    examples=["portfolio open", "portfolio open --no-browser"],
)
@click.option("--no-browser", is_flag=True, help="Print the address only.")
def open_(no_browser: bool) -> None:
    """Print the address of the web UI, and open it."""
    from portfolio_pipeline.adapters.environment import home_folder
    from portfolio_pipeline.cli.opening import open_web_ui

    open_web_ui(home_folder(os.environ), browser=not no_browser)


@portfolio.command(
    changes="Nothing. A home that is not there yet is prepared, a database of an earlier version carried forward.",
    examples=["portfolio doctor", "portfolio doctor --json"],
    keys=[
        "well: whether all is; looks: name, fine, found, and error: null, or reason, figures, to_do, message;"
        " error: null, or why nothing could be looked at.",
    ],
)
@as_json
def doctor(as_json: bool) -> None:
    """Look at everything that has to be in order.

    Says what to do where it is not, and then ends with exit code 1.
    """
    from portfolio_pipeline.cli.doctor import examine, findings_document, show_findings

    findings = []
    if as_json:
        from portfolio_pipeline.cli.document import write_document

        def looked_at() -> Mapping[str, object]:
            findings.extend(examine())
            return findings_document(findings)

        write_document("doctor", looked_at)
    else:
        findings.extend(examine())
        show_findings(findings)
    if any(finding.refusal is not None for finding in findings):
        raise click.exceptions.Exit(1)


@portfolio.group()
def strategy() -> None:
    """See the strategy cards, and write new ones."""


@strategy.command(
    "new",
    changes="Writes the card into the folder strategies of the home.",
    examples=["portfolio strategy new my_momentum --type momentum"],
)
@click.argument("name")
@click.option("--type", "strategy_type", required=True, help="The strategy's type; a wrong one lists those there are.")
def new_strategy(name: str, strategy_type: str) -> None:
    """Write a new card to the home.

    With everything on it that may be changed. It is a candidate: computed and judged, without capital.
    """
    from portfolio_pipeline.adapters.cards import write_card

    say(f"Written: {write_card(name, strategy_type)}. Edit it, then try `portfolio doctor`.")


@strategy.command(
    "list",
    changes="Nothing. A home that is not there yet is prepared, a database of an earlier version carried forward.",
    examples=["portfolio strategy list", "portfolio strategy list --json"],
    keys=[
        "strategies: name, type, stage, rebalance, owner, description, symbols, asset_classes, verdict or null,"
        " reasons, judged_at, takes_new_capital, evidence, loss_evidence, stage_in_force, stage_by_the_rule;"
        " error: null, or reason, figures, to_do, message.",
    ],
)
@as_json
def list_strategies(as_json: bool) -> None:
    """List the cards, and whether they are believed."""
    from portfolio_pipeline.cli.home import open_home
    from portfolio_pipeline.cli.strategies import find_strategies, show_strategies, strategies_document

    if as_json:
        from portfolio_pipeline.cli.document import write_document

        write_document("strategy list", lambda: strategies_document(find_strategies(open_home())))
    else:
        show_strategies(find_strategies(open_home()))


@portfolio.command(
    changes="Nothing.",
    examples=[
        "portfolio settings            every value",
        "portfolio settings --changed  what you have set otherwise",
        "portfolio settings --json",
    ],
    keys=[
        "preset; file; values: key, value, unit, origin (default, preset, file, environment or card), otherwise (the"
        " preset's or default value), changed; odd: entry, told; error.",
    ],
)
@click.option("--changed", is_flag=True, help="Only what differs from the preset and the defaults.")
@as_json
def settings(changed: bool, as_json: bool) -> None:
    """Show every value in force, and where it comes from."""
    from portfolio_pipeline.adapters.settings_in_force import in_force
    from portfolio_pipeline.cli.settings import settings_document, show_settings

    if as_json:
        from portfolio_pipeline.cli.document import write_document

        write_document("settings", lambda: settings_document(in_force(), changed=changed))
    else:
        show_settings(in_force(), changed=changed)


@portfolio.command(
    "completion",
    changes="Nothing.",
    examples=[
        'eval "$(portfolio completion bash)"     in ~/.bashrc',
        'eval "$(portfolio completion zsh)"      in ~/.zshrc, after compinit',
        "portfolio completion fish > ~/.config/fish/completions/portfolio.fish",
    ],
)
@click.argument("shell", type=click.Choice(completion.SHELLS))
def complete(shell: str) -> None:
    """Print the script for completion by the shell."""
    click.echo(completion.script(shell, portfolio))


_QUESTIONS = (questions.backtest, questions.search, questions.sensitivity, costs.costs)
_TRADING_DAY = (trading_day.halt, trading_day.resume, trading_day.follow, trading_day.marks)
_BY_HAND = (order, approve, reject, close_strategy, flatten)
for further in (*_QUESTIONS, *_TRADING_DAY, *_BY_HAND, allocate, alerting.alerts, risk.risk, reconcile.reconcile):
    portfolio.add_command(further)
