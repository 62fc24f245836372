"""`portfolio halt`, `resume`, `follow` and `marks`: what is done while a session is traded, beside orders by hand.

Every command imports what it needs when it is called.
"""

from __future__ import annotations

import click

from portfolio_pipeline.cli.help import Command


@click.command(
    cls=Command,
    changes="Writes the file HALTED in the home and an event in the database: no order is submitted any more.",
    examples=["portfolio halt", "portfolio halt --reason 'a strange fill in TLT'", "portfolio halt --cancel"],
)
@click.option("--reason", default="by hand", show_default=True, help="Why; shown wherever orders are refused.")
@click.option("--cancel", is_flag=True, help="Then cancel what is open; halted it is in any case.")
def halt(reason: str, cancel: bool) -> None:
    """Stop submitting orders, at once.

    Until `portfolio resume`; even while the database cannot be reached.
    """
    from portfolio_pipeline.cli import halting

    halting.halt(reason)
    if cancel:
        halting.cancel_everything(reason)


@click.command(
    cls=Command,
    changes="Lifts the halt in the home and in the database: orders of the next run are submitted.",
    examples=["portfolio resume --reason 'the fill was right'"],
)
@click.option("--reason", required=True, help="Why trading may go on.")
def resume(reason: str) -> None:
    """Let orders be submitted again.

    Says what had halted them.
    """
    from portfolio_pipeline.cli import halting

    halting.resume(reason)


@click.command(
    cls=Command,
    changes="Notes how orders at a real broker stand, and what was executed so far. Nothing is planned or sent.",
    examples=["portfolio follow                 once", "portfolio follow --until-closed  a look a minute"],
)
@click.option("--until-closed", is_flag=True, help="Look every minute until no order is open or the market is closed.")
def follow(until_closed: bool) -> None:
    """Ask the broker how the session's orders stand.

    While the market is open the sensor open_orders of `portfolio up` does the same every minute.
    """
    from portfolio_pipeline.cli import following

    if until_closed:
        following.follow_until_closed()
    else:
        following.follow_once()


@click.command(
    cls=Command,
    changes="Adds rows to intraday_marks, and alerts people when a limit is passed. Nothing is decided or sent.",
    examples=["portfolio marks"],
)
def marks() -> None:
    """Mark the account at quotes, while the market is open.

    As the daemon does every five minutes, in PAPER and LIVE, with a source of prices that has quotes.
    """
    from portfolio_pipeline.cli.marks import show_marks

    show_marks()
