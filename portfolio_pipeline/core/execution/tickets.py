"""What is said of an order: the ticket that was planned, the order as a market takes it, the report on its state.

Only the words belong here. How tickets come about is in `orders`, what becomes of orders in `fill_model`, their rows
in `rows`; an execution is a `books.fills.Fill`. Quantities are units of books, prices per share.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, TypeVar

from portfolio_pipeline.core.books.book import value
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill, Side

Verdict = Literal["accepted", "refused"]


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(StrEnum):
    """How long an order stands, and so where it is filled: in the session, or in one of its two auctions."""

    DAY = "day"
    OPENING = "opg"
    CLOSING = "cls"


SENT_AS_DAY = "SENT_AS_DAY"
"""How a report begins on an order for an auction that took none when it was sent: it went out for the day."""

WAITS = ("WAITS_FOR_APPROVAL", "APPROVAL_ALTERED")
"""How the reason begins for which an order is held until a person has decided."""


class OrderState(StrEnum):
    """The life of an order. Canceled and expired orders may have fills: what was executed is what the fills say."""

    PLANNED = "planned"  # nothing was sent yet
    HELD = "held"  # nothing forbids it, and it is not sent: it waits for a person, or a person has canceled it
    SUBMITTING = "submitting"  # on its way, outcome not known: written down before it is sent
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"  # by the market, after the broker had taken it
    REFUSED = "refused"  # by a limit or by the broker: it never was on the market
    REPLACED = "replaced"
    UNKNOWN = "unknown"  # sent, and no proof of what became of it: it blocks what depends on it


TAKEN = frozenset(OrderState) - {
    *(OrderState.PLANNED, OrderState.HELD, OrderState.SUBMITTING, OrderState.REFUSED, OrderState.UNKNOWN)
}
"""States of an order that a broker has taken, whatever became of it then."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it reaches a market; `quantity` is negative to sell. Decided at the close of `session`."""

    session: date
    client_order_id: str
    symbol: str
    quantity: int
    limit_price: float | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    """All orders stand for the session after the one they were decided in."""

    @property
    def side(self) -> Side:
        return Side.of(self.quantity)

    @property
    def order_type(self) -> OrderType:
        return OrderType.MARKET if self.limit_price is None else OrderType.LIMIT


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as it was planned: with what it was sized at, why, and whether the limits let it pass."""

    session: date
    client_order_id: str
    symbol: str
    quantity: int
    reference_price: float
    target_weight: float
    reason: str
    verdict: Verdict = "accepted"
    limit_price: float | None = None
    time_in_force: TimeInForce = TimeInForce.DAY

    @property
    def order(self) -> Order:
        return Order(
            self.session, self.client_order_id, self.symbol, self.quantity, self.limit_price, self.time_in_force
        )

    @property
    def notional(self) -> int:
        """What it is worth at the price it was sized at, in cents and without sign."""
        return abs(value(self.quantity, self.reference_price))


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What a broker says of an order. The filled quantity is without sign, in shares of the split then in force."""

    session: date
    client_order_id: str
    state: OrderState
    broker_order_id: str | None
    filled_quantity: int
    updated_at: datetime
    error: str | None = None


Dated = TypeVar("Dated", Ticket, Order, OrderReport, Fill, CashFlow)


def by_session(items: Iterable[Dated]) -> dict[date, list[Dated]]:
    """What belongs to each session, in the order it came in."""
    found: dict[date, list[Dated]] = {}
    for item in items:
        found.setdefault(item.session, []).append(item)
    return found
