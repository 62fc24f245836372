"""`portfolio follow`: how the orders of the session stand, once or until the market has closed."""

from __future__ import annotations

import time

from portfolio_pipeline.adapters.acts.following import Followed, follow, market_hours
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.cli.home import account
from portfolio_pipeline.cli.interruption import arriving_signals, raising_at_signals
from portfolio_pipeline.cli.terminal import Column, complain, say, show, table
from portfolio_pipeline.core.books.book import to_shares
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.attempts import Attempt

_EVERY = 60.0


def follow_once() -> None:
    found = _look()
    say(found.in_words())
    show_orders(found.orders)


def follow_until_closed(every: float = _EVERY) -> None:
    """A look a minute, and a line for each that has found something else; until nothing can happen any more."""
    said = ""
    with raising_at_signals(), arriving_signals() as arrived:
        while True:
            now = wire().clock.now()
            try:
                found = _look()
            except PortfolioError as refusal:
                complain(f"{now:%H:%M} UTC: {refusal}")
            else:
                if found.in_words() != said:
                    said = found.in_words()
                    say(f"{now:%H:%M} UTC: {said}")
                if not found.open:
                    say("No order is open any more.")
                    return
            if market_hours(now) is None:
                say("The market is closed: nothing changes any more until it opens.")
                return
            if arrived():
                raise KeyboardInterrupt
            time.sleep(every)


def _look() -> Followed:
    with account("portfolio follow", wait=True) as wired:
        found = follow(wired.broker, wired.warehouse, wired.clock, wired.alerts, wired.settings)
    for alert in found.told:
        complain(f"{alert.title}: {alert.message}")
    return found


def show_orders(orders: tuple[Attempt, ...]) -> None:
    if not orders:
        return
    cells = [
        (
            (
                str(one.state).replace("_", " "),
                str(one.order.side),
                one.order.symbol,
                f"{to_shares(one.filled_quantity):g} of {to_shares(abs(one.order.quantity)):g}",
                one.error or "",
            ),
            "",
        )
        for one in orders
    ]
    columns = [Column("state", text=True), Column("side", text=True), Column("symbol", text=True)]
    show(table([*columns, Column("filled"), Column("why", text=True)], cells, "Orders"))
