"""The server's own books: orders, executions, cash and positions. Exact, and the proof of what happened.

Money and quantities are decimals: the server shares no arithmetic with what is tested against it. What is refused is
in `rules`, how it is told in `shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from portfolio_pipeline.core.calendar.sessions import NEW_YORK, session_close
from portfolio_pipeline_tests.fakes.alpaca.market_hours import MarketClock, opening

ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
NOTHING = Decimal(0)


@dataclass
class Held:
    """A position: shares (negative: short) and what was paid for one on average."""

    quantity: Decimal
    average: Decimal


@dataclass
class Taken:
    """An order that the server has taken."""

    id: str
    client_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    type: str
    limit_price: Decimal | None
    time_in_force: str
    submitted_at: datetime
    status: str = "accepted"
    filled: Decimal = NOTHING
    spent: Decimal = NOTHING
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    hidden_for: int = 0
    """So many questions about it are answered as if it were not there."""

    @property
    def open(self) -> bool:
        return self.status not in ENDED

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1


@dataclass
class Activity:
    """One line of the account's activities: an execution, or money that came or went."""

    id: str
    kind: str
    at: datetime
    symbol: str | None = None
    order: Taken | None = None
    side: str = ""
    quantity: Decimal = NOTHING
    price: Decimal = NOTHING
    amount: Decimal = NOTHING
    cumulative: Decimal = NOTHING
    hidden_for: int = 0


@dataclass(frozen=True)
class Quote:
    """What a session brings a symbol: its prices, and what happens to who holds it before the open."""

    open: Decimal
    close: Decimal | None = None
    dividend: Decimal = NOTHING
    split: Decimal = Decimal(1)
    low: Decimal | None = None
    high: Decimal | None = None
    """How far the session went, where resting limits are to be reached."""

    @classmethod
    def at(cls, price: float) -> Quote:
        return cls(Decimal(str(price)))


