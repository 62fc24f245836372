"""The simulated broker: an independent system with tables of its own (`sim_*`) and a clock of its own.

Its clock is the last session it has played. Asked for a later one it plays on: the orders received after a close
are executed at the next open, by `core.fills`, at the prices that the warehouse holds. The account opens with the
initial cash at the first session it is asked for. Each call is one transaction: a call that dies has not happened.

What was played stays, unless other orders arrive for a session already played, or orders for a session before the
account opened: then that session's orders and everything after are forgotten and played anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import pandas as pd

from portfolio_pipeline.core.books.book import Book, Position, to_cents, to_currency, to_shares, to_units
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, session_close, sessions_between
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.execution.fill_model import MarketOrder, Outcome, play_session, session_open
from portfolio_pipeline.core.market.bars import BAR_COLUMNS, Bars, bars_by_session
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    FILLS,
    SIM_ACCOUNT,
    SIM_FILLS,
    SIM_ORDERS,
    SIM_OUTCOMES,
    SIM_POSITIONS,
    SUBMISSIONS,
    Table,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import AccountSnapshot, Holding, Transaction, Warehouse

OrdersBySession = dict[date, list[MarketOrder]]

_ORDER_COLUMNS = ("session", "client_order_id", "symbol", "side", "quantity", "order_type", "limit_price")


class SimulatedBroker:
    """`ports.Broker` over the warehouse's prices."""

    mode: Literal["SIMULATED"] = "SIMULATED"

    def __init__(self, settings: Settings, warehouse: Warehouse) -> None:
        self._settings = settings
        self._warehouse = warehouse

    def account(self, session: date) -> AccountSnapshot:
        with self._warehouse.transaction() as tx:
            opened, played = _clock(tx)
            if opened is None:
                self._open_account(tx, session)
            elif session < opened:
                return AccountSnapshot(session, self._settings.simulated_broker.initial_cash)
            else:
                self._play_to(tx, played, session)
            return _snapshot(session, _stored_book(tx, session))

    def submit(self, sessions: SessionRange, orders: pd.DataFrame) -> pd.DataFrame:
        received = _received(sessions, orders)
        with self._warehouse.transaction() as tx:
            opened, played = _clock(tx)
            if opened is None or sessions.first < opened:
                self._open_account(tx, sessions.first)
                played = sessions.first
            else:
                self._play_to(tx, played, sessions.first)
                played = max(played, sessions.first)
            stored = _stored_orders(tx, SessionRange(sessions.first, max(played, sessions.last)))
            _refuse_reused(tx, received)
            known = sessions_between(sessions.first, min(played, sessions.last))
            changed = next((s for s in known if _differ(received.get(s, []), stored.get(s, []))), None)
            if changed is not None:
                self._play(tx, changed, sessions.last, received, forget=played)
            elif sessions.last > played:
                self._play(tx, played, sessions.last, {**received, played: stored.get(played, [])}, forget=played)
            return _submission_rows(tx, sessions)

    def submissions(self, sessions: SessionRange) -> pd.DataFrame:
        with self._warehouse.transaction() as tx:
            return _submission_rows(tx, sessions)

    def fills(self, sessions: SessionRange) -> pd.DataFrame:
        with self._warehouse.transaction() as tx:
            opened, played = _clock(tx)
            if opened is not None:
                self._play_to(tx, played, sessions.last)
            return frame(tx.read(SIM_FILLS.name, sessions, columns=FILLS.column_names))

    def _open_account(self, tx: Transaction, session: date) -> None:
        """A new account with cash and nothing else; what there was of an account opened later is forgotten."""
        for table in (SIM_ORDERS, SIM_OUTCOMES, SIM_FILLS, SIM_POSITIONS, SIM_ACCOUNT):
            tx.delete(table.name, None)
        cash = self._settings.simulated_broker.initial_cash
        tx.insert(SIM_ACCOUNT.name, pd.DataFrame([(session, cash, cash)], columns=list(SIM_ACCOUNT.column_names)))

    def _play_to(self, tx: Transaction, played: date, session: date) -> None:
        if session > played:
            standing = _stored_orders(tx, SessionRange.single(played))
            self._play(tx, played, session, standing, forget=played)

    def _play(self, tx: Transaction, start: date, last: date, orders: OrdersBySession, *, forget: date) -> None:
        """Play from the close of `start`, which stays, to the close of `last`; rows up to `forget` are replaced."""
        book, journal = _stored_book(tx, start), _Journal()
        coming = sessions_between(next_session(start), last)
        bars = self._bars(tx, coming)
        refused = self._refusals(tx, orders)
        accepted: list[MarketOrder] = []
        for session in (start, *coming):
            if session != start:
                market = self._settings.simulated_broker
                journal.executed(session, play_session(book, accepted, bars[session], self._settings.costs, market))
                journal.closed(session, book)
            received = [(order, refused(order)) for order in orders.get(session, [])]
            journal.received(session, received)
            accepted = [order for order, why in received if why is None]
        replaced = max(forget, last)
        tx.replace(SIM_ORDERS.name, SessionRange(start, replaced), journal.frame(SIM_ORDERS))
        if replaced > start:
            for table in (SIM_OUTCOMES, SIM_FILLS, SIM_POSITIONS, SIM_ACCOUNT):
                tx.replace(table.name, SessionRange(next_session(start), replaced), journal.frame(table))

    def _bars(self, tx: Transaction, sessions: Sequence[date]) -> Mapping[date, Bars]:
        if not sessions:
            return {}
        bars = bars_by_session(tx.read("prices", SessionRange(sessions[0], sessions[-1]), columns=BAR_COLUMNS))
        missing = next((session for session in sessions if session not in bars), None)
        if missing is not None:
            raise BrokerError(
                "SESSION_HAS_NO_PRICES",
                session=missing,
                remedy="The simulated market cannot be played without them: materialise prices for it first.",
            )
        return bars

    def _refusals(self, tx: Transaction, orders: OrdersBySession) -> Callable[[MarketOrder], str | None]:
        """A function that says why an order cannot be accepted; None when it can."""
        symbols = {order.symbol for received in orders.values() for order in received}
        strangers = sorted(symbols - set(self._settings.symbols))
        if strangers:
            listed = tx.read("prices", columns=["symbol"], where={"symbol": strangers}).column("symbol").unique()
            strangers = sorted(set(strangers) - set(listed.to_pylist()))

        def why_not(order: MarketOrder) -> str | None:
            if order.symbol in strangers:
                return f"UNKNOWN_SYMBOL: found={order.symbol}"
            if order.quantity == 0:
                return "QUANTITY_NOT_POSITIVE: found=0"
            return None

        return why_not


