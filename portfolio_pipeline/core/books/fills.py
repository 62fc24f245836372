"""Executions: what was bought or sold, at which price, for which order.

The one form of it in the house: brokers report it, books take it in. Orders do not belong here (`core.execution`),
nor its rows (`core.execution.rows`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from portfolio_pipeline.core.books.book import value


class Side(StrEnum):
    """The direction of a trade where it is spelled out; in the core it is the sign of the quantity."""

    BUY = "buy"
    SELL = "sell"

    @classmethod
    def of(cls, quantity: int) -> Side:
        return cls.SELL if quantity < 0 else cls.BUY

    def signed(self, quantity: int) -> int:
        return -quantity if self is Side.SELL else quantity


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution: units (negative: sold), price per share, commission in cents."""

    session: date
    fill_id: str
    client_order_id: str
    symbol: str
    quantity: int
    price: float
    commission: int
    filled_at: datetime

    @property
    def notional(self) -> int:
        """What was paid or received before commission, in cents and without sign."""
        return abs(value(self.quantity, self.price))

    @property
    def cash(self) -> int:
        """What the account receives, in cents; negative when it pays."""
        return -value(self.quantity, self.price) - self.commission