@dataclass
class Ledger:
    clock: MarketClock
    account_number: str = "PA3TEST00001"
    cash: Decimal = Decimal(1_000_000)
    multiplier: Decimal = Decimal(4)
    blocked: bool = False
    shorting_enabled: bool = True
    auctions: bool = True
    """Whether the account may send orders for the auctions."""
    duplicates_first: bool = True
    """Whether a client_order_id that is known is noticed before buying power and quantities are looked at."""
    not_fractionable: frozenset[str] = frozenset()
    fee: Decimal = NOTHING
    """A regulatory fee on every sale, booked the session after."""
    prices: dict[str, Decimal] = field(default_factory=dict)
    """Every symbol that is known, at its last price."""
    positions: dict[str, Held] = field(default_factory=dict)
    orders: dict[str, Taken] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    hide_orders_for: int = 0
    hide_activities_for: int = 0

    # What is asked of it

    def by_client_id(self, client_order_id: str) -> Taken | None:
        return next((one for one in self.orders.values() if one.client_order_id == client_order_id), None)

    def value(self, symbol: str) -> Decimal:
        held = self.positions.get(symbol)
        return held.quantity * self.prices.get(symbol, held.average) if held else NOTHING

    @property
    def equity(self) -> Decimal:
        return self.cash + sum((self.value(symbol) for symbol in self.positions), NOTHING)

    @property
    def reserved(self) -> Decimal:
        """What open buys are thought to cost."""
        return sum((self.cost(one) for one in self.orders.values() if one.open and one.side == "buy"), NOTHING)

    @property
    def buying_power(self) -> Decimal:
        gross = sum((abs(self.value(symbol)) for symbol in self.positions), NOTHING)
        return max(self.equity * self.multiplier - gross - self.reserved, NOTHING)

    def cost(self, order: Taken) -> Decimal:
        price = order.limit_price or self.prices.get(order.symbol, NOTHING) * Decimal("1.03")
        return order.left * price

    def shares(self) -> dict[str, Decimal]:
        return {symbol: held.quantity for symbol, held in sorted(self.positions.items())}

    # What happens

    def take(self, order: Taken) -> Taken:
        self.orders[order.id] = order
        order.hidden_for = self.hide_orders_for
        return order

    def new_id(self, what: str) -> str:
        return str(uuid5(NAMESPACE_URL, f"{self.account_number}/{what}/{len(self.orders)}/{len(self.activities)}"))

    def open_session(
        self,
        session: date,
        quotes: Mapping[str, Quote],
        *,
        filled_share: Mapping[str, float] | None = None,
        rejected: frozenset[str] = frozenset(),
        pieces: int = 1,
    ) -> None:
        """The market opens: splits and dividends first, then what was queued is executed at the opens.

        Of the symbols in `filled_share` only that part is, of those in `rejected` nothing; each execution comes in so
        many `pieces`.
        """
        self.clock.set(opening(session))
        for symbol, quote in quotes.items():
            self.prices[symbol] = quote.open
            self._act(symbol, quote)
        for order in list(self.orders.values()):
            if not order.open or order.symbol not in quotes or order.time_in_force == "cls":
                continue
            if order.symbol in rejected:
                self.end(order, "rejected")
                continue
            price = quotes[order.symbol].open
            if order.limit_price is not None and (price - order.limit_price) * order.sign > 0:
                continue
            share = Decimal(str((filled_share or {}).get(order.symbol, 1)))
            whole = round(order.left * share, 6) if order.left % 1 else (order.left * share) // 1
            self._in_pieces(order, whole, price, pieces)

    def close_session(
        self, session: date, quotes: Mapping[str, Quote] | None = None, *, after: timedelta = timedelta(hours=1)
    ) -> None:
        """Limits that the session has passed are executed, then what is for the close; the rest of the day's orders
        expires, and an hour goes by, or as much as is said.
        """
        self.clock.set(session_close(session) - timedelta(minutes=1))
        for order in list(self.orders.values()):
            self._reach(order, (quotes or {}).get(order.symbol))
        self.clock.set(session_close(session))
        for symbol, quote in (quotes or {}).items():
            self.prices[symbol] = quote.close or quote.open
        for order in list(self.orders.values()):
            if order.open and order.time_in_force == "cls" and order.symbol in (quotes or {}):
                self.execute(order, order.left, self.prices[order.symbol])
            if order.open and order.time_in_force in ("day", "opg", "cls"):
                self.end(order, "expired")
        self.clock.set(session_close(session) + after)

    def _reach(self, order: Taken, quote: Quote | None) -> None:
        """Execute a resting limit order at its limit, if the session went further."""
        if quote is None or not order.open or order.limit_price is None or order.time_in_force != "day":
            return
        furthest = quote.low if order.sign > 0 else quote.high
        if furthest is not None and (furthest - order.limit_price) * order.sign < 0:
            self.execute(order, order.left, order.limit_price)

    def play(self, session: date, quotes: Mapping[str, Quote], **how: object) -> None:
        self.open_session(session, quotes, **how)  # type: ignore[arg-type]
        self.close_session(session, quotes)

    def cancel(self, order: Taken) -> None:
        self.end(order, "canceled")

    def end(self, order: Taken, status: str) -> None:
        order.status, order.ended_at, order.updated_at = status, self.clock.now(), self.clock.now()

    def execute(self, order: Taken, quantity: Decimal, price: Decimal) -> None:
        """One execution of an order: cash, position, activity."""
        if not quantity:
            return
        signed = order.sign * quantity
        side = "sell_short" if signed < 0 and order.symbol not in self.positions else order.side
        self.cash -= signed * price
        self.move(order.symbol, signed, price)
        order.filled, order.spent = order.filled + quantity, order.spent + quantity * price
        order.status = "filled" if not order.left else "partially_filled"
        order.updated_at = self.clock.now()
        if not order.left:
            order.ended_at = self.clock.now()
        told: dict[str, object] = {"quantity": quantity, "price": price, "cumulative": order.filled}
        self.note("FILL", symbol=order.symbol, order=order, side=side, **told)  # type: ignore[arg-type]
        if self.fee and order.side == "sell":
            self.note("FEE", amount=-self.fee)

    def note(self, kind: str, *, at: datetime | None = None, **what: object) -> Activity:
        """Write an activity down; money that it brings is booked."""
        moment = at or self.clock.now()
        own = f"{moment.astimezone(NEW_YORK):%Y%m%d%H%M%S%f}"[:17]
        activity = Activity(f"{own}::{self.new_id(kind)}", kind, moment, **what)  # type: ignore[arg-type]
        self.cash += activity.amount
        activity.hidden_for = self.hide_activities_for
        self.activities.append(activity)
        return activity

    def move(self, symbol: str, signed: Decimal, price: Decimal) -> None:
        held = self.positions.get(symbol) or Held(NOTHING, price)
        after = held.quantity + signed
        if held.quantity * after < 0:
            held.average = price
        elif abs(after) > abs(held.quantity):
            held.average = (held.average * held.quantity + price * signed) / after
        held.quantity = after
        if after:
            self.positions[symbol] = held
        else:
            self.positions.pop(symbol, None)

    def turn(
        self, kind: str, old: str, new: str | None = None, *, ratio: str = "1", cash: str = "0", at: datetime
    ) -> None:
        """Every share of a symbol becomes so many of another one, or money, or both; its open orders are canceled."""
        held = self.positions.pop(old)
        for order in self.orders.values():
            if order.open and order.symbol == old:
                self.cancel(order)
        self.note(kind, at=at, symbol=old, quantity=-held.quantity)
        if new is not None:
            came = held.quantity * Decimal(ratio)
            self.prices.setdefault(new, self.prices[old] / Decimal(ratio))
            self.move(new, came, held.average / Decimal(ratio))
            self.note(kind, at=at, symbol=new, quantity=came)
        if Decimal(cash):
            self.note(kind, at=at, symbol=old, amount=round(held.quantity * Decimal(cash), 2))

    def foreign(self, symbol: str, quantity: int, price: float) -> None:
        """Somebody trades by hand, in the broker's own window."""
        side = "buy" if quantity > 0 else "sell"
        moment, amount = self.clock.now(), Decimal(abs(quantity))
        order = Taken(self.new_id("order"), self.new_id("hand"), symbol, side, amount, "market", None, "day", moment)
        self.execute(self.take(order), amount, Decimal(str(price)))

    def _in_pieces(self, order: Taken, quantity: Decimal, price: Decimal, pieces: int) -> None:
        moment, left = self.clock.now(), quantity
        for number in range(pieces, 0, -1):
            part = left / number
            piece = left if number == 1 else round(part, 9) if left % 1 else part // 1
            self.execute(order, piece, price)
            left -= piece
            self.clock.set(self.clock.now() + timedelta(milliseconds=1))
        self.clock.set(moment)

    def _act(self, symbol: str, quote: Quote) -> None:
        held = self.positions.get(symbol)
        if held is None:
            return
        if quote.split != 1:
            whole = round(held.quantity * quote.split, 6)
            self.note("SPLIT", symbol=symbol, quantity=whole - held.quantity)
            held.average /= quote.split
            held.quantity = whole
        if quote.dividend:
            paid = round(held.quantity * quote.dividend, 2)
            self.note("DIV", symbol=symbol, quantity=held.quantity, price=quote.dividend, amount=paid)
