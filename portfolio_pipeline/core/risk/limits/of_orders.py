"""Limits of single orders: how large one may be, how many there may be, and how far a price may stand from another.

They bind whatever was planned, and from whatever figures: a close, an equity or a target that is wrong by a factor
makes an order that is too large by one.
"""

from __future__ import annotations

import math

from portfolio_pipeline.core.risk.limits.order_limit import OrderFacts, OrderLimit
from portfolio_pipeline.core.risk.limits.setting import Setting

AVERAGED_SESSIONS = 20
"""Over how many sessions the volume that an order is held against is averaged."""


class OrderNotional(OrderLimit):
    """What one order may be worth, in currency."""

    name = "order_notional"
    setting = Setting(default=1_000_000.0, low=0, high=1e12, unit="currency")

    def measure(self, order: OrderFacts) -> float | None:
        return order.notional if order.shares else None


class OrderEquity(OrderLimit):
    """What one order may be worth, as a fraction of equity.

    An account without any left is never held up in making its positions smaller.
    """

    name = "order_equity"
    setting = Setting(default=0.25, low=0, high=2)

    def measure(self, order: OrderFacts) -> float | None:
        after = order.held + order.shares
        if order.equity <= 0 and abs(after) < abs(order.held) and after * order.held >= 0:
            return None
        return order.notional / max(order.equity, 0.01) if order.shares else None


class OrderVolume(OrderLimit):
    """How large an order may be, as a fraction of the average volume of the last 20 sessions.

    Where no volume is known of any of them, as with price files that have none, it says nothing.
    """

    name = "order_volume"
    setting = Setting(default=0.10, low=0, high=1)

    def measure(self, order: OrderFacts) -> float | None:
        return abs(order.shares) / order.average_volume if order.average_volume else None


class DaysToExit(OrderLimit):
    """How many sessions it may take to get out of what an order leads to, at a tenth of the average volume in each.

    What makes a position smaller is never held up by it.
    """

    name = "days_to_exit"
    setting = Setting(default=5.0, low=0, high=1_000, unit="count")
    _share = 0.1

    def measure(self, order: OrderFacts) -> float | None:
        after = abs(order.held + order.shares)
        if not order.average_volume or after <= abs(order.held):
            return None
        return after / (self._share * order.average_volume)

    def part(self, order: OrderFacts, found: float, cap: float) -> float:
        room = cap * self._share * (order.average_volume or 0.0) - abs(order.held)
        return max(0.0, room / abs(order.shares))


class OrderCount(OrderLimit):
    """How many orders a session may have. The planner leaves the smallest for the sessions after."""

    name = "order_count"
    setting = Setting(default=200.0, low=0, high=100_000, unit="count")
    shrinks = False

    def measure(self, order: OrderFacts) -> float | None:
        return float(order.place) if order.shares else None


class LimitDistance(OrderLimit):
    """How far the limit of an order may stand from the price it was sized at, on either side, as a fraction of that."""

    name = "limit_distance"
    setting = Setting(default=0.02, low=0, high=0.99)
    shrinks = False

    def measure(self, order: OrderFacts) -> float | None:
        reference = order.close if order.reference_price is None else order.reference_price
        if order.limit_price is None or reference is None:
            return None
        return _apart(order.limit_price, reference)

    def told(self, order: OrderFacts) -> str:
        return f", limit_price={order.limit_price:g}"


class PriceCollar(OrderLimit):
    """How far apart the prices of an order may stand: the close from the one before it, the price it was sized at, its
    limit price and the fresh quote from the close; as fractions of the price they are held against.
    """

    name = "price_collar"
    setting = Setting(default=0.35, low=0, high=0.99)
    shrinks = False

    def measure(self, order: OrderFacts) -> float | None:
        return max((apart for apart, _ in self._pairs(order)), default=None)

    def told(self, order: OrderFacts) -> str:
        _, words = max(self._pairs(order))
        return f", {words}"

    @staticmethod
    def _pairs(order: OrderFacts) -> list[tuple[float, str]]:
        pairs = [
            ("close", order.close, "close_before", order.earlier_close),
            ("reference_price", order.reference_price, "close", order.close),
            ("limit_price", order.limit_price, "close", order.close),
            ("quote", order.quote, "close", order.close),
            ("limit_price", order.limit_price, "quote", order.quote),
        ]
        return [
            (_apart(one, other), f"{name}={one:g}, {other_name}={other:g}")
            for name, one, other_name, other in pairs
            if one is not None and other is not None
        ]


def _apart(one: float, other: float) -> float:
    """How far a price is from another, as a fraction of that; what is no price is infinitely far."""
    return abs(one / other - 1.0) if one > 0 and other > 0 else math.inf


ORDER_NOTIONAL = OrderNotional()
ORDER_EQUITY = OrderEquity()
ORDER_VOLUME = OrderVolume()
DAYS_TO_EXIT = DaysToExit()
ORDER_COUNT = OrderCount()
LIMIT_DISTANCE = LimitDistance()
PRICE_COLLAR = PriceCollar()
