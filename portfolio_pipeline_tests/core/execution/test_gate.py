"""The gate before the broker: which stored tickets may be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, to_cents
from portfolio_pipeline.core.execution.gate import Gate, judge_submission
from portfolio_pipeline.core.execution.orders import Plan, client_order_id, plan
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import Bar, bars_by_session
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


TODAY, YESTERDAY = DAYS[4], DAYS[3]
QUIET = {day: {"AAA": Bar(10.0, 10.0, 10.0, 10.0, 1e7), "BBB": Bar(10.0, 10.0, 10.0, 10.0, 1e7)} for day in DAYS}


def quiet(limits: Limits, wishes: dict[date, SessionTargets], tickets: Sequence[Ticket]) -> Gate:
    house = settings(limits=limits)
    return judge_submission("SIMULATED", [TODAY], tickets, cash(), wishes, QUIET, house)


def ticket(symbol: str, shares: int, weight: float) -> Ticket:
    name = client_order_id("SIMULATED", TODAY, symbol, shares * SHARE)
    return Ticket(TODAY, name, symbol, shares * SHARE, 10.0, weight, "")


def test_two_tickets_of_one_symbol_are_judged_as_what_they_are_together() -> None:
    """Each alone is within the limit of a symbol, 40 %: both together are not."""
    limits = Limits(symbol=0.4, turnover=2.0, asset_class=ROOMY, order_equity=1.0)
    wishes = {day: SessionTargets({"AAA": 0.3}) for day in (YESTERDAY, TODAY)}
    gate = quiet(limits, wishes, [ticket("AAA", 30_000, 0.3), ticket("AAA", 20_000, 0.3)])
    assert gate.sendable == ()
    assert "TWO_TICKETS: symbol=AAA, found=2" in gate.why(TODAY)
    assert "SYMBOL_LIMIT: subject=AAA, found=0.5, limit=0.4" in gate.why(TODAY)


def test_turnover_of_targets_is_the_way_from_the_session_before() -> None:
    """From yesterday's 5 % to 30 % is more than the limit; from today's to today's would be no way at all."""
    limits = Limits(symbol=0.4, turnover=0.2, asset_class=ROOMY, order_equity=1.0)
    wishes = {DAYS[2]: SessionTargets({"AAA": 0.3}), YESTERDAY: SessionTargets({"AAA": 0.05})}
    wishes[TODAY] = SessionTargets({"AAA": 0.3})
    told = "TURNOVER_LIMIT: subject=portfolio, found=0.25, limit=0.2"
    planned = plan("SIMULATED", [TODAY], cash(), wishes, QUIET, settings(limits=limits))
    assert [str(found) for found in planned.findings[TODAY] if found.rule == "targets_turnover"] == [told]
    assert {one.verdict for one in planned.tickets} == {"refused"}
    assert told in quiet(limits, wishes, planned.tickets).why(TODAY)
    wishes[YESTERDAY].weights["AAA"] = 0.1
    planned = plan("SIMULATED", [TODAY], cash(), wishes, QUIET, settings(limits=limits))
    assert TODAY not in planned.findings
    assert quiet(limits, wishes, planned.tickets).sendable == planned.tickets


def test_before_the_first_targets_of_all_the_book_was_cash() -> None:
    limits = Limits(symbol=0.4, turnover=0.2, asset_class=ROOMY)
    planned = plan("SIMULATED", [TODAY], cash(), {TODAY: SessionTargets({"AAA": 0.21})}, QUIET, settings(limits=limits))
    assert [found.found for found in planned.findings[TODAY]] == [pytest.approx(0.21)]
