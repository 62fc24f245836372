"""What may be typed after `portfolio order`, and beside it `approve`, `reject`, `close-strategy` and `flatten`.

Every command imports what it needs when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Literal

import click

from portfolio_pipeline.cli import completion
from portfolio_pipeline.cli.help import Command, Group
from portfolio_pipeline.cli.session_date import SessionDate

_WRITES = (
    "Adds a row to order_instructions. A session that is planned already is planned once more, through all limits: what"
    " is at the broker and changes is canceled first."
)
_WHY = click.option("--why", "--reason", required=True, help="Why; it stays beside what is done.")
_STRATEGY = click.option("--strategy", required=True, shell_complete=completion.strategies, help="In whose book.")
_SYMBOL = click.option("--symbol", required=True, help="A symbol of the universe.")
_SESSION = click.option("--session", type=SessionDate(), help="At whose close (default: the one that is open to it).")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on the output, and nothing else there.")


@click.group(cls=Group)
def order() -> None:
    """Order by hand, cancel and change orders."""


def _price(required: bool, what: str) -> Callable[[Any], Any]:
    return click.option("--price" if required else "--limit", "price", type=float, required=required, help=what)


@order.command(
    "buy-all",
    changes=_WRITES,
    examples=["portfolio order buy-all --strategy trend_bonds --symbol TLT --price 91 --why x"],
)
@_STRATEGY
@_SYMBOL
@_price(True, "Sized at it, and not bought above it.")
@_SESSION
@_WHY
def buy_all(strategy: str, symbol: str, price: float, session: date | None, why: str) -> None:
    """Buy as many shares as a strategy's money buys.

    With its part of the capital less what it holds, and no more than the cash of its book and of the account. They
    stay: the strategy does not trade the symbol until `sell-all`.
    """
    _say("order", why, strategy=strategy, symbol=symbol, price=price, session=session)


@order.command(
    "sell-all",
    changes=_WRITES,
    examples=["portfolio order sell-all --strategy trend_bonds --symbol TLT --why done"],
)
@_STRATEGY
@_SYMBOL
@_price(False, "Not sold below it.")
@_SESSION
@_WHY
def sell_all(strategy: str, symbol: str, price: float | None, session: date | None, why: str) -> None:
    """Sell all that a strategy has of a symbol.

    After that it decides on the symbol itself again.
    """
    _say("sell_all", why, strategy=strategy, symbol=symbol, price=price, session=session)


@order.command(
    changes=_WRITES,
    examples=[
        "portfolio order place --strategy trend_bonds --symbol TLT \\",
        "    --side sell --quantity 50 --limit 92 --why 'a gap'",
    ],
)
@_STRATEGY
@_SYMBOL
@click.option("--side", type=click.Choice(["buy", "sell"]), required=True)
@click.option("--quantity", type=float, required=True, help="Shares.")
@_price(False, "The worst price that is taken (default: any).")
@_SESSION
@_WHY
def place(
    strategy: str, symbol: str, side: str, quantity: float, price: float | None, session: date | None, why: str
) -> None:
    """Buy or sell so many shares for a strategy.

    They come to what it holds, and in place of what it wants of the symbol itself: from then on what it has stays, and
    it neither buys more nor sells, until `sell-all` or `withdraw`.
    """
    signed = quantity if side == "buy" else -quantity
    if not quantity > 0:
        raise click.BadParameter("more than 0 shares; --side says the direction", param_hint="--quantity")
    _say("order", why, strategy=strategy, symbol=symbol, quantity=signed, price=price, session=session)


@order.command(changes=_WRITES, examples=["portfolio order withdraw 3 --why 'the reason is gone'"])
@click.argument("number", type=int)
@_SESSION
@_WHY
def withdraw(number: int, session: date | None, why: str) -> None:
    """End what was ordered by hand, by its number."""
    _say("withdraw", why, withdraws=number, session=session)


@order.command(
    changes="Adds a row to order_instructions, and asks the broker to cancel: it may still be filled before that.",
    examples=["portfolio order cancel NAME --why x  (as order list has it)", "portfolio order cancel --all --why x"],
)
@click.argument("name", required=False, default="")
@click.option("--all", "everything", is_flag=True, help="Everything that is open.")
@_WHY
def cancel(name: str, everything: bool, why: str) -> None:
    """Cancel an open order, or all."""
    from portfolio_pipeline.cli.ordering import cancel_open

    if bool(name) == everything:
        raise click.UsageError("Give one order, or --all.")
    cancel_open([name] if name else [], why)


@order.command(
    changes=_WRITES,
    examples=["portfolio order modify NAME --limit 91 --why x  (as order list has it)"],
)
@click.argument("name")
@click.option("--quantity", type=float, help="Fewer shares than were planned.")
@_price(False, "Another limit.")
@_WHY
def modify(name: str, quantity: float | None, price: float | None, why: str) -> None:
    """Order less, or at another limit, in place of an order.

    It is canceled, and once that is confirmed another one is planned in its place.
    """
    if quantity is None and price is None:
        raise click.UsageError("Give --quantity, --limit or both.")
    _say("modify", why, name=name, quantity=quantity, price=price)


@click.command(
    cls=Command,
    changes="Adds rows to approvals, and sends what is approved.",
    examples=["portfolio approve --all --why 'looked at'"],
)
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@_WHY
def approve(names: tuple[str, ...], everything: bool, why: str) -> None:
    """Let orders pass that wait for a person."""
    _decide("approved", names, why, everything=everything)


@click.command(
    cls=Command,
    changes="Adds rows to approvals: these orders are not sent.",
    examples=["portfolio reject --all --why 'no'"],
)
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@_WHY
def reject(names: tuple[str, ...], everything: bool, why: str) -> None:
    """Do not let orders pass that wait for a person."""
    _decide("rejected", names, why, everything=everything)


@order.command(
    "list",
    changes="Nothing.",
    examples=["portfolio order list", "portfolio order list --json"],
    keys=[
        "session; in_force: number, kind, strategy, symbol, quantity, limit_price, session, who, why; orders: name,"
        " symbol, side, quantity, limit_price, state, why; error: null, or reason, figures, to_do, message.",
    ],
)
@_JSON
def list_(as_json: bool) -> None:
    """List orders, and what is in force by hand.

    The orders are those of the newest session.
    """
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.ordering import find_orders, show_orders

    if as_json:
        from portfolio_pipeline.cli.document import write_document

        write_document("order list", lambda: find_orders(open_tables()))
    else:
        show_orders(find_orders(open_tables()))


@click.command(
    "close-strategy",
    cls=Command,
    changes=_WRITES,
    examples=["portfolio close-strategy trend_bonds --why 'its data is wrong'"],
)
@click.argument("name", shell_complete=completion.strategies)
@_SESSION
@_WHY
def close_strategy(name: str, session: date | None, why: str) -> None:
    """Sell all that a strategy has.

    At the next open, whatever turnover limits; it has nothing until that is withdrawn. Its share of the capital stays
    in its book: `portfolio allocate pause` takes that back by and by.
    """
    _say("close", why, strategy=name, session=session)


@click.command(
    "flatten",
    cls=Command,
    changes=_WRITES,
    examples=["portfolio flatten --yes --why 'the data of today cannot be right'"],
)
@click.option("--yes", is_flag=True, required=True, help="That everything is sold.")
@_SESSION
@_WHY
def flatten(yes: bool, session: date | None, why: str) -> None:
    """Sell everything.

    At the next open, and nothing is bought until that is withdrawn.
    """
    _say("flatten", why, session=session)


def _say(kind: str, why: str, **what: Any) -> None:
    from portfolio_pipeline.cli.ordering import say_it

    say_it(kind, why, **what)


def _decide(verdict: Literal["approved", "rejected"], names: Sequence[str], why: str, *, everything: bool) -> None:
    from portfolio_pipeline.cli.ordering import decide_on

    if bool(names) == everything:
        raise click.UsageError("Give orders, or --all.")
    decide_on(verdict, names, why)
