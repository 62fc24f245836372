"""How an order is to be filled: by the policy of the settings, from the price it was sized at. Pure.

A function of what is planned and of nothing else: no clock, no quote. Whether a broker takes such an order at the
moment it is sent is said in `windows`; what a simulated market makes of it, in `fill_model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.tickets import TimeInForce

_AUCTIONS = {"opening": TimeInForce.OPENING, "closing": TimeInForce.CLOSING}
_CENT, _FINE = Decimal("0.01"), Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class OrderForm:
    """What is said of an order beside symbol and quantity; `note` where it is not what the settings ask for."""

    limit_price: float | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    note: str = ""


AT_MARKET = OrderForm()


def order_form(orders: Orders, quantity: int, price: float) -> OrderForm:
    """How an order of so many units (negative: sold), sized at `price`, is to be filled."""
    if orders.type == "market":
        return AT_MARKET
    if orders.type == "limit":
        return OrderForm(limit_price=limit_price(quantity, price, orders.collar))
    if quantity % SHARE:
        return OrderForm(note=f"for the day instead of the {orders.type} auction, which takes whole shares only")
    return OrderForm(time_in_force=_AUCTIONS[orders.type])


def limit_price(quantity: int, price: float, collar: float) -> float:
    """The worst price within the collar that can be written: buys down to a tick, sales up to one."""
    exact, apart = Decimal(repr(float(price))), Decimal(repr(float(collar)))
    worst = exact * (1 + apart if quantity > 0 else 1 - apart)
    step = tick(worst)
    steps = (worst / step).to_integral_value(ROUND_FLOOR if quantity > 0 else ROUND_CEILING)
    return float(max(steps, Decimal(1)) * step)


def tick(price: Decimal | float) -> Decimal:
    """The step of prices: a cent from a dollar on, a hundredth of one below."""
    return _CENT if price >= 1 else _FINE
