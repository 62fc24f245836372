"""`portfolio reconcile`: what the broker's account is and the books do not make it, and deciding what of it is ours."""

from __future__ import annotations

import getpass

import click

from portfolio_pipeline.cli.help import Group

_CHANGES = "Writes a row of reconciliation_decisions. The books follow when the newest session is run again."
_SUBJECT = click.argument("subject")
_REASON = click.option("--reason", required=True, help="Why; it is kept beside the decision.")


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def reconcile(context: click.Context) -> None:
    """Differences between the broker's account and the books: shown, accepted or ignored."""
    if context.invoked_subcommand is None:
        _show()


@reconcile.command("accept", changes=_CHANGES, examples=["portfolio reconcile accept GLD --reason 'mine'"])
@_SUBJECT
@_REASON
def accept(subject: str, reason: str) -> None:
    """Take over what differs.

    Shares go to the reserve, and are traded from then on. SUBJECT is a symbol, cash, an order, or all.
    """
    _decide("accept", subject, reason)


@reconcile.command("ignore", changes=_CHANGES, examples=["portfolio reconcile ignore TSLA --reason 'a gift'"])
@_SUBJECT
@_REASON
def ignore(subject: str, reason: str) -> None:
    """Leave aside what differs.

    It stays in the account, unclaimed, and is never traded. SUBJECT is a symbol, an order, or all.
    """
    _decide("ignore", subject, reason)


def _show() -> None:
    from portfolio_pipeline.adapters.acts.reconciling import standing
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.terminal import Column, say, show, table
    from portfolio_pipeline.core.books.book import to_currency, to_shares
    from portfolio_pipeline.core.books.reconciliation import decided

    with open_tables().warehouse.reading() as reader:
        now = standing(reader)
    if not now.differences:
        say("Nothing differs: the broker's account is what the books make it.")
        return
    cells = []
    for one in reversed(now.differences):
        word = decided(one, now.decisions, one.session.max)
        said = "open" if word is None else f"{'accepted' if word.accepted else 'ignored'} by {word.who}: {word.reason}"
        shares = f"{to_shares(one.quantity):+g}" if one.of_shares else ""
        worth = f"{to_currency(one.amount):+,.2f}" if one.amount else ""
        row = (str(one.session), str(one.kind), one.subject, shares, worth, one.told, said)
        cells.append((row, "bold" if word is None else ""))
    titles = ("session", "what", "subject", "shares", "worth", "found", "decided")
    show(table([Column(title, text=True) for title in titles], cells, "Differences between the broker and the books"))
    if now.unclaimed:
        held = ", ".join(f"{quantity:g} {symbol}" for symbol, quantity in sorted(now.unclaimed.items()))
        say(f"Unclaimed in the account, and not traded: {held}.")
    if now.open:
        say(
            f"{len(now.open)} are open, and nothing is sent before they are decided: portfolio reconcile accept SUBJECT"
            " --reason …, or ignore; SUBJECT may be all.",
            "bold",
        )


def _decide(action: str, subject: str, reason: str) -> None:
    from portfolio_pipeline.adapters.acts.reconciling import AGAIN, decide
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.terminal import say

    wired = open_tables()
    who, now = getpass.getuser(), wired.clock.now()
    subjects = decide(wired.warehouse, action, subject, reason, who, now, wired.settings.symbols)
    say(f"Written: {action} {', '.join(subjects)}. {AGAIN}", "bold green")
