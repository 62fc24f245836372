"""Orders that a broker refused for want of money or shares, to be planned once more and smaller, as the settings say.

A word is written down, as a person's would be: planner and gate read it, and the smaller order has a name of its own.
Once for each refused order, whoever is killed: what is written down already is not written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

from portfolio_pipeline.adapters.said import note, stored_instructions
from portfolio_pipeline.core.execution.by_hand.instructions import HOUSE, Instruction
from portfolio_pipeline.core.execution.rejects import reason_of, smaller
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.tickets import OrderReport, Ticket
from portfolio_pipeline.core.words import clean
from portfolio_pipeline.ports import Warehouse


def shrink_refused(
    warehouse: Warehouse,
    orders: Orders,
    session: date,
    tickets: Mapping[str, Ticket],
    reports: Iterable[OrderReport],
    now: datetime,
    key: bytes,
) -> tuple[str, ...]:
    """Write down which of the session's orders are to be smaller; says of which it is new."""
    moment = now.astimezone(UTC).replace(tzinfo=None)
    with warehouse.transaction() as tx:
        said = stored_instructions(tx, key)
        known, shrunk = said.canceled(session), said.shrunk(session).values()
        tries = {symbol: sum(one.symbol == symbol for one in shrunk) for symbol in {one.symbol for one in shrunk}}
        rows: list[Instruction] = []
        for report in reports:
            ticket = tickets.get(report.client_order_id)
            if ticket is None or ticket.session != session or report.client_order_id in known:
                continue
            quantity = smaller(report, ticket.quantity, orders.rejects, orders.lot)
            worth = ticket.notional * quantity / abs(ticket.quantity) / 100
            if tries.get(ticket.symbol, 0) >= orders.rejects.shrink_times or worth < max(orders.minimum_trade, 0.01):
                continue
            why = f"{reason_of(report)}: {clean(report.error or '')}"
            rows.append(
                Instruction(
                    said.next_number + len(rows),
                    *("modify", session, HOUSE, why, moment),
                    symbol=ticket.symbol,
                    quantity=quantity,
                    order=report.client_order_id,
                )
            )
        note(tx, key, rows)
    return tuple(one.order for one in rows)