class _Journal:
    """The rows that playing writes, by table."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def frame(self, table: Table) -> pd.DataFrame:
        return pd.DataFrame(self._rows[table.name], columns=list(table.column_names))

    def received(self, session: date, orders: Sequence[tuple[MarketOrder, str | None]]) -> None:
        for order, error in orders:
            name, limit = order.client_order_id, order.limit_price
            state, kind = "accepted" if error is None else "refused", "market" if limit is None else "limit"
            amount = to_shares(abs(order.quantity))
            self._rows[SIM_ORDERS.name].append(
                (
                    *(session, name, f"SIM-{name}", order.symbol, _side(order.quantity), amount),
                    *(kind, limit, "day", state, error),
                )
            )

    def executed(self, session: date, outcomes: Sequence[Outcome]) -> None:
        opening, closing = session_open(session), _at_close(session)
        for outcome in outcomes:
            name, symbol, filled = outcome.order.client_order_id, outcome.order.symbol, to_shares(abs(outcome.quantity))
            moment = opening if outcome.state == "filled" else closing
            self._rows[SIM_OUTCOMES.name].append((session, name, outcome.state, filled, moment, outcome.note))
            if filled:
                side, fee = _side(outcome.quantity), to_currency(outcome.commission)
                self._rows[SIM_FILLS.name].append(
                    (session, f"{name}/1", name, symbol, side, filled, outcome.price, fee, opening)
                )

    def closed(self, session: date, book: Book) -> None:
        self._rows[SIM_ACCOUNT.name].append((session, to_currency(book.cash), to_currency(book.equity)))
        self._rows[SIM_POSITIONS.name] += [
            (session, symbol, to_shares(held.quantity), held.price, held.sessions_without_bar)
            for symbol, held in sorted(book.positions.items())
        ]


def _side(quantity: int) -> str:
    return "sell" if quantity < 0 else "buy"


def _at_close(session: date) -> datetime:
    return session_close(session).replace(tzinfo=None)


def _clock(tx: Transaction) -> tuple[date | None, date]:
    """The session at which the account was opened, and the last one played."""
    return tx.oldest(SIM_ACCOUNT.name), tx.newest(SIM_ACCOUNT.name) or date.min


def _stored_book(tx: Transaction, session: date) -> Book:
    cash = tx.read(SIM_ACCOUNT.name, SessionRange.single(session)).to_pylist()[0]["cash"]
    positions = {
        row["symbol"]: Position(to_units(row["quantity"]), row["price"], row["price"], row["sessions_without_bar"])
        for row in tx.read(SIM_POSITIONS.name, SessionRange.single(session)).to_pylist()
    }
    return Book(to_cents(cash), positions)


def _snapshot(session: date, book: Book) -> AccountSnapshot:
    holdings = {
        symbol: Holding(to_shares(held.quantity), held.price, held.sessions_without_bar)
        for symbol, held in book.positions.items()
    }
    return AccountSnapshot(session, to_currency(book.cash), holdings)


def _stored_orders(tx: Transaction, sessions: SessionRange | None) -> OrdersBySession:
    table = tx.read(SIM_ORDERS.name, sessions, columns=_ORDER_COLUMNS)
    return _by_session(*(table.column(name).to_pylist() for name in _ORDER_COLUMNS))


def _received(sessions: SessionRange, orders: pd.DataFrame) -> OrdersBySession:
    """The orders of a frame; a session outside the range, or an identifier that stands twice, is a mistake."""
    days = pd.to_datetime(orders["session"]).dt.date.tolist()
    outside = next((day for day in days if not sessions.first <= day <= sessions.last), None)
    if outside is not None:
        raise BrokerError("ORDER_OUTSIDE_RANGE", found=outside, expected=sessions, remedy="Submit each session's own.")
    twice = orders["client_order_id"][orders["client_order_id"].duplicated()]
    if len(twice):
        raise _reused(twice.iloc[0])
    return _by_session(days, *(orders[name].tolist() for name in _ORDER_COLUMNS[1:]))


def _by_session(days: list[date], *columns: list[Any]) -> OrdersBySession:
    by_session: OrdersBySession = {}
    for day, name, symbol, side, quantity, kind, limit in zip(days, *columns, strict=True):
        units = to_units(quantity) * (1 if side == "buy" else -1)
        order = MarketOrder(name, symbol, units, float(limit) if kind == "limit" else None)
        by_session.setdefault(day, []).append(order)
    return by_session


def _differ(received: Sequence[MarketOrder], stored: Sequence[MarketOrder]) -> bool:
    return sorted(received) != sorted(stored)


def _refuse_reused(tx: Transaction, received: OrdersBySession) -> None:
    """An identifier names one order for good: never another one, nor one of another session."""
    known = {
        order.client_order_id: (session, order)
        for session, orders in _stored_orders(tx, None).items()
        for order in orders
    }
    for session, orders in received.items():
        for order in orders:
            if known.get(order.client_order_id, (session, order)) != (session, order):
                raise _reused(order.client_order_id)


def _reused(client_order_id: str) -> BrokerError:
    return BrokerError(
        "CLIENT_ORDER_ID_REUSED",
        found=client_order_id,
        remedy="Another order carries it already: plan the session anew.",
    )


def _submission_rows(tx: Transaction, sessions: SessionRange) -> pd.DataFrame:
    """The orders decided in the sessions, with what has become of them so far."""
    orders = frame(tx.read(SIM_ORDERS.name, sessions))
    ended = SessionRange(sessions.first, next_session(sessions.last))
    outcomes = frame(tx.read(SIM_OUTCOMES.name, ended)).drop(columns="session")
    rows = orders.merge(outcomes, on="client_order_id", how="left", suffixes=("_received", ""))
    received = pd.Series([_at_close(session) for session in rows["session"].dt.date], index=rows.index)
    rows = rows.assign(
        state=rows["state"].fillna(rows["state_received"]),
        filled_quantity=rows["filled_quantity"].fillna(0.0),
        updated_at=rows["updated_at"].fillna(received.astype(rows["updated_at"].dtype)),
        error=rows["error"].fillna(rows["error_received"]),
    )
    return rows[list(SUBMISSIONS.column_names)]
