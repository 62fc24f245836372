"""Planning: from the targets and the account at a close to the tickets for the next session. Pure.

Over a range the planner carries the account on by itself, with the fill model of the simulated market applied to
its own tickets: the tenth day's plan is the one that ten daily runs would have made. A session whose targets or
tickets break a limit is refused as a whole, and nothing of it is executed then. Sending tickets, and judging them
again before that, is done by `submission_gate`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

import pandas as pd
import pyarrow as pa

from portfolio_pipeline.core.books.book import Book, to_shares, to_units, value
from portfolio_pipeline.core.calendar.sessions import previous_session
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.execution.fill_model import MarketOrder, play_session
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.execution.trades import trades_towards
from portfolio_pipeline.core.execution.verdicts import judge_targets, judge_trades
from portfolio_pipeline.core.market.bars import NO_BARS, Bars
from portfolio_pipeline.core.portfolio.session_targets import NO_TARGETS, SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach, blocking
from portfolio_pipeline.core.tables import ORDERS

Verdict = Literal["accepted", "refused"]
_STRATEGIES_NAMED = 3


class Ticket(NamedTuple):
    """One order ticket; `quantity` in units of books, negative to sell."""

    session: date
    client_order_id: str
    symbol: str
    quantity: int
    reference_price: float
    target_weight: float
    reason: str
    verdict: Verdict = "accepted"
    limit_price: float | None = None

    @property
    def market_order(self) -> MarketOrder:
        return MarketOrder(self.client_order_id, self.symbol, self.quantity, self.limit_price)


@dataclass(frozen=True)
class Plan:
    """The tickets of a range of sessions, and what the limits found, by session."""

    tickets: tuple[Ticket, ...]
    findings: Mapping[date, tuple[Breach, ...]]
    turnover: Mapping[date, float]
    """Bought plus sold as planned, as a fraction of equity."""


def client_order_id(mode: str, session: date, symbol: str, quantity: int, limit_price: float | None = None) -> str:
    """The order's identifier, unique for good: a pure function of what is intended, without clock or counter."""
    intent = hashlib.sha256(json.dumps([mode, str(session), symbol, quantity, limit_price, "day"]).encode()).hexdigest()
    side = "buy" if quantity > 0 else "sell"
    return f"{mode}-account-{session:%Y%m%d}-{symbol}-{side}-1-{intent[:16]}"


def plan(
    mode: str,
    sessions: Iterable[date],
    book: Book,
    targets: Mapping[date, SessionTargets],
    bars: Mapping[date, Bars],
    terms: TradingTerms,
) -> Plan:
    """Plan every session of the range. `book` is the account at the close of the first one, and is carried on in
    place.

    `targets` also hold the session before the first, when there is one. A session without targets is refused: doing
    as if nothing were wanted would sell everything.
    """
    tickets: list[Ticket] = []
    findings: dict[date, tuple[Breach, ...]] = {}
    turnover: dict[date, float] = {}
    standing: list[Ticket] | None = None
    for session in sessions:
        if session not in targets:
            raise SessionError(
                "TARGETS_MISSING", session=session, remedy="Materialise aggregated_targets for it first."
            )
        today = bars.get(session, NO_BARS)
        if standing is not None:
            orders = [ticket.market_order for ticket in standing]
            play_session(book, orders, today, terms.costs, terms.simulated_broker)
        planned, found = plan_session(mode, session, book, targets[session], today, terms)
        found += judge_targets(targets[session].weights, previous_targets(targets, session), terms)
        found += judge_trades(book, {ticket.symbol: ticket.quantity for ticket in planned}, today, terms)
        if blocking(found):
            planned = [ticket._replace(verdict="refused") for ticket in planned]
        if found:
            findings[session] = found
        standing = [ticket for ticket in planned if ticket.verdict == "accepted"]
        tickets += planned
        worth = sum(abs(value(ticket.quantity, ticket.reference_price)) for ticket in planned)
        turnover[session] = worth / max(book.equity, 1)
    return Plan(tuple(tickets), findings, turnover)


def previous_targets(targets: Mapping[date, SessionTargets], session: date) -> Mapping[str, float]:
    """The targets of the session before; none before the very first, when the book is all cash."""
    before = previous_session(session)
    return targets.get(before, NO_TARGETS).weights if before else {}


def plan_session(
    mode: str, session: date, book: Book, targets: SessionTargets, bars: Bars, terms: TradingTerms
) -> tuple[list[Ticket], tuple[Breach, ...]]:
    """One session's tickets, sells first, in the order of their symbols; and what limits on the book cut."""
    trades, cuts = trades_towards(targets, book, bars, terms)
    equity = max(book.equity, 1)
    tickets = [
        Ticket(
            session=session,
            client_order_id=client_order_id(mode, session, symbol, quantity),
            symbol=symbol,
            quantity=quantity,
            reference_price=bars[symbol].close,
            target_weight=targets.weights.get(symbol, 0.0),
            reason=_reason(symbol, value(book.quantity(symbol), bars[symbol].close) / equity, targets),
        )
        for symbol, quantity in sorted(trades.items(), key=lambda item: (item[1] > 0, item[0]))
    ]
    return tickets, cuts


def _reason(symbol: str, held: float, targets: SessionTargets) -> str:
    wanted = targets.weights.get(symbol, 0.0)
    asking = [(name, weights[symbol]) for name, weights in targets.contributions.items() if weights.get(symbol)]
    asking.sort(key=lambda item: (-abs(item[1]), item[0]))
    names = ", ".join(f"{name} {weight:+.2%}" for name, weight in asking[:_STRATEGIES_NAMED])
    more = f", {len(asking) - _STRATEGIES_NAMED} more" if len(asking) > _STRATEGIES_NAMED else ""
    who = f": {names}{more}" if names else ": no strategy wants it"
    cut = f" (cut: {targets.reasons[symbol]})" if symbol in targets.reasons else ""
    return f"want {wanted:.2%}, hold {held:.2%}{who}{cut}"


def ticket_rows(tickets: Sequence[Ticket]) -> pd.DataFrame:
    """Rows of the orders table."""
    rows = [
        {
            "session": ticket.session,
            "client_order_id": ticket.client_order_id,
            "symbol": ticket.symbol,
            "side": "buy" if ticket.quantity > 0 else "sell",
            "quantity": to_shares(abs(ticket.quantity)),
            "order_type": "market" if ticket.limit_price is None else "limit",
            "limit_price": ticket.limit_price,
            "time_in_force": "day",
            "reason": ticket.reason,
            "verdict": ticket.verdict,
            "reference_price": ticket.reference_price,
            "target_weight": ticket.target_weight,
        }
        for ticket in tickets
    ]
    return pd.DataFrame(rows, columns=list(ORDERS.column_names))


def tickets_of(orders: pa.Table) -> list[Ticket]:
    """The tickets that rows of the orders table hold."""
    return [
        Ticket(
            session=row["session"],
            client_order_id=row["client_order_id"],
            symbol=row["symbol"],
            quantity=to_units(row["quantity"]) * (1 if row["side"] == "buy" else -1),
            reference_price=row["reference_price"],
            target_weight=row["target_weight"],
            reason=row["reason"],
            verdict=row["verdict"],
            limit_price=row["limit_price"] if row["order_type"] == "limit" else None,
        )
        for row in orders.to_pylist()
    ]
