"""The simulated broker: an independent system with tables of its own (`simulated_records`) and a clock of its own.

Its clock is the last session it has played. Asked for a later one it plays on: the orders received after a close
are executed at the next open, by `core.execution.fill_model`, at the prices that the warehouse holds. The account
opens with the initial cash at the first session it is asked for. Each call is one transaction: a call that dies has
not happened.

What was played stays, unless other orders arrive for a session already played, or orders for a session before the
account opened: then that session's orders and everything after are forgotten and played anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Literal

from portfolio_pipeline.adapters.broker.simulated_records import (
    PLAYED,
    Journal,
    clock,
    open_account,
    stored_book,
    stored_fills,
    stored_orders,
    stored_reports,
)
from portfolio_pipeline.core.books.book import AccountSnapshot, to_cents
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.reconciliation import ForeignOrder
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, previous_session, sessions_between
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.execution.fill_model import play_session
from portfolio_pipeline.core.execution.tickets import Order, OrderReport, by_session
from portfolio_pipeline.core.market.bars import (
    ACTION_COLUMNS,
    BAR_COLUMNS,
    CASH_COLUMNS,
    Asset,
    Bars,
    SessionBars,
    bars_by_session,
    pay_cash,
)
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import CASH_RETURNS, SIM_ORDERS
from portfolio_pipeline.ports import Transaction, Warehouse

OrdersBySession = Mapping[date, Sequence[Order]]


class SimulatedBroker:
    """`ports.Broker` over the warehouse's prices."""

    mode: Literal["SIMULATED"] = "SIMULATED"

    def __init__(self, settings: Settings, warehouse: Warehouse) -> None:
        self._settings = settings
        self._warehouse = warehouse

    def tradable(self, sessions: SessionRange) -> SessionRange | None:
        return sessions

    def assets(self, symbols: Sequence[str]) -> tuple[Asset, ...]:
        return ()

    def account(self, session: date) -> AccountSnapshot:
        with self._warehouse.transaction() as tx:
            opened, played = clock(tx)
            if opened is None:
                open_account(tx, session, self._settings.simulated_broker.initial_cash)
            elif session < opened:
                return AccountSnapshot(session, to_cents(self._settings.simulated_broker.initial_cash))
            else:
                self._play_to(tx, played, session)
            return stored_book(tx, session).snapshot(session)

    def submit(self, sessions: SessionRange, orders: Sequence[Order]) -> tuple[OrderReport, ...]:
        received = _received(sessions, orders)
        with self._warehouse.transaction() as tx:
            opened, played = clock(tx)
            if opened is None or sessions.first < opened:
                open_account(tx, sessions.first, self._settings.simulated_broker.initial_cash)
                played = sessions.first
            else:
                self._play_to(tx, played, sessions.first)
                played = max(played, sessions.first)
            stored = by_session(stored_orders(tx, SessionRange(sessions.first, max(played, sessions.last))))
            _refuse_reused(tx, orders)
            known = sessions_between(sessions.first, min(played, sessions.last))
            changed = next((s for s in known if _differ(received.get(s, []), stored.get(s, []))), None)
            if changed is not None:
                self._play(tx, changed, sessions.last, received, forget=played)
            elif sessions.last > played:
                self._play(tx, played, sessions.last, {**received, played: stored.get(played, [])}, forget=played)
            return stored_reports(tx, sessions)

    def reports(self, sessions: SessionRange) -> tuple[OrderReport, ...]:
        with self._warehouse.transaction() as tx:
            return stored_reports(tx, sessions)

    def fills(self, sessions: SessionRange, *, so_far: bool = False) -> tuple[Fill, ...]:
        with self._warehouse.transaction() as tx:
            opened, played = clock(tx)
            if opened is not None:
                self._play_to(tx, played, sessions.last)
            return stored_fills(tx, sessions)

    def cash_flows(self, sessions: SessionRange) -> tuple[CashFlow, ...]:
        return ()

    def foreign_orders(self) -> tuple[ForeignOrder, ...]:
        return ()

    def _play_to(self, tx: Transaction, played: date, session: date) -> None:
        if session > played:
            standing = by_session(stored_orders(tx, SessionRange.single(played)))
            self._play(tx, played, session, standing, forget=played)

    def _play(self, tx: Transaction, start: date, last: date, orders: OrdersBySession, *, forget: date) -> None:
        """Play from the close of `start`, which stays, to the close of `last`; rows up to `forget` are replaced."""
        book, journal = stored_book(tx, start), Journal()
        coming = sessions_between(next_session(start), last)
        bars = self._bars(tx, coming)
        refused = self._refusals(tx, orders)
        accepted: list[Order] = []
        for session in (start, *coming):
            if session != start:
                market = self._settings.simulated_broker
                journal.executed(session, play_session(book, accepted, bars[session], self._settings.costs, market))
                journal.closed(session, book)
            received = [(order, refused(order)) for order in orders.get(session, [])]
            journal.received(received)
            accepted = [order for order, why in received if why is None]
        replaced = max(forget, last)
        tx.replace(SIM_ORDERS.name, SessionRange(start, replaced), journal.frame(SIM_ORDERS))
        if replaced > start:
            for table in PLAYED:
                tx.replace(table.name, SessionRange(next_session(start), replaced), journal.frame(table))

    def _bars(self, tx: Transaction, sessions: Sequence[date]) -> Mapping[date, Bars]:
        if not sessions:
            return {}
        coming = SessionRange(sessions[0], sessions[-1])
        bars = bars_by_session(
            tx.read("prices", coming, columns=BAR_COLUMNS),
            tx.read("corporate_actions", coming, columns=ACTION_COLUMNS),
        )
        without_prices = {row["session"] for row in tx.read("price_holes", coming, columns=["session"]).to_pylist()}
        bars |= {session: SessionBars() for session in without_prices - bars.keys()}
        missing = next((session for session in sessions if session not in bars), None)
        if missing is not None:
            raise BrokerError(
                "SESSION_HAS_NO_PRICES",
                session=missing,
                remedy="The simulated market cannot be played without them: materialise prices for it first.",
            )
        self._pay_cash(tx, coming, bars)
        return bars

    def _pay_cash(self, tx: Transaction, coming: SessionRange, bars: dict[date, SessionBars]) -> None:
        """What cash earned before each session opened; it is never taken for nothing where the settings give it."""
        first, last = previous_session(coming.first) or coming.first, previous_session(coming.last) or coming.last
        before = SessionRange(first, last)
        earned = tx.read(CASH_RETURNS.name, before, columns=CASH_COLUMNS)
        missing = sorted(set(before) - set(earned["session"].to_pylist()))
        if missing and self._settings.risk_free_rate != 0.0:
            raise BrokerError(
                "CASH_RETURNS_MISSING",
                session=missing[0],
                remedy="Cash earns a rate, and it is not known of this session: materialise features for it first.",
            )
        pay_cash(bars, earned)

    def _refusals(self, tx: Transaction, orders: OrdersBySession) -> Callable[[Order], str | None]:
        """A function that says why an order cannot be accepted; None when it can."""
        symbols = {order.symbol for received in orders.values() for order in received}
        strangers = sorted(symbols - set(self._settings.symbols))
        if strangers:
            listed = tx.read("prices", columns=["symbol"], where={"symbol": strangers}).column("symbol").unique()
            strangers = sorted(set(strangers) - set(listed.to_pylist()))

        def why_not(order: Order) -> str | None:
            if order.symbol in strangers:
                return f"UNKNOWN_SYMBOL: found={order.symbol}"
            if order.quantity == 0:
                return "QUANTITY_NOT_POSITIVE: found=0"
            return None

        return why_not


