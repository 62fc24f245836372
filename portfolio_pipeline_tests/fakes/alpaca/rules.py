"""What Alpaca refuses, and in which words: status, code and message as recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from portfolio_pipeline.core.calendar.sessions import NEW_YORK
from portfolio_pipeline_tests.fakes.alpaca.ledger import NOTHING, Ledger, Taken
from portfolio_pipeline_tests.fakes.alpaca.shapes import number

LONGEST_ID = 128


class Refusal(Exception):
    """An answer that is not 2xx. Errors of authentication and of market data carry no code."""

    def __init__(self, status: int, message: str, code: int | None = None, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body = {**({"code": code} if code is not None else {}), **more, "message": message}


def not_found() -> Refusal:
    return Refusal(404, "order not found for client order id", 40410000)


def unauthorized() -> Refusal:
    return Refusal(401, "unauthorized.")


def submit(ledger: Ledger, body: Mapping[str, Any]) -> Taken:
    """Take an order or refuse it, in the order in which this broker looks at things."""
    order = _read(ledger, body)

    def unique() -> None:
        if order.client_order_id and ledger.by_client_id(order.client_order_id) is not None:
            raise Refusal(422, "client_order_id must be unique", 40010001)

    def possible() -> None:
        _account(ledger)
        _asset(ledger, order)
        _auction(ledger, order)
        _opposite(ledger, order)
        (_sellable if order.side == "sell" else _affordable)(ledger, order)

    looks: tuple[Callable[[], None], ...] = (unique, possible) if ledger.duplicates_first else (possible, unique)
    for look in looks:
        look()
    return ledger.take(order)


def cancel(ledger: Ledger, order_id: str) -> None:
    order = ledger.orders.get(order_id)
    if order is None:
        raise Refusal(404, f"order not found for {order_id}", 40410000)
    if not order.open:
        raise Refusal(422, f'order is already in "{order.status}" state', 42210000)
    ledger.cancel(order)


def _read(ledger: Ledger, body: Mapping[str, Any]) -> Taken:
    if body.get("side") not in ("buy", "sell"):
        raise Refusal(422, "invalid side", 40010001)
    if body.get("type") not in ("market", "limit"):
        raise Refusal(422, "invalid order type", 40010001)
    if body.get("time_in_force") not in ("day", "gtc", "opg", "cls", "ioc", "fok"):
        raise Refusal(422, "invalid time_in_force", 40010001)
    quantity, limit = _number(body, "qty"), _number(body, "limit_price")
    if quantity is None or quantity <= 0:
        raise Refusal(422, "qty must be > 0", 40010001)
    if body["type"] == "limit" and limit is None:
        raise Refusal(422, "limit orders require limit price", 40010001)
    if limit is not None and limit != round(limit, 2 if limit >= 1 else 4):
        message = f"invalid limit_price {limit}. sub-penny increment does not fulfill minimum pricing criteria"
        raise Refusal(422, message, 42210000)
    name = str(body.get("client_order_id") or ledger.new_id("client"))
    if len(name) > LONGEST_ID:
        raise Refusal(422, f"client_order_id must be no more than {LONGEST_ID} characters", 40010001)
    return Taken(
        id=ledger.new_id("order"),
        client_order_id=name,
        symbol=str(body.get("symbol")),
        side=body["side"],
        quantity=quantity,
        type=body["type"],
        limit_price=limit,
        time_in_force=body["time_in_force"],
        submitted_at=ledger.clock.now(),
        updated_at=ledger.clock.now(),
    )


def _number(body: Mapping[str, Any], name: str) -> Decimal | None:
    if body.get(name) is None:
        return None
    try:
        return Decimal(str(body[name]))
    except InvalidOperation:
        raise Refusal(422, f"{name} is not a number", 40010001) from None


def _account(ledger: Ledger) -> None:
    if ledger.blocked:
        raise Refusal(403, "new orders are rejected by user request", 40310000)


def _asset(ledger: Ledger, order: Taken) -> None:
    if order.symbol not in ledger.prices:
        raise Refusal(422, f'asset "{order.symbol}" not found', 42210000)
    if order.quantity % 1:
        if order.symbol in ledger.not_fractionable:
            raise Refusal(403, f'asset "{order.symbol}" is not fractionable', 40310000)
        if order.time_in_force != "day":
            raise Refusal(422, "fractional orders must be DAY orders", 42210000)


def _auction(ledger: Ledger, order: Taken) -> None:
    """By New York's clock; the words are not on record."""
    now = ledger.clock.now()
    here = now.astimezone(NEW_YORK).time()
    before_close = ledger.clock.next_close() - timedelta(minutes=10)
    shut = {
        "opg": time(9, 28) <= here < time(19),
        "cls": time(15, 50) <= here < time(19) or now >= before_close,
    }.get(order.time_in_force, False)
    if shut or (order.time_in_force in ("opg", "cls") and not ledger.auctions):
        raise Refusal(403, f"{order.time_in_force} orders are not accepted at this time", 40310000)


def _opposite(ledger: Ledger, order: Taken) -> None:
    for other in ledger.orders.values():
        if other.open and other.symbol == order.symbol and other.side != order.side:
            raise Refusal(
                403,
                "potential wash trade detected. use complex orders",
                40310000,
                existing_order_id=other.id,
                reject_reason="opposite side market/stop order exists",
            )


def _affordable(ledger: Ledger, order: Taken) -> None:
    cost = ledger.cost(order)
    if cost > ledger.buying_power:
        figures = {"buying_power": f"{ledger.buying_power:.2f}", "cost_basis": f"{cost:.2f}"}
        raise Refusal(403, "insufficient buying power", 40310000, **figures)


def _sellable(ledger: Ledger, order: Taken) -> None:
    held = ledger.positions[order.symbol].quantity if order.symbol in ledger.positions else NOTHING
    queued = sum(
        (o.left for o in ledger.orders.values() if o.open and o.symbol == order.symbol and o.side == "sell"), NOTHING
    )
    if held > 0:
        available = held - queued
        if order.quantity > available:
            asked = f"(requested: {number(order.quantity)}, available: {number(available)})"
            raise Refusal(
                403,
                f"insufficient qty available for order {asked}",
                40310000,
                available=number(available),
                existing_qty=number(held),
                held_for_orders=number(queued),
                symbol=order.symbol,
            )
        return
    if order.quantity % 1:
        raise Refusal(422, "fractional orders cannot be sold short", 42210000)
    if not ledger.shorting_enabled or ledger.equity < 2000:
        raise Refusal(403, "account is not allowed to short", 40310000)
    if ledger.cost(order) > ledger.buying_power:
        raise Refusal(403, "insufficient buying power", 40310000)
