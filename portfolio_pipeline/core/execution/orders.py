"""Planning: from the targets and the account at a close to the tickets for the next session. Pure.

Over a range the planner carries the account on by itself, with the fill model of the simulated market applied to
its own tickets: the tenth day's plan is the one that ten daily runs would have made. A session whose targets or
tickets break a limit is refused as a whole, and nothing of it is executed then. Judging tickets again before they are
sent is done in `gate`; what a ticket is, is said in `tickets`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from portfolio_pipeline.core.books.book import Book, value
from portfolio_pipeline.core.books.fills import Side
from portfolio_pipeline.core.calendar.sessions import previous_session
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.execution.account_risk import AccountWatch
from portfolio_pipeline.core.execution.costs import expected_costs
from portfolio_pipeline.core.execution.fill_model import play_session
from portfolio_pipeline.core.execution.order_types import order_form
from portfolio_pipeline.core.execution.order_verdicts import judge_orders
from portfolio_pipeline.core.execution.seals import Seal, Sealer
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.execution.tickets import Ticket, TimeInForce
from portfolio_pipeline.core.execution.trades import trades_towards
from portfolio_pipeline.core.execution.verdicts import judge_targets, judge_trades
from portfolio_pipeline.core.market.bars import NO_BARS, Bars
from portfolio_pipeline.core.market.past import Pasts
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.portfolio.session_targets import NO_TARGETS, SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach, blocking

_STRATEGIES_NAMED = 3


@dataclass(frozen=True)
class Plan:
    """The tickets of a range of sessions, and what the limits found, by session."""

    tickets: tuple[Ticket, ...]
    findings: Mapping[date, tuple[Breach, ...]]
    turnover: Mapping[date, float]
    """Bought plus sold as planned, as a fraction of equity."""
    seals: tuple[Seal, ...] = ()
    expected: tuple[tuple[object, ...], ...] = ()
    """What the tickets are expected to cost, as rows."""


def client_order_id(
    mode: str,
    session: date,
    symbol: str,
    quantity: int,
    limit_price: float | None = None,
    time_in_force: TimeInForce = TimeInForce.DAY,
) -> str:
    """The order's identifier, unique for good: a pure function of what is intended, without clock or counter."""
    intended = json.dumps([mode, str(session), symbol, quantity, limit_price, str(time_in_force)])
    intent = hashlib.sha256(intended.encode()).hexdigest()
    return f"{mode}-account-{session:%Y%m%d}-{symbol}-{Side.of(quantity)}-1-{intent[:16]}"


