"""What happened to orders on their way to a broker that is out in the world: one note after the other, none changed.

An order is `planned` before anything is sent, `submitting` from right before it is sent, and what the broker says when
it has answered. An order of which nothing more is noted than that it was on its way may or may not have arrived: it is
looked for by its identifier, and only that identifier is ever sent again. Asking and sending is done in
`adapters.broker`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState

IN_DOUBT = frozenset({OrderState.SUBMITTING, OrderState.UNKNOWN})
"""Sent, perhaps: nobody knows whether the broker has it."""
OVER = frozenset(
    {
        *(OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED),
        *(OrderState.REJECTED, OrderState.REFUSED, OrderState.REPLACED),
    }
)
"""Nothing happens to the order any more."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One note: how an order stood from a moment on. Notes on one order are numbered from 1."""

    order: Order
    number: int
    state: OrderState
    happened_at: datetime
    broker_order_id: str | None = None
    filled_quantity: int = 0
    error: str | None = None

    @classmethod
    def planned(cls, order: Order, now: datetime) -> Attempt:
        return cls(order, 1, OrderState.PLANNED, now)

    def then(self, state: OrderState, now: datetime, error: str | None = None) -> Attempt:
        """The next note; what the broker has told of the order so far stays."""
        return Attempt(self.order, self.number + 1, state, now, self.broker_order_id, self.filled_quantity, error)

    def told(self, report: OrderReport) -> Attempt:
        """The next note, as the broker says it."""
        name = report.broker_order_id or self.broker_order_id
        filled, moment = report.filled_quantity, report.updated_at
        return Attempt(self.order, self.number + 1, report.state, moment, name, filled, report.error)

    @property
    def report(self) -> OrderReport:
        """As it is told to who asks: on its way is not known."""
        return OrderReport(
            session=self.order.session,
            client_order_id=self.order.client_order_id,
            state=OrderState.UNKNOWN if self.state in IN_DOUBT else self.state,
            broker_order_id=self.broker_order_id,
            filled_quantity=self.filled_quantity,
            updated_at=self.happened_at,
            error=self.error,
        )


def newest(attempts: Iterable[Attempt]) -> dict[str, Attempt]:
    """The last note on each order, in the order of sessions and identifiers."""
    last: dict[str, Attempt] = {}
    for attempt in sorted(attempts, key=lambda one: (one.order.session, one.order.client_order_id, one.number)):
        last[attempt.order.client_order_id] = attempt
    return last
