"""The gate before the broker: which stored tickets may be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents
from portfolio_pipeline.core.execution.gate import Gate, judge_submission
from portfolio_pipeline.core.execution.orders import Plan, client_order_id, plan
from portfolio_pipeline.core.execution.seals import Sealed, Sealer
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


def test_what_orders_bring_near_a_limit_is_noted_when_asked_and_stops_nothing() -> None:
    weights = {"AAA": 0.18, "BBB": 0.15}
    wishes = {DAYS[0]: SessionTargets(weights, weights)}
    house = settings(limits=Limits(symbol=0.2, asset_class=ROOMY))
    tickets = plan("SIMULATED", DAYS[:1], cash(), wishes, BARS, house).tickets
    told, silent = (
        judge_submission("SIMULATED", DAYS[:1], tickets, cash(), wishes, BARS, house, near=near) for near in (0.8, None)
    )
    assert told.sendable == silent.sendable == tickets != ()
    assert [(note.subject, note.rule, note.limit) for note in told.notes[DAYS[0]]] == [("AAA", "symbol", 0.2)]
    assert not silent.notes


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


def test_one_refused_ticket_refuses_its_session_as_foreseen() -> None:
    wishes = targets()
    tickets = list(planned(wishes).tickets)
    place = next(n for n, one in enumerate(tickets) if one.session == TODAY)
    assert sum(one.session == TODAY for one in tickets) > 1
    tickets[place] = replace(tickets[place], verdict="refused")
    gate = judged(tickets, wishes)
    assert TODAY not in {one.session for one in gate.sendable}
    assert gate.stopped_at is None or gate.stopped_at > TODAY
    assert [found.rule for found in gate.findings[TODAY]] == ["verdict"]


def test_what_is_not_as_planned_says_what_was_found_and_what_planning_now_comes_to() -> None:
    limits = Limits(symbol=0.4, turnover=2.0, asset_class=ROOMY, order_equity=1.0)
    wishes = {day: SessionTargets({"AAA": 0.3, "BBB": 0.1}) for day in (YESTERDAY, TODAY)}
    less = replace(ticket("AAA", 20_000, 0.3), limit_price=10.0)
    gate = quiet(limits, wishes, [less])
    told = {found.subject: found.message for found in gate.findings[TODAY] if found.rule == "plan"}
    assert told == {
        "AAA": "NOT_AS_PLANNED: symbol=AAA, found=20000 at 10 limit 10 for 30.0000%,"
        " planned_now=30000 at 10 for 30.0000%",
        "BBB": "NOT_AS_PLANNED: symbol=BBB, found=no order, planned_now=10000 at 10 for 10.0000%",
    }
    assert [found.subject for found in gate.findings[TODAY] if found.rule == "ticket"] == ["AAA"]


def test_the_seals_are_asked_until_a_session_is_refused_and_then_no_more() -> None:
    wishes = targets()
    sealer = Sealer(b"a secret", HOUSE)
    tickets = plan("SIMULATED", DAYS, cash(), wishes, BARS, HOUSE, sealer)
    seals = {seal.client_order_id: seal for seal in tickets.seals}
    broken = next(one for one in tickets.tickets if one.session == TODAY)
    seals[broken.client_order_id] = replace(seals[broken.client_order_id], ticket="forged")
    sealed = Sealed(sealer, seals)
    gate = judge_submission("SIMULATED", DAYS, tickets.tickets, cash(), wishes, BARS, HOUSE, sealed=sealed)
    assert gate.stopped_at == TODAY
    assert [found.rule for found in gate.findings[TODAY]] == ["sealed_seal"]
    later = [day for day in gate.findings if day > TODAY]
    assert later
    assert {found.rule for day in later for found in gate.findings[day]} == {"plan"}


def test_a_holding_is_noted_while_it_may_come_back_and_only_where_there_are_orders() -> None:
    wishes = {day: SessionTargets({"AAA": 0.1, "OLD": 0.0}) for day in (YESTERDAY, TODAY)}
    house = settings(limits=Limits(symbol=0.4, turnover=2.0, asset_class=ROOMY))
    for missed, noted in ((1, True), (2, True), (3, False)):
        book = Book(to_cents(1e6), {"CCC": Position(SHARE, 1.0, 1.0, missed)})
        wishes[TODAY].weights["CCC"] = 0.0
        gate = judge_submission("SIMULATED", [TODAY], [ticket("AAA", 10_000, 0.1)], book, wishes, QUIET, house)
        assert bool(gate.notes) == noted
        assert ("HELD_WITHOUT_BAR" in gate.why(TODAY)) != noted
        assert judge_submission("SIMULATED", [TODAY], [], book, wishes, QUIET, house).notes == {}


def test_a_gate_without_notes_has_none() -> None:
    gate = Gate((), (), {}, None)
    assert gate.notes == {}
    assert gate.why(TODAY) == ""
    assert gate.failed_at(TODAY) is None


def test_other_orders_that_the_broker_has_are_counted_and_the_first_is_named() -> None:
    limits = Limits(symbol=0.4, turnover=2.0, asset_class=ROOMY)
    wishes = {day: SessionTargets({"AAA": 0.1}) for day in (YESTERDAY, TODAY)}
    house = settings(limits=limits)
    [own] = plan("SIMULATED", [TODAY], cash(), wishes, QUIET, house).tickets
    for sent, told in (
        ([own.client_order_id], ""),
        ([], ""),
        (["z", own.client_order_id, "b"], "ALREADY_SENT: 2 other orders, the first b"),
    ):
        gate = judge_submission("SIMULATED", [TODAY], [own], cash(), wishes, QUIET, house, {TODAY: sent})
        assert gate.why(TODAY) == told
        nothing = judge_submission("SIMULATED", [TODAY], [], cash(), wishes, QUIET, house, {TODAY: sent})
        assert nothing.findings == {}