def _received(sessions: SessionRange, orders: Sequence[Order]) -> OrdersBySession:
    """The orders by session; a session outside the range, or an identifier that stands twice, is a mistake."""
    outside = next((order.session for order in orders if not sessions.first <= order.session <= sessions.last), None)
    if outside is not None:
        raise BrokerError("ORDER_OUTSIDE_RANGE", found=outside, expected=sessions, remedy="Submit each session's own.")
    twice = [name for name, count in Counter(order.client_order_id for order in orders).items() if count > 1]
    if twice:
        raise _reused(twice[0])
    return by_session(orders)


def _differ(received: Sequence[Order], stored: Sequence[Order]) -> bool:
    """Whether they are other orders; in which order they came does not matter."""
    return {order.client_order_id: order for order in received} != {order.client_order_id: order for order in stored}


def _refuse_reused(tx: Transaction, orders: Sequence[Order]) -> None:
    """An identifier names one order for good: never another one, nor one of another session."""
    known = {order.client_order_id: order for order in stored_orders(tx, None)}
    reused = next((order for order in orders if known.get(order.client_order_id, order) != order), None)
    if reused is not None:
        raise _reused(reused.client_order_id)


def _reused(client_order_id: str) -> BrokerError:
    return BrokerError(
        "CLIENT_ORDER_ID_REUSED",
        found=client_order_id,
        remedy="Another order carries it already: plan the session anew.",
    )
