"""The fill model of the simulated market: what becomes of a session's orders at its open. Pure.

Price: the open, worsened by half spread, slippage and an impact that grows with the square root of the order's
share of the session's volume. A limit order is filled at that price where it is within the limit, else at the limit if
the session's prices pass it, and never beyond. In an auction, whose price is the open or the close, all trade at one
price, and no half spread is paid; what is for the close comes after everything else. At most `maximum_volume_share` of
the volume is filled; the rest expires with the session.
Where volume is not known (0), orders are filled in full and without impact. Without a bar, orders expire.

Sells go first, then buys as far as the cash reaches, both in the order of their symbols, so that an account without
cash stays without debt. An order decided before a split is for shares of before the split: like the orders standing
at an exchange it is carried over, quantity times ratio and limit price by ratio. An order for whole shares is
filled in whole shares, unless a split broke it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from portfolio_pipeline.core.books.book import SHARE, Book, close_session, open_session, to_units, value
from portfolio_pipeline.core.calendar.sessions import session_close, session_open
from portfolio_pipeline.core.execution.settings import Costs, SimulatedBroker
from portfolio_pipeline.core.execution.tickets import Order, OrderState, TimeInForce
from portfolio_pipeline.core.market.bars import Bar, Bars

PRICE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order: the shares traded (negative: sold), at which price and commission."""

    order: Order
    state: OrderState
    quantity: int
    price: float
    commission: int
    note: str | None = None
    """Why it was not filled in full."""

    @property
    def cash(self) -> int:
        """What the account receives, in cents; negative when it pays."""
        return -value(self.quantity, self.price) - self.commission


def executed_at(order: Order, session: date) -> datetime:
    """When an order is executed in a session: at its open, or at its close if it is for that."""
    return session_close(session).replace(tzinfo=None) if _at_close(order) else session_open(session)


def execute(orders: Iterable[Order], bars: Bars, cash: int, costs: Costs, market: SimulatedBroker) -> list[Outcome]:
    """The outcomes of a session's orders, sells first. `cash` is what the account has after the session's dividends."""
    outcomes = []
    for order in sorted(orders, key=lambda o: (_at_close(o), o.quantity > 0, o.symbol, o.client_order_id)):
        outcome = _execute_one(order, bars.get(order.symbol), cash, costs, market)
        cash += outcome.cash
        outcomes.append(outcome)
    return outcomes


def play_session(
    book: Book, orders: Iterable[Order], bars: Bars, costs: Costs, market: SimulatedBroker
) -> list[Outcome]:
    """Carry an account over one session, open to close, with the orders decided at the close before."""
    open_session([book], bars)
    outcomes = execute(orders, bars, book.cash, costs, market)
    for outcome in outcomes:
        if outcome.quantity:
            book.trade(outcome.order.symbol, outcome.quantity, outcome.price, outcome.cash)
    close_session([book], bars, market.delist_after_sessions)
    return outcomes


def worst_cost(costs: Costs, market: SimulatedBroker) -> float:
    """The dearest that trading can become, as a fraction, against the open."""
    return costs.total + market.impact_bps * math.sqrt(market.maximum_volume_share) / 1e4


def _execute_one(order: Order, bar: Bar | None, cash: int, costs: Costs, market: SimulatedBroker) -> Outcome:
    if bar is None:
        return _expired(order, "NO_BAR: the symbol did not trade")
    side = 1 if order.quantity > 0 else -1
    wanted = round(abs(order.quantity) * bar.split_ratio)
    step = SHARE if wanted % SHARE == 0 else 1
    within_volume = wanted
    if bar.volume > 0:
        within_volume = min(wanted, to_units(bar.volume * market.maximum_volume_share) // step * step)
    if not within_volume:
        return _expired(order, f"VOLUME_TOO_SMALL: volume={bar.volume:g}")
    price = _price(order, bar, side, within_volume, costs, market)
    if not price:
        return _expired(
            order, f"LIMIT_NOT_REACHED: limit_price={order.limit_price}, low={bar.low:g}, high={bar.high:g}"
        )
    size = within_volume if side < 0 else _affordable(within_volume, step, price, cash, costs)
    if not size:
        return _expired(order, f"NOT_ENOUGH_CASH: cash={cash / 100:.2f}")
    if size == wanted:
        return Outcome(order, OrderState.FILLED, side * size, price, _commission(size, price, costs))
    note = "NOT_ENOUGH_CASH" if size < within_volume else "VOLUME_SHARE_REACHED"
    note += f": filled={size / SHARE:g}, wanted={wanted / SHARE:g}"
    return Outcome(order, OrderState.PARTIALLY_FILLED, side * size, price, _commission(size, price, costs), note)


def _expired(order: Order, note: str) -> Outcome:
    return Outcome(order, OrderState.EXPIRED, 0, 0.0, 0, note)


def _price(order: Order, bar: Bar, side: int, size: int, costs: Costs, market: SimulatedBroker) -> float | None:
    """The price per share; None when the limit is not reached in the session."""
    impact = market.impact_bps * math.sqrt(size / SHARE / bar.volume) if bar.volume > 0 else 0.0
    spread = 0.0 if _in_auction(order) else costs.half_spread_bps
    worse = side * (spread + costs.slippage_bps + impact) / 1e4
    price = round((bar.close if _at_close(order) else bar.open) * (1.0 + worse), PRICE_DIGITS)
    if order.limit_price is None:
        return price
    limit = round(order.limit_price / bar.split_ratio, PRICE_DIGITS)
    if side * (price - limit) <= 0:
        return price
    reached = bar.low < limit if side > 0 else bar.high > limit
    return limit if reached and not _in_auction(order) else None


def _in_auction(order: Order) -> bool:
    return order.time_in_force is not TimeInForce.DAY


def _at_close(order: Order) -> bool:
    return order.time_in_force is TimeInForce.CLOSING


def _commission(size: int, price: float, costs: Costs) -> int:
    return round(value(size, price) * costs.commission_bps / 1e4)


def _affordable(size: int, step: int, price: float, cash: int, costs: Costs) -> int:
    """As much of a buy as the cash pays for, commission included; a part of it, to a cent."""
    if value(size, price) + _commission(size, price, costs) <= cash:
        return size
    # A cent less than there is: by so much, at most, does rounding to cents make a part dearer.
    affordable = max(cash - 1, 0) / 100 / (price * (1.0 + costs.commission_bps / 1e4))
    return int(affordable * SHARE) // step * step
