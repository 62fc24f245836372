"""Alpaca's words in the port's: orders, positions and moments. What is missing or new in an answer is survived.

Amounts come as texts of decimals; they become cents and units without going through a binary fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.books.fills import Side
from portfolio_pipeline.core.execution.tickets import (
    SENT_AS_DAY,
    Order,
    OrderReport,
    OrderState,
    OrderType,
    TimeInForce,
)
from portfolio_pipeline.core.market.bars import Asset

Answer = Mapping[str, Any]

ENDS: Mapping[str, OrderState] = {
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
    "replaced": OrderState.REPLACED,
}
"""The statuses after which nothing happens to an order any more. Every other one, known or not, is open."""

_KINDS = {str(kind): kind for kind in TimeInForce}
_OPEN = frozenset(
    {
        *("new", "accepted", "pending_new", "partially_filled", "held", "stopped", "suspended", "calculated"),
        *("pending_cancel", "pending_replace", "pending_review", "done_for_day", "accepted_for_bidding"),
    }
)


class Unreadable(Exception):
    """An answer without what it has to have."""


def request_of(order: Order, time_in_force: TimeInForce | None = None) -> dict[str, object]:
    """The body of the request that places an order, as it was planned or for another time."""
    body: dict[str, object] = {
        "symbol": order.symbol,
        "qty": quantity_text(order.quantity),
        "side": str(order.side),
        "type": str(order.order_type),
        "time_in_force": str(time_in_force or order.time_in_force),
        "client_order_id": order.client_order_id,
    }
    if order.limit_price is not None:
        body["limit_price"] = price_text(order.limit_price)
    return body


def is_that_order(answer: Answer, order: Order) -> bool:
    """Whether it is this order and no other: name, symbol, side, type and quantity.

    How long it stands is not looked at: an order that was too late for its auction is for the day.
    """
    try:
        same_quantity = units(answer.get("qty")) == abs(order.quantity)
        wanted = None if order.limit_price is None else Decimal(price_text(order.limit_price))
        found = None if answer.get("limit_price") is None else decimal(answer["limit_price"])
    except Unreadable:
        return False
    return (
        answer.get("client_order_id") == order.client_order_id
        and answer.get("symbol") == order.symbol
        and answer.get("side") == str(order.side)
        and same_quantity
        and found == wanted
    )


def order_of(answer: Answer, session: date) -> Order:
    """The order as the broker has it, where nothing else is known of it."""
    side = Side.SELL if str(answer.get("side", "")).startswith("sell") else Side.BUY
    is_limit = answer.get("type", answer.get("order_type")) == OrderType.LIMIT and answer.get("limit_price") is not None
    return Order(
        session=session,
        client_order_id=str(answer["client_order_id"]),
        symbol=str(answer.get("symbol")),
        quantity=side.signed(units(answer.get("qty") or "0")),
        limit_price=float(decimal(answer["limit_price"])) if is_limit else None,
        time_in_force=_KINDS.get(str(answer.get("time_in_force")), TimeInForce.DAY),
    )


def sent_otherwise(order: Order, time_in_force: object) -> str | None:
    """What a person has to know of an order for an auction that is for the day instead."""
    if order.time_in_force is TimeInForce.DAY or time_in_force != TimeInForce.DAY:
        return None
    return f"{SENT_AS_DAY}: planned for the {order.time_in_force.name.lower()} auction, which took no orders then"


def asset_of(answer: Answer) -> Asset:
    """What may be done with a symbol. What is not told is taken for allowed: the broker says no where it is not."""
    lent = answer.get("shortable", True) and answer.get("easy_to_borrow", True)
    active = answer.get("status", "active") == "active"
    return Asset(
        symbol=str(answer["symbol"]),
        tradable=bool(active and answer.get("tradable", True)),
        fractionable=bool(answer.get("fractionable", True)),
        shortable=bool(lent),
    )


def report_of(answer: Answer, session: date) -> OrderReport:
    """What the broker says of an order that was decided at the close of `session`."""
    status, filled = str(answer.get("status")), units(answer.get("filled_qty") or "0")
    state = ENDS.get(status, OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED)
    note = None
    if state in ENDS.values() and state is not OrderState.FILLED:
        wanted = units(answer.get("qty") or "0")
        note = f"{status.upper()}: filled={filled / SHARE:g}, wanted={wanted / SHARE:g}"
    elif status not in _OPEN and status not in ENDS:
        note = f"STATUS_UNKNOWN: found={status}, taken for open"
    changed = answer.get("updated_at") or answer.get("submitted_at") or answer.get("created_at")
    return OrderReport(
        session=session,
        client_order_id=str(answer["client_order_id"]),
        state=state,
        broker_order_id=str(answer["id"]) if answer.get("id") else None,
        filled_quantity=filled,
        updated_at=moment(changed),
        error=note,
    )


def units(text: object) -> int:
    """Shares in units, to the nearest millionth."""
    return int((decimal(text) * SHARE).to_integral_value(ROUND_HALF_EVEN))


def cents(text: object) -> int:
    return int((decimal(text) * 100).to_integral_value(ROUND_HALF_EVEN))


def price(text: object) -> float:
    return float(decimal(text))


def quantity_text(quantity: int) -> str:
    """Units as shares, without exponent and needless zeros."""
    return f"{(Decimal(abs(quantity)) / SHARE).normalize():f}"


def price_text(amount: float) -> str:
    return f"{Decimal(repr(amount)).normalize():f}"


def moment(text: object) -> datetime:
    """A moment in UTC without zone, to the microsecond; answers have nanoseconds and any zone."""
    try:
        whole = str(text).replace("Z", "+00:00")
        head, dot, rest = whole.partition(".")
        if dot:
            figures = rest[: len(rest) - len(rest.lstrip("0123456789"))]
            whole = f"{head}.{figures[:6].ljust(6, '0')}{rest[len(figures) :]}"
        found = datetime.fromisoformat(whole)
    except ValueError:
        raise Unreadable(f"no moment: {text}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)


def decimal(text: object) -> Decimal:
    try:
        found = Decimal(str(text))
    except InvalidOperation:
        raise Unreadable(f"no number: {text}") from None
    if not found.is_finite():
        raise Unreadable(f"no number: {text}")
    return found
