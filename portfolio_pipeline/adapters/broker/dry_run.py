"""A dry run over any broker: everything may be asked, nothing is ever sent.

Reports on what was sent earlier, executions and the account are the broker's own; what would be sent now is reported
as planned, with the reason. It keeps no state: what it has not sent, no later question finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from portfolio_pipeline.core.books.book import AccountSnapshot
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.calendar.sessions import SessionRange, session_close
from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState
from portfolio_pipeline.ports import Broker, TradingMode


class DryRunBroker:
    """`ports.Broker` that looks and does not touch."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @property
    def mode(self) -> TradingMode:
        return self._broker.mode

    def account(self, session: date) -> AccountSnapshot:
        return self._broker.account(session)

    def submit(self, sessions: SessionRange, orders: Sequence[Order]) -> tuple[OrderReport, ...]:
        known = {report.client_order_id: report for report in self._broker.reports(sessions)}
        asked = {order.client_order_id: known.get(order.client_order_id) or _held_back(order) for order in orders}
        return tuple(sorted((known | asked).values(), key=lambda report: (report.session, report.client_order_id)))

    def reports(self, sessions: SessionRange) -> tuple[OrderReport, ...]:
        return self._broker.reports(sessions)

    def fills(self, sessions: SessionRange) -> tuple[Fill, ...]:
        return self._broker.fills(sessions)


def _held_back(order: Order) -> OrderReport:
    return OrderReport(
        session=order.session,
        client_order_id=order.client_order_id,
        state=OrderState.PLANNED,
        broker_order_id=None,
        filled_quantity=0,
        updated_at=session_close(order.session).replace(tzinfo=None),
        error="DRY_RUN: nothing was sent",
    )
