"""What a limit of one order is: what it measures of a ticket, what may be set, and how it is worded.

Limits of weights are in `limit`; those of orders stand in `of_orders`, and which are in force in `registry`. A limit
that an order of a smaller size would hold also says so: the planner then cuts, and the gate refuses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from portfolio_pipeline.core.risk.breaches import Breach, Severity
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.limits.setting import Setting

ROUNDING = 1e-9
"""How far an order may stand past its limit through rounding alone, as a part of it."""


@dataclass(frozen=True)
class OrderFacts:
    """An order beside what is known of its symbol at the close; no shares where nothing is traded, only held.

    Prices are per share of the present split. None: not known, or there is none.
    """

    symbol: str
    shares: float
    notional: float
    equity: float
    close: float | None
    reference_price: float | None = None
    limit_price: float | None = None
    earlier_close: float | None = None
    average_volume: float | None = None
    quote: float | None = None
    held: float = 0.0
    """Shares before the order."""
    place: int = 0
    """The first, the second … of the session's orders."""


class OrderLimit(ABC):
    """One limit of single orders. Adding one is subclassing this and registering the object."""

    name: str
    """Its key in portfolio.yaml, the rule of its breaches, and the name that messages begin with."""
    setting: Setting
    shrinks = True
    """Whether a smaller order holds it: half the order is half the figure, unless `part` says otherwise."""

    def cap(self, caps: Caps) -> float | None:
        value = caps.value(self.name)
        assert value is None or isinstance(value, float | int), self.name
        return value

    @abstractmethod
    def measure(self, order: OrderFacts) -> float | None:
        """The limited figure; None where it is not known or does not apply."""

    def broken(self, order: OrderFacts, caps: Caps) -> tuple[float, float] | None:
        """Figure and limit where the order breaks it. Written so that a figure that is no number breaks it."""
        cap = self.cap(caps)
        found = None if cap is None else self.measure(order)
        if cap is None or found is None or found <= cap * (1.0 + ROUNDING):
            return None
        return found, cap

    def part(self, order: OrderFacts, found: float, cap: float) -> float:
        """How much of an order that breaks it holds it, as a part of it; for those that shrink."""
        return cap / found

    def breach(self, order: OrderFacts, severity: Severity, found: float, cap: float, action: str = "") -> Breach:
        message = f"{self.name.upper()}_LIMIT: subject={order.symbol}, found={found:.6g}, limit={cap:.6g}"
        return Breach(order.symbol, self.name, severity, found, cap, message + self.told(order), action)

    def told(self, order: OrderFacts) -> str:
        """What else a person has to know."""
        return ""
