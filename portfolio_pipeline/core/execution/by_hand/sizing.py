"""How many shares the money of a strategy buys, exactly: no cent more than it has, no share fewer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from portfolio_pipeline.core.books.book import SHARE


@dataclass(frozen=True, slots=True)
class Money:
    """What a strategy may spend, in cents: its part of the capital less what that holds already, and not more than
    its book and the account have in cash.
    """

    allocated: int
    held: int
    cash: int
    buying_power: int

    @property
    def budget(self) -> int:
        return max(min(self.allocated - self.held, self.cash, self.buying_power), 0)


def most_units(budget: int, price: float, cost: float, *, fractional: bool) -> int:
    """The most units that `budget` cents pay for at `price`, with a cost that is a part of what they are worth."""
    shares = Fraction(budget, 100) / (Fraction(str(price)) * (1 + Fraction(str(cost))))
    units = shares.numerator * SHARE // shares.denominator
    return units if fractional else units // SHARE * SHARE
