"""A broker that remembers only what it was sent, and works everything else out anew whenever it is asked.

Slow, without a database and without state that could be stale: what the simulated broker has to agree with.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import pandas as pd
import pyarrow as pa

from portfolio_pipeline.core.books.book import AccountSnapshot, Book, to_cents
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.reconciliation import ForeignOrder
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session, session_close, sessions_between
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.execution.fill_model import Outcome, executed_at, play_session
from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState
from portfolio_pipeline.core.market.bars import Asset, bars_by_session, pay_cash
from portfolio_pipeline.core.settings import Settings


class FakeBroker:
    mode: Literal["SIMULATED"] = "SIMULATED"

    def __init__(self, settings: Settings, prices: pd.DataFrame, cash_returns: pa.Table | None = None) -> None:
        self._settings = settings
        self._bars = bars_by_session(pa.Table.from_pandas(prices, preserve_index=False))
        if cash_returns is not None:
            pay_cash(self._bars, cash_returns)
        self._opened: date | None = None
        self._played: date | None = None
        self._sent: dict[date, dict[str, Order]] = {}
        self.calls: list[tuple[str, SessionRange]] = []

    def tradable(self, sessions: SessionRange) -> SessionRange | None:
        return sessions

    def assets(self, symbols: Sequence[str]) -> tuple[Asset, ...]:
        return ()

    def account(self, session: date) -> AccountSnapshot:
        self._reach(session)
        book, _ = self._replay(session)
        return book.snapshot(session)

    def submit(self, sessions: SessionRange, orders: Sequence[Order]) -> tuple[OrderReport, ...]:
        self.calls.append(("submit", sessions))
        if self._opened is not None and sessions.first < self._opened:
            self._opened, self._played, self._sent = None, None, {}
        self._reach(sessions.first)
        new: dict[date, dict[str, Order]] = {session: {} for session in sessions}
        known = {name: order for sent in self._sent.values() for name, order in sent.items()}
        for order in orders:
            if known.get(order.client_order_id, order) != order:
                raise BrokerError("CLIENT_ORDER_ID_REUSED", found=order.client_order_id)
            new[order.session][order.client_order_id] = order
        for session in sessions:
            if session <= self._latest and new[session] != self._sent.get(session, {}):
                self._sent = {day: sent for day, sent in self._sent.items() if day < session}
                self._played = session
                break
        self._sent |= new
        self._reach(sessions.last)
        return self.reports(sessions)

    def reports(self, sessions: SessionRange) -> tuple[OrderReport, ...]:
        done = {outcome.order.client_order_id: (session, outcome) for session, outcome in self._outcomes()}
        reports = []
        for session in sessions:
            for name, order in sorted(self._sent.get(session, {}).items()):
                state, filled, updated_at, error = OrderState.ACCEPTED, 0, _close(session), None
                if self._unknown(order.symbol):
                    state, error = OrderState.REFUSED, f"UNKNOWN_SYMBOL: found={order.symbol}"
                elif name in done:
                    played, outcome = done[name]
                    state, filled, error = outcome.state, abs(outcome.quantity), outcome.note
                    updated_at = executed_at(order, played) if state == "filled" else _close(played)
                reports.append(OrderReport(session, name, state, f"SIM-{name}", filled, updated_at, error))
        return tuple(reports)

    def fills(self, sessions: SessionRange, *, so_far: bool = False) -> tuple[Fill, ...]:
        if self._opened is not None:
            self._reach(sessions.last)
        fills = []
        for session, one in self._outcomes():
            if one.quantity and sessions.first <= session <= sessions.last:
                name, symbol = one.order.client_order_id, one.order.symbol
                money = (one.quantity, one.price, one.commission)
                fills.append(Fill(session, f"{name}/1", name, symbol, *money, executed_at(one.order, session)))
        return tuple(sorted(fills, key=lambda fill: (fill.session, fill.fill_id)))

    def cash_flows(self, sessions: SessionRange) -> tuple[CashFlow, ...]:
        return ()

    def foreign_orders(self) -> tuple[ForeignOrder, ...]:
        return ()

    @property
    def _latest(self) -> date:
        assert self._played is not None
        return self._played

    def _reach(self, session: date) -> None:
        self._opened = self._opened or session
        self._played = max(self._played or session, session)

    def _unknown(self, symbol: str) -> bool:
        return symbol not in self._settings.symbols and not any(symbol in bars for bars in self._bars.values())

    def _outcomes(self) -> list[tuple[date, Outcome]]:
        return self._replay(self._played)[1] if self._played else []

    def _replay(self, until: date) -> tuple[Book, list[tuple[date, Outcome]]]:
        """The whole life of the account up to a close."""
        book = Book(to_cents(self._settings.simulated_broker.initial_cash))
        outcomes: list[tuple[date, Outcome]] = []
        assert self._opened is not None
        for session in sessions_between(self._opened, until)[1:]:
            before = previous_session(session)
            orders = [o for o in self._sent.get(before, {}).values() if not self._unknown(o.symbol)] if before else []
            market = self._settings.simulated_broker
            played = play_session(book, orders, self._bars[session], self._settings.costs, market)
            outcomes += [(session, outcome) for outcome in played]
        return book, outcomes


def _close(session: date) -> datetime:
    return session_close(session).replace(tzinfo=None)
