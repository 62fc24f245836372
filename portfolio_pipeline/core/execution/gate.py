"""The last look before money moves: which sessions' tickets may be sent, judged on what is stored and on the fresh
account.

A blocking asset check binds only its own run; whoever materialises submissions alone still comes through here.
Nothing is sent, read or written here. Nobody is trusted: besides every limit there is (`verdicts`, `order_verdicts`),
the session is planned once more, from the targets, account, bars and settings as they are now, and a ticket that would
not come out again is refused. What was sent for a session stands: other orders in its place are a revision, which is
an act of its own.

How a refusal counts. The planner's own verdict is *foreseen*: later sessions of the range were planned without
those orders, so in a range they go on. Anything else means that what is stored is no longer what was planned
(limits, targets or tickets have changed, or the account is another one): from there on nothing of the range may be
sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from portfolio_pipeline.core.books.book import Book, to_shares
from portfolio_pipeline.core.execution.account_risk import AccountWatch
from portfolio_pipeline.core.execution.by_hand.hands import Hands, said_in
from portfolio_pipeline.core.execution.by_hand.instructions import Instructions
from portfolio_pipeline.core.execution.fill_model import play_session
from portfolio_pipeline.core.execution.order_verdicts import (
    NO_QUOTES,
    Quotes,
    held_without_bar,
    is_unpaid,
    judge_orders,
)
from portfolio_pipeline.core.execution.orders import client_order_id, plan_session, previous_targets
from portfolio_pipeline.core.execution.seals import Sealed
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.execution.tickets import Ticket, TimeInForce, by_session
from portfolio_pipeline.core.execution.verdicts import judge_targets, judge_trades
from portfolio_pipeline.core.market.bars import NO_BARS, Bars
from portfolio_pipeline.core.market.past import Pasts
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.portfolio.session_targets import NO_TARGETS, SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach, blocking
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.limits.check import is_near


@dataclass(frozen=True)
class Gate:
    """What may be sent and what not, with the reasons."""

    sendable: tuple[Ticket, ...]
    refused: tuple[Ticket, ...]
    findings: Mapping[date, tuple[Breach, ...]]
    stopped_at: date | None
    """The first session whose refusal the planner did not foresee."""
    notes: Mapping[date, tuple[Breach, ...]] = field(default_factory=dict)
    """What a person should know of sessions with orders, and what stops nothing."""
    held_back: tuple[tuple[Ticket, str], ...] = ()
    """Orders that nothing forbids and that are not sent, and why: canceled by hand, or not approved."""

    def failed_at(self, last: date) -> date | None:
        """The session to fail for, in a range that ends at `last`: an unforeseen refusal, or one of the newest session.

        What the planner refused further back in a range is history: it is recorded, and the range goes on.
        """
        if self.stopped_at is not None:
            return self.stopped_at
        return last if any(ticket.session == last for ticket in self.refused) else None

    def why(self, session: date) -> str:
        return "; ".join(finding.message for finding in blocking(self.findings.get(session, ())))


def judge_submission(
    mode: str,
    sessions: Iterable[date],
    tickets: Sequence[Ticket],
    book: Book,
    targets: Mapping[date, SessionTargets],
    bars: Mapping[date, Bars],
    terms: TradingTerms,
    sent: Mapping[date, Collection[str]] | None = None,
    quotes: Quotes = NO_QUOTES,
    sealed: Sealed | None = None,
    watch: AccountWatch | None = None,
    hands: Hands | None = None,
    near: float | None = None,
) -> Gate:
    """Judge the stored tickets of every session. `book`, the account at the first close, is carried on in place.

    `bars` also hold the sessions before the first one that limits look back on, as far as there are any. `sent` are the
    identifiers of the orders that the broker already has, by session; `quotes` its fresh prices, where it has any;
    `sealed` says what the tickets were planned on. `watch` answers for the account's own book, as it did for the
    planner; so do `hands` for what people have said. With `near`, a part of a limit, the notes tell what the orders
    bring beyond that part of it.
    """
    stored = by_session(tickets)
    sendable: list[Ticket] = []
    refused: list[Ticket] = []
    findings: dict[date, tuple[Breach, ...]] = {}
    notes: dict[date, tuple[Breach, ...]] = {}
    stopped_at: date | None = None
    held_back: list[tuple[Ticket, str]] = []
    standing: list[Ticket] | None = None
    pasts = Pasts.of_bars(bars, terms.asset_classes)
    for session in sessions:
        today, own = bars.get(session, NO_BARS), stored.get(session, [])
        if standing is not None:
            orders = [ticket.order for ticket in standing]
            outcomes = play_session(book, orders, today, terms.costs, terms.simulated_broker)
            if hands is not None:
                hands.played(session, outcomes)
        noted = tuple(b for b in held_without_bar(book, today, terms) if b.severity == "warning") if own else ()
        wanted = targets.get(session)
        if hands is not None:
            asked = hands.instruct(session, wanted or NO_TARGETS, today)
            wanted = None if wanted is None else asked
        answered: tuple[Breach, ...] = ()
        if watch is not None and wanted is not None:
            wanted, answered = watch.answer(session, book, wanted, previous_targets(targets, session), today, terms)
        recent = RecentMarket(session, bars, past=pasts.at(session))
        judged = (mode, session, own, book, targets, wanted, recent, terms, stopped_at, quotes, said_in(hands), near)
        told = _judge_session(*judged)
        found = tuple(breach for breach in told if not is_near(breach))
        noted += tuple(breach for breach in told if is_near(breach))
        if noted:
            notes[session] = noted
        found += blocking(answered) if own and stopped_at is None else ()
        if sealed is not None and stopped_at is None:
            found += sealed.judge(session, own, book, wanted or NO_TARGETS, today)
        found += _revision(own, (sent or {}).get(session, ()))
        if found:
            findings[session] = found
        stops = bool(blocking(found))
        if stops and stopped_at is None and not any(ticket.verdict == "refused" for ticket in own):
            stopped_at = session
        standing = [] if stops else own
        if hands is not None and standing:
            unpaid = partial(is_unpaid, book=book, bars=today, terms=terms)
            waiting = hands.held_back(session, own, book, unpaid)
            held_back += [(one, waiting[one.client_order_id]) for one in own if one.client_order_id in waiting]
            standing = [ticket for ticket in own if ticket.client_order_id not in waiting]
        sendable += standing
        refused += own if stops else ()
    return Gate(tuple(sendable), tuple(refused), findings, stopped_at, notes, tuple(held_back))


def _judge_session(
    mode: str,
    session: date,
    tickets: Sequence[Ticket],
    book: Book,
    targets: Mapping[date, SessionTargets],
    answered: SessionTargets | None,
    recent: RecentMarket,
    terms: TradingTerms,
    stopped_at: date | None,
    quotes: Quotes,
    said: Instructions,
    near: float | None,
) -> tuple[Breach, ...]:
    if not tickets:
        return ()
    bars = recent.bars.get(session, NO_BARS)
    if stopped_at is not None:
        return (_block("plan", f"PLANNED_ON_A_REFUSED_SESSION: session={stopped_at}"),)
    found: tuple[Breach, ...] = ()
    if any(ticket.verdict == "refused" for ticket in tickets):
        found += (_block("verdict", "REFUSED_WHEN_PLANNED: the reasons are in risk_breaches at level orders"),)
    for ticket in tickets:
        intent = (ticket.symbol, ticket.quantity, ticket.limit_price, ticket.time_in_force)
        expected = client_order_id(mode, session, *intent)
        if ticket.client_order_id != expected:
            message = f"TICKET_ALTERED: client_order_id={ticket.client_order_id}, expected={expected}"
            found += (_block("ticket", message, ticket.symbol),)
    if session not in targets:
        found += (_block("targets", "TARGETS_MISSING: there are orders, but no aggregated_targets"),)
    else:
        found += judge_targets(targets[session].weights, previous_targets(targets, session), terms, recent.past)
    trades: dict[str, int] = {}
    for ticket in tickets:
        trades[ticket.symbol] = trades.get(ticket.symbol, 0) + ticket.quantity
    found += judge_trades(book, trades, bars, terms, recent.past, near=near)
    wanted = answered or NO_TARGETS
    found += judge_orders(tickets, book, wanted, bars, terms, recent, quotes)
    planned, _ = plan_session(mode, session, book, wanted, bars, terms, recent, said)
    return found + _not_as_planned(tickets, planned)


def _not_as_planned(tickets: Sequence[Ticket], planned: Sequence[Ticket]) -> tuple[Breach, ...]:
    """What is not, to the last digit, what planning now would come to."""
    stored, now = ({ticket.symbol: ticket for ticket in side} for side in (tickets, planned))
    return tuple(
        _block("plan", f"NOT_AS_PLANNED: symbol={symbol}, found={_said(one)}, planned_now={_said(other)}", symbol)
        for symbol, one, other in ((s, stored.get(s), now.get(s)) for s in sorted({*stored, *now}))
        if one is None or other is None or _intent(one) != _intent(other)
    )


def _intent(ticket: Ticket) -> tuple[object, ...]:
    form = (ticket.limit_price, ticket.time_in_force)
    return ticket.quantity, *form, ticket.reference_price, ticket.target_weight


def _said(ticket: Ticket | None) -> str:
    if ticket is None:
        return "no order"
    limit = "" if ticket.limit_price is None else f" limit {ticket.limit_price:g}"
    until = "" if ticket.time_in_force is TimeInForce.DAY else f" {ticket.time_in_force}"
    return f"{to_shares(ticket.quantity):g} at {ticket.reference_price:g}{limit}{until} for {ticket.target_weight:.4%}"


def _revision(tickets: Sequence[Ticket], sent: Collection[str]) -> tuple[Breach, ...]:
    """One intent is one order for its session: what the broker has is among what is to be sent, or nothing is."""
    if not tickets:
        return ()
    other = sorted(set(sent) - {ticket.client_order_id for ticket in tickets})
    if not other:
        return ()
    return (_block("revision", f"ALREADY_SENT: {len(other)} other orders, the first {other[0]}"),)


def _block(rule: str, message: str, subject: str = PORTFOLIO) -> Breach:
    return Breach(subject, rule, "block", None, None, message)
