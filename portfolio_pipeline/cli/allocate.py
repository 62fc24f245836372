"""What may be typed after `portfolio allocate`: shares of capital by hand, what others would have brought, and
positions for some money.

Every command imports what it needs when it is called.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from portfolio_pipeline.cli import completion
from portfolio_pipeline.cli.help import Group
from portfolio_pipeline.cli.questions import OUT
from portfolio_pipeline.cli.session_date import SessionDate

_WRITES = "Adds a row to manual_shares, in force from the next session on. Nothing that is decided changes."
_NAME = click.argument("name", shell_complete=completion.strategies)
_REASON = click.option("--reason", required=True, help="Why; it stays beside what was done.")
_FIRST = click.option("--from", "first", type=SessionDate(), help="First session (default: the next one).")
_LAST = click.option("--until", "last", type=SessionDate(), help="Last session; then the method rules again.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on the output, and nothing else there.")


@click.group(cls=Group)
def allocate() -> None:
    """See and steer how capital is shared out between the strategies."""


@allocate.command(
    "set",
    changes=_WRITES,
    examples=["portfolio allocate set trend_bonds 0.25 --until 2026-12-31 --reason 'the year ends'"],
)
@_NAME
@click.argument("share", type=float)
@_FIRST
@_LAST
@_REASON
def set_(name: str, share: float, first: date | None, last: date | None, reason: str) -> None:
    """Give a strategy a share by hand.

    A fraction of the capital. It is reached by the daily change of the settings; the others share out the rest.
    """
    _said("set", name, reason, share=share, first=first, last=last)


@allocate.command(
    changes=_WRITES, examples=["portfolio allocate lock trend_bonds --reason 'until I have looked at it'"]
)
@_NAME
@_FIRST
@_LAST
@_REASON
def lock(name: str, first: date | None, last: date | None, reason: str) -> None:
    """Keep the share that a strategy has."""
    _said("lock", name, reason, first=first, last=last)


@allocate.command(changes=_WRITES, examples=["portfolio allocate unlock trend_bonds --reason 'looked at'"])
@_NAME
@_FIRST
@_REASON
def unlock(name: str, first: date | None, reason: str) -> None:
    """Let the method rule a share that is set or locked."""
    _said("unlock", name, reason, first=first)


@allocate.command(changes=_WRITES, examples=["portfolio allocate pause trend_bonds --reason 'a strange week'"])
@_NAME
@_FIRST
@_LAST
@_REASON
def pause(name: str, first: date | None, last: date | None, reason: str) -> None:
    """Take back a strategy's capital.

    Its share stays in cash; on paper it goes on.
    """
    _said("pause", name, reason, first=first, last=last)


@allocate.command(changes=_WRITES, examples=["portfolio allocate activate trend_bonds --reason 'it was the data'"])
@_NAME
@_FIRST
@_REASON
def activate(name: str, first: date | None, reason: str) -> None:
    """End a pause by hand."""
    _said("activate", name, reason, first=first)


@allocate.command(changes=_WRITES, examples=["portfolio allocate now --reason 'the settings are others'"])
@_REASON
def now(reason: str) -> None:
    """Share out anew at the next close, whatever the triggers say."""
    _said("now", "", reason)


@allocate.command(
    "what-if",
    changes="Nothing but the files of --out.",
    examples=[
        "portfolio allocate what-if --method risk_parity",
        "portfolio allocate what-if --method all --from 2020-01-02",
        "portfolio allocate what-if --set maximum=0.5 --set rebalancing.trigger=month_end,drift",
        "portfolio allocate what-if --shares trend_bonds=0.3,diversified_core=0.4",
    ],
    keys=[
        "simulated; first and last: sessions; ways: label, annual_return, volatility, sharpe, max_drawdown, turnover"
        " and cost a year, moves, refused, in_cash, shares at the end by strategy; error: null, or reason, figures,"
        " to_do, message.",
    ],
)
@click.option("--method", "methods", multiple=True, help="A method, several times for several; all for every one.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="An entry of allocation or rebalancing.….")
@click.option("--shares", default="", metavar="NAME=SHARE,…", help="Shares by hand; the rest stays in cash.")
@click.option("--from", "first", type=SessionDate(), help="First day (default: the first with shares).")
@click.option("--to", "last", type=SessionDate(), help="Last day (default: the newest).")
@OUT
@_JSON
def what_if(
    methods: tuple[str, ...],
    given: tuple[str, ...],
    shares: str,
    first: date | None,
    last: date | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show what other shares would have brought.

    On paper, beside what was decided: shares, turnover, costs, Sharpe ratio, return, volatility, drawdown.
    """
    from portfolio_pipeline.cli.allocation import show_what_if
    from portfolio_pipeline.reports.what_if import WhatIf

    show_what_if(WhatIf(methods, given, shares, first, last), out, as_json=as_json)


def _said(
    action: str,
    name: str,
    reason: str,
    *,
    share: float | None = None,
    first: date | None = None,
    last: date | None = None,
) -> None:
    from portfolio_pipeline.cli.allocation import say_it

    say_it(action, name, reason, share=share, first=first, last=last)


@allocate.command(
    changes="Nothing; with --adopt, writes a card into the folder strategies of the home.",
    examples=[
        "portfolio allocate construct --capital 100000 --universe SPY,TLT,GLD --method risk_parity",
        "portfolio allocate construct --capital 100000 --universe SPY,TLT,GLD --method hrp --adopt my_core",
    ],
    keys=[
        "simulated, session, method, capital, cash; positions: symbol, asked, shares, price, value, costs,"
        " limits_leave, reason; adopted: the card, or null; error: null, or reason, figures, to_do, message.",
    ],
)
@click.option("--capital", type=float, required=True, help="Money, in the currency of the account.")
@click.option("--universe", required=True, metavar="SYMBOL,…", help="Symbols of the universe of the settings.")
@click.option("--method", default="inverse_volatility", show_default=True, help="An allocation method.")
@click.option("--window", type=int, default=252, show_default=True, help="How many sessions it looks back.")
@click.option(
    "--session", type=SessionDate(), shell_complete=completion.sessions, help="At its close (default: the newest)."
)
@click.option("--adopt", metavar="NAME", help="Write a card of this name, a candidate that holds it.")
@_JSON
def construct(
    capital: float,
    universe: str,
    method: str,
    window: int,
    session: date | None,
    adopt: str | None,
    as_json: bool,
) -> None:
    """Show which whole shares some money buys.

    By an allocation method applied to symbols, costs included, beside what the limits of the house would leave.
    """
    from portfolio_pipeline.cli.allocation import show_construction
    from portfolio_pipeline.reports.construct import Wanted

    symbols = tuple(filter(None, (symbol.strip().upper() for symbol in universe.split(","))))
    show_construction(Wanted(capital, symbols, method, window, session), adopt, as_json=as_json)
