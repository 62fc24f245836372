"""Who holds the account, as the inside asks. What is said over this door is typed: the words are those of
`core.execution.tickets` and `core.books`, quantities in units, money in cents. No frames, and no words of a vendor.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, Protocol, TypeAlias

from portfolio_pipeline.core.books.book import AccountSnapshot
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.reconciliation import ForeignOrder
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.tickets import Order, OrderReport
from portfolio_pipeline.core.market.bars import Asset

TradingMode: TypeAlias = Literal["SIMULATED", "PAPER", "LIVE"]


class Broker(Protocol):
    """Who holds the account. Orders decided at the close of D are executed in the session after D.

    What comes back is in the order of sessions and, within one, of identifiers. A broker that cannot do what it is
    asked refuses with a `BrokerError`; an order whose outcome cannot be proved is no refusal but `unknown`, and its
    identifier is never given to another one.
    """

    @property
    def mode(self) -> TradingMode: ...

    def tradable(self, sessions: SessionRange) -> SessionRange | None:
        """Which of the sessions may be planned and sent now.

        Everything in a made-up market. At a real broker only the newest closed session, from its close until the market
        opens again: None where it is not among them.
        """
        ...

    def assets(self, symbols: Sequence[str]) -> tuple[Asset, ...]:
        """What may be done with the symbols now; of those that are left out nothing is known. A made-up market says
        nothing of any.
        """
        ...

    def account(self, session: date) -> AccountSnapshot:
        """The account as it was at the close of `session`. A real broker answers for the current session only."""
        ...

    def submit(self, sessions: SessionRange, orders: Sequence[Order]) -> tuple[OrderReport, ...]:
        """Send the orders decided in `sessions` (a session may have none) and report on them.

        An order whose client_order_id is already known is not sent again. A real broker refuses any session but the
        current one. The simulated broker plays the sessions one after the other; when a session's orders differ from
        what it has already played, it forgets that session's orders and everything after, and plays them anew.
        """
        ...

    def reports(self, sessions: SessionRange) -> tuple[OrderReport, ...]:
        """The state of the orders decided in `sessions`."""
        ...

    def fills(self, sessions: SessionRange, *, so_far: bool = False) -> tuple[Fill, ...]:
        """The executions that happened in `sessions`, each once: the truth about what was traded.

        What orders say that was filled is waited for, and refused while it is missing; but for `so_far`, which takes
        what is told of a session under way.
        """
        ...

    def cash_flows(self, sessions: SessionRange) -> tuple[CashFlow, ...]:
        """What a real broker booked beside executions, by the session it is dated in.

        A made-up market brings dividends and interest with its bars, and nothing here.
        """
        ...

    def foreign_orders(self) -> tuple[ForeignOrder, ...]:
        """The open orders in the account that this house has not sent. A made-up market has none."""
        ...
