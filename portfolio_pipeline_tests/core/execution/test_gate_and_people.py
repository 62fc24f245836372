"""What people have said, and what the account's own book calls for, at the gate: it plans the session once more with
both, lets pass what the planner came to, and holds back what waits for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents
from portfolio_pipeline.core.books.strategy_books import Ledger
from portfolio_pipeline.core.execution.account_risk import AccountWatch
from portfolio_pipeline.core.execution.by_hand.approvals import Approvals, Decision
from portfolio_pipeline.core.execution.by_hand.hands import Books, Hands
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction, Instructions
from portfolio_pipeline.core.execution.gate import Gate, judge_submission
from portfolio_pipeline.core.execution.orders import Plan, plan
from portfolio_pipeline.core.execution.settings import Approval
from portfolio_pipeline.core.market.bars import Bar, SessionBars
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline_tests.core.execution.test_gate import BARS, DAYS, HOUSE, cash, targets
from portfolio_pipeline_tests.trading import OPEN, STRATEGIES, settings

AT = datetime.fromisoformat("2020-02-03T22:00:00")
ROOMY = settings(
    limits=Limits(symbol=1.0, turnover=2.0, asset_class=OPEN, order_volume=1.0, order_equity=1.0, days_to_exit=1000.0)
)
SHARES = {day: dict.fromkeys(STRATEGIES, 1 / 3) for day in DAYS}


def said(number: int, kind: str, day: date, strategy: str = "", symbol: str = "", **more: object) -> Instruction:
    return Instruction(number, kind, day, "me", "so", AT, strategy, symbol, **more)  # type: ignore[arg-type]


def hands(words: Sequence[Instruction] = (), terms: Approval | None = None, decided: Sequence[Decision] = ()) -> Hands:
    ledger = Ledger.opened(cash())
    buffer, patience = ROOMY.orders.cash_buffer, ROOMY.simulated_broker.delist_after_sessions
    books = Books(ledger, {}, SHARES, buffer, patience, open=False)
    return Hands(Instructions(tuple(words)), Approvals(terms or Approval(), tuple(decided)), books)


def planned(words: Sequence[Instruction]) -> Plan:
    return plan("SIMULATED", DAYS, cash(), targets(), BARS, ROOMY, hands=hands(words))


def judged(found: Plan, people: Hands | None, days: Sequence[date] = DAYS) -> Gate:
    return judge_submission("SIMULATED", days, found.tickets, cash(), targets(), BARS, ROOMY, hands=people)


WORDS = [
    said(1, "order", DAYS[2], "alpha", "CCC", quantity=37 * SHARE),
    said(2, "sell_all", DAYS[5], "alpha", "CCC"),
    said(3, "close", DAYS[6], "beta"),
    said(4, "withdraw", DAYS[8], withdraws=3),
]


def test_a_range_with_words_of_people_comes_out_at_the_gate_as_it_was_planned() -> None:
    found = planned(WORDS)
    gate = judged(found, hands(WORDS))
    assert gate.sendable == found.tickets
    assert (gate.findings, gate.held_back) == ({}, ())
    by_hand = [one.session for one in found.tickets if "by hand: me, so" in one.reason]
    assert {DAYS[2], DAYS[5], DAYS[6]} <= set(by_hand)


def test_a_plan_that_forgets_a_word_or_was_made_with_another_is_refused_from_there_on() -> None:
    for before, now in ((WORDS, ()), (WORDS, WORDS[:1]), ((), WORDS)):
        gate = judged(planned(before), hands(now))
        assert gate.stopped_at is not None
        assert "NOT_AS_PLANNED" in gate.why(gate.stopped_at)


def test_orders_by_hand_without_targets_are_refused_for_want_of_them() -> None:
    found = planned(WORDS[:1])
    without = {day: wish for day, wish in targets().items() if day != DAYS[2]}
    gate = judge_submission("SIMULATED", DAYS[:3], found.tickets, cash(), without, BARS, ROOMY, hands=hands(WORDS[:1]))
    assert gate.stopped_at == DAYS[2]
    assert "TARGETS_MISSING" in gate.why(DAYS[2])


def test_what_waits_for_a_person_is_held_back_and_nothing_is_played_of_it() -> None:
    """Where every order waits, the account stays cash, and the next session is planned for that."""
    terms = Approval(mode="all")
    found = plan("SIMULATED", DAYS, cash(), targets(), BARS, ROOMY, hands=hands(terms=terms))
    gate = judged(found, hands(terms=terms))
    assert gate.findings == {}
    assert gate.sendable == ()
    assert tuple(one for one, _ in gate.held_back) == found.tickets
    assert {why.split(":")[0] for _, why in gate.held_back} == {"WAITS_FOR_APPROVAL"}
    assert all(one.quantity > 0 for one in found.tickets)  # nothing was ever bought, so there is nothing to sell


def test_what_was_approved_goes_out_and_what_was_rejected_or_canceled_does_not() -> None:
    [day] = DAYS[:1]
    single = plan("SIMULATED", [day], cash(), targets(), BARS, ROOMY, hands=hands())
    first, second, third = single.tickets[:3]
    decided = [
        Decision(n, day, one.client_order_id, verdict, "", "why", "me", AT)  # type: ignore[arg-type]
        for n, (one, verdict) in enumerate([(first, "approved"), (second, "rejected"), (third, "approved")], start=1)
    ]
    canceled = said(1, "cancel", day, order=third.client_order_id)
    gate = judged(single, hands([canceled], Approval(mode="all"), decided), [day])
    assert gate.sendable == (first,)
    why = {one.client_order_id: told.split(":")[0] for one, told in gate.held_back}
    assert why.pop(second.client_order_id) == "REJECTED_BY_HAND"
    assert why.pop(third.client_order_id) == "CANCELED"
    assert set(why.values()) <= {"WAITS_FOR_APPROVAL"}


QUIET = {day: SessionBars({s: Bar(10.0, 10.0, 10.0, 10.0, 1e7) for s in ("AAA", "BBB")}) for day in DAYS}


def test_buys_that_a_held_back_sale_would_have_paid_wait_for_it() -> None:
    day = DAYS[4]
    wishes = {one: SessionTargets({"AAA": 0.0, "BBB": 0.9}) for one in (DAYS[3], day)}
    book = Book(to_cents(10_000), {"AAA": Position(90_000 * SHARE, 10.0, 10.0)})
    found = plan("SIMULATED", [day], replace(book), wishes, QUIET, ROOMY)
    sale, buy = found.tickets
    assert (sale.quantity < 0, buy.quantity > 0) == (True, True)
    word = said(1, "cancel", day, order=sale.client_order_id)
    people = Hands(Instructions((word,)))
    gate = judge_submission("SIMULATED", [day], found.tickets, replace(book), wishes, QUIET, ROOMY, hands=people)
    assert gate.sendable == ()
    assert dict(gate.held_back)[buy].startswith("WAITS_FOR_THE_SELLS")
    rich = replace(book, cash=to_cents(2e7))
    found = plan("SIMULATED", [day], replace(rich), wishes, QUIET, ROOMY)
    sale, buy = found.tickets
    people = Hands(Instructions((said(1, "cancel", day, order=sale.client_order_id),)))
    gate = judge_submission("SIMULATED", [day], found.tickets, replace(rich), wishes, QUIET, ROOMY, hands=people)
    assert gate.sendable == (buy,)


NORMAL = Standing(since=DAYS[0], sessions=5)
STOPS = settings(limits=Limits(symbol=0.6, turnover=2.0, asset_class=OPEN, drawdown=0.15, position_stop=0.12))


def watch(portfolio: Standing = NORMAL) -> AccountWatch:
    return AccountWatch({}, dict.fromkeys(DAYS, portfolio))


def lost() -> Book:
    return Book(to_cents(50_000), {"AAA": Position(500 * SHARE, 12.0, 10.0)})


def test_what_the_accounts_book_calls_for_is_asked_for_at_the_gate_as_when_it_was_planned() -> None:
    """A position that has lost a sixth of what was paid is sold, though its target stays."""
    day = DAYS[4]
    wishes = {one: SessionTargets({"AAA": 0.1, "BBB": 0.0}) for one in (DAYS[3], day)}
    found = plan("SIMULATED", [day], lost(), wishes, QUIET, STOPS, watch=watch())
    [ticket] = found.tickets
    assert ticket.quantity == -500 * SHARE
    for one, sendable in ((watch(), (ticket,)), (None, ())):
        gate = judge_submission("SIMULATED", [day], found.tickets, lost(), wishes, QUIET, STOPS, watch=one)
        assert gate.sendable == sendable
    without = judge_submission("SIMULATED", [day], found.tickets, lost(), {}, QUIET, STOPS, watch=watch())
    assert "TARGETS_MISSING" in without.why(day)


def test_targets_beyond_the_portfolios_state_are_refused_until_a_session_is_and_only_where_there_are_orders() -> None:
    out = replace(NORMAL, state="liquidated", factor=0.0, adds=False)
    wishes = {one: SessionTargets({"AAA": 0.1, "BBB": 0.0}, {"AAA": 0.1, "BBB": 0.0}) for one in DAYS}
    found = plan("SIMULATED", DAYS[4:6], cash(), wishes, QUIET, STOPS)
    gate = judge_submission("SIMULATED", DAYS[4:6], found.tickets, cash(), wishes, QUIET, STOPS, watch=watch(out))
    assert gate.stopped_at == DAYS[4]
    assert "TARGET_BEYOND_STATE: symbol=AAA" in gate.why(DAYS[4])
    none = judge_submission("SIMULATED", DAYS[4:6], (), cash(), wishes, QUIET, STOPS, watch=watch(out))
    assert none.findings == {}
    both = [replace(one, session=day) for one in found.tickets for day in DAYS[4:6]]
    later = judge_submission("SIMULATED", DAYS[4:6], both, cash(), wishes, QUIET, STOPS, watch=watch(out))
    assert {one.rule for one in later.findings[DAYS[5]]} == {"plan"}


def test_turnover_at_the_gate_of_a_state_is_measured_from_the_session_before() -> None:
    """What takes no new capital may keep what it had in the session before, and not more."""
    held = replace(NORMAL, state="reduced", factor=1.0, adds=False)
    wishes = {DAYS[3]: SessionTargets({"AAA": 0.1}, {"AAA": 0.1}), DAYS[4]: SessionTargets({"AAA": 0.1}, {"AAA": 0.1})}
    found = plan("SIMULATED", [DAYS[4]], cash(), wishes, QUIET, STOPS)
    gate = judge_submission("SIMULATED", [DAYS[4]], found.tickets, cash(), wishes, QUIET, STOPS, watch=watch(held))
    assert "TARGET_BEYOND_STATE" not in gate.why(DAYS[4])
    wishes[DAYS[3]] = SessionTargets({"AAA": 0.05}, {"AAA": 0.05})
    gate = judge_submission("SIMULATED", [DAYS[4]], found.tickets, cash(), wishes, QUIET, STOPS, watch=watch(held))
    assert "TARGET_BEYOND_STATE: symbol=AAA, found=0.1, limit=0.05" in gate.why(DAYS[4])


def test_the_house_of_the_other_tests_has_nobody_who_speaks() -> None:
    found = plan("SIMULATED", DAYS, cash(), targets(), BARS, HOUSE)
    gate = judge_submission("SIMULATED", DAYS, found.tickets, cash(), targets(), BARS, HOUSE, hands=Hands())
    assert gate.sendable == found.tickets


@pytest.mark.parametrize("place", [0, 3, 7])
def test_a_session_of_the_range_alone_is_planned_as_in_the_range(place: int) -> None:
    """The books that people's words are about are carried on by what was executed, session by session."""
    whole, part = planned(WORDS), hands(WORDS)
    until = plan("SIMULATED", DAYS[: place + 1], cash(), targets(), BARS, ROOMY, hands=part)
    assert until.tickets == tuple(one for one in whole.tickets if one.session <= DAYS[place])
