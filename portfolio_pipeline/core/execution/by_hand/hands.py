"""What people have said, asked session by session by planner, gate and check: of targets, and of tickets.

What a strategy holds is in its book alone. So where something was said that is about books, these are carried on beside
the account, from close to close, exactly as the table positions carries them. Where nothing was, nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from portfolio_pipeline.core.books.book import Book
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.strategy_books import Ledger, Wishes, advance, wishes
from portfolio_pipeline.core.books.unclaimed import NOTHING_OUTSIDE, Outside
from portfolio_pipeline.core.calendar.sessions import session_open
from portfolio_pipeline.core.execution.by_hand.approvals import Approvals
from portfolio_pipeline.core.execution.by_hand.effect import instructed
from portfolio_pipeline.core.execution.by_hand.instructions import NOTHING_SAID, Instructions
from portfolio_pipeline.core.execution.fill_model import Outcome
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import Bars, without_payments
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets


@dataclass
class Books:
    """The strategies' books at a close, what they wished for then, and what it takes to carry them on."""

    ledger: Ledger
    wished: Wishes
    shares: Mapping[date, Mapping[str, float]]
    cash_buffer: float
    delist_after_sessions: int
    fills: dict[date, list[Fill]] = field(default_factory=dict)
    payments: Mapping[date, Sequence[CashFlow]] = field(default_factory=dict)
    outside: Mapping[date, Outside] = field(default_factory=dict)
    """What others did, as it was decided."""
    pays: bool = False
    """Whether a broker out in the world books dividends and interest itself."""
    open: bool = True
    """Whether they are at the close of the session before; an account that begins has no such session."""

    def close(self, session: date, bars: Bars) -> None:
        shares = self.shares.get(session)
        if self.open:
            fills = sorted(self.fills.pop(session, []), key=lambda fill: fill.fill_id)
            booked, outside = self.payments.get(session, ()), self.outside.get(session, NOTHING_OUTSIDE)
            real = without_payments(bars) if self.pays else bars
            delisted = self.delist_after_sessions
            advance(self.ledger, real, fills, self.wished, shares, delisted, booked, outside)
        else:
            self.ledger.admit(shares or ())
        self.open = True


@dataclass
class Hands:
    """`books` are None where nothing is in force that is about them."""

    said: Instructions = NOTHING_SAID
    approvals: Approvals = field(default_factory=Approvals)
    books: Books | None = None

    def instruct(self, session: date, targets: SessionTargets, bars: Bars) -> SessionTargets:
        """The session's targets with what people have said; asked once for each session, in their order."""
        books = self.books
        if books is None:
            return targets
        books.close(session, bars)
        asked = instructed(session, targets, self.said, books.ledger, books.shares.get(session, {}), bars)
        books.wished = wishes(books.ledger, asked, bars, books.cash_buffer)
        return asked

    def played(self, session: date, outcomes: Iterable[Outcome]) -> None:
        """What was executed in a session of a market that is played."""
        if self.books is not None:
            self.books.fills[session] = [_fill(session, one) for one in outcomes if one.quantity]

    def held_back(
        self,
        session: date,
        tickets: Sequence[Ticket],
        book: Book,
        unpaid: Callable[[Sequence[Ticket]], bool],
    ) -> dict[str, str]:
        """The tickets that are not to be sent, and why: canceled, or not approved; and the buys that sells among them
        would have paid.
        """
        names = {ticket.client_order_id for ticket in tickets}
        found = {name: f"CANCELED: {one.told}" for name, one in self.said.canceled(session).items() if name in names}
        found |= self.approvals.waiting(tickets, book.equity)
        left = [ticket for ticket in tickets if ticket.client_order_id not in found]
        if found and unpaid(left):
            why = "WAITS_FOR_THE_SELLS: what would pay for it is not sent"
            found |= {ticket.client_order_id: why for ticket in left if ticket.quantity > 0}
        return found


def said_in(hands: Hands | None) -> Instructions:
    return NOTHING_SAID if hands is None else hands.said


def _fill(session: date, outcome: Outcome) -> Fill:
    name, symbol = outcome.order.client_order_id, outcome.order.symbol
    money = (outcome.quantity, outcome.price, outcome.commission)
    return Fill(session, f"{name}/1", name, symbol, *money, session_open(session))
