"""Who holds the account, as the inside asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Literal, Protocol

from portfolio_pipeline.core.calendar.sessions import SessionRange

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Holding:
    """Shares of one symbol, with the price they were last marked at."""

    quantity: float
    price: float
    sessions_without_bar: int = 0


@dataclass(frozen=True)
class AccountSnapshot:
    """The broker's view of the account at the close of a session."""

    session: date
    cash: float
    holdings: Mapping[str, Holding] = field(default_factory=dict)

    @property
    def equity(self) -> float:
        return self.cash + sum(holding.quantity * holding.price for holding in self.holdings.values())


class Broker(Protocol):
    """Who holds the account. Orders decided at the close of D are executed in the session after D.

    Frames carry the columns of the tables of the same name (`orders`, `submissions`, `fills`).
    """

    @property
    def mode(self) -> Literal["SIMULATED", "PAPER", "LIVE"]: ...

    def account(self, session: date) -> AccountSnapshot:
        """The account as it was at the close of `session`. A real broker answers for the current session only."""
        ...

    def submit(self, sessions: SessionRange, orders: pd.DataFrame) -> pd.DataFrame:
        """Send the orders decided in `sessions` (a session may have none) and give back rows of `submissions`.

        An order whose client_order_id is already known is not sent again. A real broker refuses any session but the
        current one. The simulated broker plays the sessions one after the other; when a session's orders differ from
        what it has already played, it forgets that session's orders and everything after, and plays them anew.
        """
        ...

    def submissions(self, sessions: SessionRange) -> pd.DataFrame:
        """The state of the orders decided in `sessions`."""
        ...

    def fills(self, sessions: SessionRange) -> pd.DataFrame:
        """The executions that happened in `sessions`."""
        ...
