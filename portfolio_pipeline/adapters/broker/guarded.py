"""A broker that asks, right before orders leave, whether they still may: what was looked at before may have changed.

It stands around every broker there is. Only sending is asked for; looking and reporting go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from portfolio_pipeline.core.books.book import AccountSnapshot
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.reconciliation import ForeignOrder
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.tickets import Order, OrderReport
from portfolio_pipeline.core.market.bars import Asset
from portfolio_pipeline.ports.broker import Broker, TradingMode


class GuardedBroker:
    """`ports.Broker` around another; each of `questions` refuses by raising."""

    def __init__(self, broker: Broker, *questions: Callable[[], None]) -> None:
        self._broker, self._questions = broker, questions

    @property
    def mode(self) -> TradingMode:
        return self._broker.mode

    def tradable(self, sessions: SessionRange) -> SessionRange | None:
        return self._broker.tradable(sessions)

    def assets(self, symbols: Sequence[str]) -> tuple[Asset, ...]:
        return self._broker.assets(symbols)

    def account(self, session: date) -> AccountSnapshot:
        return self._broker.account(session)

    def submit(self, sessions: SessionRange, orders: Sequence[Order]) -> tuple[OrderReport, ...]:
        for question in self._questions:
            question()
        return self._broker.submit(sessions, orders)

    def reports(self, sessions: SessionRange) -> tuple[OrderReport, ...]:
        return self._broker.reports(sessions)

    def fills(self, sessions: SessionRange, *, so_far: bool = False) -> tuple[Fill, ...]:
        return self._broker.fills(sessions, so_far=so_far)

    def cash_flows(self, sessions: SessionRange) -> tuple[CashFlow, ...]:
        return self._broker.cash_flows(sessions)

    def foreign_orders(self) -> tuple[ForeignOrder, ...]:
        return self._broker.foreign_orders()
