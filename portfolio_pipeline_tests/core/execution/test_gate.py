"""The gate before the broker: which stored tickets may be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pyarrow as pa

from portfolio_pipeline.core.books.book import Book, to_cents
from portfolio_pipeline.core.execution.gate import Gate, judge_submission
from portfolio_pipeline.core.execution.orders import Plan, plan
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import bars_by_session
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets, session_targets
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline_tests.trading import ROOMY, first_sessions, market, settings, wanted

HOUSE = settings(limits=Limits(symbol=0.6, turnover=2.0, asset_class=ROOMY))
DAYS = tuple(first_sessions(10))
ARROW = {n: pa.Table.from_pandas(r, preserve_index=False) for n, r in wanted(1, first_sessions(10), HOUSE).items()}
BARS = bars_by_session(pa.Table.from_pandas(market(1, first_sessions(10)), preserve_index=False))


def targets() -> dict[date, SessionTargets]:
    return session_targets(ARROW["aggregated_targets"], ARROW["strategy_targets"], ARROW["strategy_weights"])


def cash() -> Book:
    return Book(to_cents(1_000_000))


def planned(wishes: dict[date, SessionTargets]) -> Plan:
    return plan("SIMULATED", DAYS, cash(), wishes, BARS, HOUSE)


def judged(tickets: Sequence[Ticket], wishes: dict[date, SessionTargets], book: Book | None = None) -> Gate:
    return judge_submission("SIMULATED", DAYS, tickets, book or cash(), wishes, BARS, HOUSE)


def test_what_was_planned_may_be_sent() -> None:
    wishes = targets()
    tickets = planned(wishes).tickets
    gate = judged(tickets, wishes)
    assert gate.sendable == tickets
    assert gate.failed_at(DAYS[-1]) is None


def test_a_refusal_that_the_planner_foresaw_is_history_unless_it_is_the_newest() -> None:
    wishes = targets()
    wishes[DAYS[4]].weights["AAA"] = 0.9
    gate = judged(planned(wishes).tickets, wishes)
    assert {ticket.session for ticket in gate.refused} == {DAYS[4]}
    assert gate.stopped_at is None
    assert gate.failed_at(DAYS[-1]) is None
    assert gate.failed_at(DAYS[4]) == DAYS[4]
    assert "REFUSED_WHEN_PLANNED" in gate.why(DAYS[4])
    assert {ticket.session for ticket in gate.sendable} >= {DAYS[3], DAYS[5]}


def test_from_a_refusal_that_nobody_foresaw_nothing_more_is_sent() -> None:
    wishes = targets()
    tickets = planned(wishes).tickets
    wishes[DAYS[4]].weights["AAA"] = 0.9
    gate = judged(tickets, wishes)
    assert gate.stopped_at == gate.failed_at(DAYS[-1]) == DAYS[4]
    assert {ticket.session for ticket in gate.sendable} == set(DAYS[:4])
    assert "PLANNED_ON_A_REFUSED_SESSION" in gate.why(DAYS[5])


def test_a_ticket_that_is_not_what_its_identifier_says_is_refused() -> None:
    wishes = targets()
    tickets = list(planned(wishes).tickets)
    tickets[0] = replace(tickets[0], quantity=tickets[0].quantity + 1)
    gate = judged(tickets, wishes)
    assert gate.stopped_at == tickets[0].session
    assert "TICKET_ALTERED" in gate.why(tickets[0].session)
    assert gate.sendable == ()


def test_a_plan_for_another_account_is_refused() -> None:
    """The account has lost most of its money since: the same tickets would be far beyond every limit."""
    wishes = targets()
    gate = judged(planned(wishes).tickets, wishes, book=Book(to_cents(50_000)))
    assert gate.stopped_at == DAYS[0]
    assert gate.sendable == ()


def test_tickets_without_targets_or_prices_are_refused() -> None:
    wishes = targets()
    tickets = planned(wishes).tickets
    without = {day: wish for day, wish in wishes.items() if day != DAYS[0]}
    assert "TARGETS_MISSING" in judged(tickets, without).why(DAYS[0])
    stranger = replace(tickets[0], symbol="XYZ")
    assert "NO_PRICE: symbol=XYZ" in judged([stranger], wishes).why(DAYS[0])


def test_a_session_without_tickets_has_nothing_to_refuse() -> None:
    wishes = targets()
    wishes[DAYS[4]].weights["AAA"] = 0.9
    assert judged([], wishes).findings == {}
