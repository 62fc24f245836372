"""`portfolio alerts`: what people were alerted of and whether it reached them, and a trial of every recipient."""

from __future__ import annotations

import click

from portfolio_pipeline.cli.help import Group
from portfolio_pipeline.core.errors import PortfolioError, Several

_SHOWN = 20


@click.group(cls=Group)
def alerts() -> None:
    """Who is told when something goes wrong, and what they were told."""


@alerts.command(
    "list",
    changes="Nothing. A database of an earlier version is carried forward first.",
    examples=["portfolio alerts list"],
)
def list_alerts() -> None:
    """List what is open, what was told, and what is waiting."""
    from portfolio_pipeline.cli.home import open_tables
    from portfolio_pipeline.cli.terminal import Column, say, show, table
    from portfolio_pipeline.core.tables import ALERT_DELIVERIES, ALERTS

    wired = open_tables()
    with wired.warehouse.reading() as reader:
        matters = reader.read(ALERTS.name).to_pylist()
        told = reader.read(ALERT_DELIVERIES.name).to_pylist()
    who = ", ".join(f"{name} from {wired.settings.alerts.threshold(name)} on" for name in wired.recipients)
    say(f"Told are: {who}")
    if not matters:
        say("Nobody was alerted of anything yet. To try it: portfolio alerts test")
        return
    matters.sort(key=lambda row: (row["over_at"] is not None, -row["changed_at"].timestamp()))
    cells = [
        (
            (
                f"{row['since']:%Y-%m-%d %H:%M}",
                row["severity"],
                "open" if row["over_at"] is None else f"over {row['over_at']:%Y-%m-%d %H:%M}",
                row["title"],
                _reached([one for one in told if (one["about"], one["since"]) == (row["about"], row["since"])]),
            ),
            "" if row["over_at"] is not None else "bold",
        )
        for row in matters[:_SHOWN]
    ]
    columns = [Column("since (UTC)"), Column("severity"), Column("state"), Column("what", text=True)]
    show(table([*columns, Column("told", text=True)], cells, "Alerts, the open ones first"))


def _reached(deliveries: list[dict[str, object]]) -> str:
    newest = {str(row["recipient"]): row for row in deliveries}
    return ", ".join(
        name if row["delivered_at"] is not None else f"{name}: NOT YET, {row['error'] or 'on its way'}"
        for name, row in newest.items()
    )


@alerts.command(
    "test",
    changes="Nothing. Every recipient is sent a message that says it is a trial.",
    examples=["ALERT_URL_ME=mailto://user:password@example.com portfolio alerts test"],
)
def test_alerts() -> None:
    """Send a trial message to every recipient.

    By every channel of ALERTS and every ALERT_URL_<NAME>, whatever their threshold.
    """
    from portfolio_pipeline.adapters.wiring import wire
    from portfolio_pipeline.cli.terminal import say
    from portfolio_pipeline.core.alerting.alert import Alert

    failed = []
    for name, messenger in wire().recipients.items():
        try:
            messenger.send(Alert("low", "A trial", "This is what `portfolio alerts test` sends. Nothing is wrong."))
            say(f"{name}: taken")
        except Exception as error:  # noqa: BLE001  Each messenger has errors of its own.
            failed.append(str(error))
    if failed:
        raise PortfolioError(
            "ALERTS_NOT_DELIVERED", found=Several(failed), remedy="Mend the variable of each, then try again."
        )