def session_of(mode: str, name: str) -> date | None:
    """The session that a `client_order_id` of this mode was planned in; None for the name of anything else."""
    found = re.match(rf"{re.escape(mode)}-account-(\d{{8}})-", name)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def plan(
    mode: str,
    sessions: Iterable[date],
    book: Book,
    targets: Mapping[date, SessionTargets],
    bars: Mapping[date, Bars],
    terms: TradingTerms,
    sealer: Sealer | None = None,
    watch: AccountWatch | None = None,
) -> Plan:
    """Plan every session of the range. `book` is the account at the close of the first one, and is carried on in
    place.

    `watch` answers for the account's own book, and remembers what it did; without it nothing is answered. `targets`
    also hold the session before the first, when there is one; `bars` the sessions before it that prices and limits look
    back on. A session without targets is refused: doing
    as if nothing were wanted would sell everything. So is one whose targets leave out a symbol that is held.
    """
    tickets: list[Ticket] = []
    findings: dict[date, tuple[Breach, ...]] = {}
    turnover: dict[date, float] = {}
    seals: list[Seal] = []
    expected: list[tuple[object, ...]] = []
    standing: list[Ticket] | None = None
    pasts = Pasts.of_bars(bars, terms.asset_classes)
    for session in sessions:
        if session not in targets:
            raise SessionError(
                "TARGETS_MISSING", session=session, remedy="Materialise aggregated_targets for it first."
            )
        today = bars.get(session, NO_BARS)
        if standing is not None:
            orders = [ticket.order for ticket in standing]
            play_session(book, orders, today, terms.costs, terms.simulated_broker)
        recent = RecentMarket(session, bars, past=pasts.at(session))
        wanted, before = targets[session], previous_targets(targets, session)
        found = judge_targets(wanted.weights, before, terms, recent.past)
        if watch is not None:
            wanted, answered = watch.answer(session, book, wanted, before, today, terms)
            found += answered
        planned, cuts = plan_session(mode, session, book, wanted, today, terms, recent)
        found += cuts
        found += judge_trades(book, {ticket.symbol: ticket.quantity for ticket in planned}, today, terms, recent.past)
        found += judge_orders(planned, book, wanted, today, terms, recent)
        if blocking(found):
            planned = [replace(ticket, verdict="refused") for ticket in planned]
        if found:
            findings[session] = found
        standing = [ticket for ticket in planned if ticket.verdict == "accepted"]
        tickets += planned
        expected += expected_costs(planned, terms, recent)
        if sealer is not None:
            seals += sealer.seals(session, planned, book, wanted, today)
        worth = sum(ticket.notional for ticket in planned)
        turnover[session] = worth / max(book.equity, 1)
    return Plan(tuple(tickets), findings, turnover, tuple(seals), tuple(expected))


def previous_targets(targets: Mapping[date, SessionTargets], session: date) -> Mapping[str, float]:
    """The targets of the session before; none before the very first, when the book is all cash."""
    before = previous_session(session)
    return targets.get(before, NO_TARGETS).weights if before else {}


def plan_session(
    mode: str,
    session: date,
    book: Book,
    targets: SessionTargets,
    bars: Bars,
    terms: TradingTerms,
    recent: RecentMarket | None = None,
) -> tuple[list[Ticket], tuple[Breach, ...]]:
    """One session's tickets, sells first, in the order of their symbols; and what limits cut."""
    trades, cuts = trades_towards(targets, book, bars, terms, recent or RecentMarket(session))
    equity = max(book.equity, 1)

    def ticket(symbol: str, quantity: int) -> Ticket:
        price = bars[symbol].close
        form = order_form(terms.orders, quantity, price)
        reason = _reason(symbol, value(book.quantity(symbol), price) / equity, targets)
        return Ticket(
            session=session,
            client_order_id=client_order_id(mode, session, symbol, quantity, form.limit_price, form.time_in_force),
            symbol=symbol,
            quantity=quantity,
            reference_price=price,
            target_weight=targets.weights[symbol],
            reason=f"{reason}; {form.note}" if form.note else reason,
            limit_price=form.limit_price,
            time_in_force=form.time_in_force,
        )

    ordered = sorted(trades.items(), key=lambda item: (item[1] > 0, item[0]))
    return [ticket(symbol, quantity) for symbol, quantity in ordered], cuts


def _reason(symbol: str, held: float, targets: SessionTargets) -> str:
    wanted = targets.weights[symbol]
    asking = [(name, weights[symbol]) for name, weights in targets.contributions.items() if weights.get(symbol)]
    asking.sort(key=lambda item: (-abs(item[1]), item[0]))
    names = ", ".join(f"{name} {weight:+.2%}" for name, weight in asking[:_STRATEGIES_NAMED])
    more = f", {len(asking) - _STRATEGIES_NAMED} more" if len(asking) > _STRATEGIES_NAMED else ""
    who = f": {names}{more}" if names else ": no strategy wants it"
    cut = f" (cut: {targets.reasons[symbol]})" if symbol in targets.reasons else ""
    closed = "; closed first, the other side follows at the next close" if wanted * held < 0 else ""
    return f"want {wanted:.2%}, hold {held:.2%}{who}{cut}{closed}"
