"""What the account's own book calls for: its real drawdown, and stops on what was really paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Position
from portfolio_pipeline.core.calendar.sessions import sessions_between
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.execution.account_risk import AccountWatch
from portfolio_pipeline.core.execution.orders import plan, plan_session
from portfolio_pipeline.core.market.bars import Bar, Bars, SessionBars
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.breaches import Breach, blocking
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline_tests.trading import OPEN, settings

DAYS = sessions_between(date(2024, 1, 2), date(2024, 12, 31))
HOUSE = settings(
    limits=Limits(symbol=1.0, turnover=0.5, asset_class=OPEN, drawdown=0.15, position_stop=0.12, order_equity=2.0)
).model_copy(update={"responses": Responses(cool_down=2, step_sessions=1)})
NORMAL = Standing(since=DAYS[0], sessions=5)


def bars(**closes: float) -> Bars:
    return SessionBars({symbol: Bar(close, close, close, close, 1e9) for symbol, close in closes.items()})


def targets(**weights: float) -> SessionTargets:
    return SessionTargets(weights, dict(weights))


def book(price: float = 100.0, paid: float = 100.0, shares: int = 500) -> Book:
    """Half in AAA at the beginning, half in cash."""
    return Book(50_000_00, {"AAA": Position(shares * SHARE, paid, price)} if shares else {})


def watch(
    portfolio: Mapping[int, Standing] | Standing = NORMAL, before: Mapping[str, Standing] | None = None
) -> AccountWatch:
    by_day = {DAYS[k]: portfolio for k in range(40)} if isinstance(portfolio, Standing) else {}
    if not isinstance(portfolio, Standing):
        by_day = {DAYS[k]: standing for k, standing in portfolio.items()}
    return AccountWatch(before or {}, by_day)


def answer(
    one: AccountWatch, place: int, held: Book, asked: SessionTargets, today: Bars, house: Settings = HOUSE
) -> tuple[SessionTargets, tuple[Breach, ...]]:
    return one.answer(DAYS[place], held, asked, {}, today, house)


def test_a_position_that_lost_more_than_its_stop_of_what_was_paid_is_sold_and_says_so() -> None:
    left, found = answer(watch(), 0, book(87.9), targets(AAA=0.5), bars(AAA=87.9))
    assert left.weights == {"AAA": 0.0}
    assert left.eased
    assert "position_stop 0.121, limit 0.12" in left.reasons["AAA"]
    (told,) = [breach for breach in found if breach.rule == "position_stop"]
    assert (told.subject, told.severity, told.limit) == ("AAA", "cut", 0.12)
    (ticket,), _ = plan_session("SIMULATED", DAYS[0], book(87.9), left, bars(AAA=87.9), HOUSE)
    assert ticket.quantity == -500 * SHARE


def test_what_there_was_before_may_stay_where_nothing_may_be_added() -> None:
    """Targets of the session before are what is too large is judged by, in a plan over both."""
    still = Standing("reduced", DAYS[0], 5, 0, 1.0, False, 0.9, 1.0, "drawdown", 0.1, 0.1)
    for second, verdict in ((0.45, "accepted"), (0.55, "refused")):
        asked = {DAYS[0]: targets(AAA=0.5), DAYS[1]: targets(AAA=second)}
        market = {day: bars(AAA=100.0) for day in asked}
        watched = watch({0: NORMAL, 1: still})
        found = plan("SIMULATED", tuple(asked), book(shares=500), asked, market, HOUSE, watch=watched)
        told = [ticket for ticket in found.tickets if ticket.session == DAYS[1]]
        assert [ticket.verdict for ticket in told] == [verdict]


def test_at_the_stop_itself_it_stays_and_a_cheap_entry_is_not_stopped_by_an_old_price() -> None:
    assert answer(watch(), 0, book(88.0), targets(AAA=0.5), bars(AAA=88.0))[0].weights == {"AAA": 0.5}
    assert answer(watch(), 0, book(60.0, paid=65.0), targets(AAA=0.5), bars(AAA=60.0))[0].weights == {"AAA": 0.5}


def test_a_regime_brings_the_stop_nearer_for_its_session_alone() -> None:
    one = replace(watch(), stops={DAYS[0]: 0.5})
    left, found = answer(one, 0, book(93.9), targets(AAA=0.5), bars(AAA=93.9))
    assert left.weights == {"AAA": 0.0}
    assert [breach.limit for breach in found if breach.rule == "position_stop"] == [0.06]
    other = replace(watch(), stops={DAYS[0]: 0.5})
    assert answer(other, 1, book(93.9), targets(AAA=0.5), bars(AAA=93.9))[0].weights == {"AAA": 0.5}


def test_a_short_sale_is_stopped_by_a_rise() -> None:
    held = Book(150_000_00, {"AAA": Position(-100 * SHARE, 100.0, 113.0)})
    left, _ = answer(watch(), 0, held, targets(AAA=-0.1), bars(AAA=113.0))
    assert left.weights == {"AAA": 0.0}


def test_it_is_not_bought_again_before_the_cool_down_is_over() -> None:
    one, bought = watch(), []
    answer(one, 0, book(80.0), targets(AAA=0.5), bars(AAA=80.0))
    for place in range(1, 5):
        left, _ = answer(one, place, Book(90_000_00), targets(AAA=0.5), bars(AAA=80.0))
        bought.append(left.weights["AAA"])
    assert bought == [0.0, 0.0, 0.5, 0.5]


def test_a_target_of_nothing_ends_the_wait() -> None:
    one = watch()
    answer(one, 0, book(80.0), targets(AAA=0.5), bars(AAA=80.0))
    answer(one, 1, Book(90_000_00), targets(AAA=0.0), bars(AAA=80.0))
    left, _ = answer(one, 2, Book(90_000_00), targets(AAA=0.5), bars(AAA=80.0))
    assert left.weights == {"AAA": 0.5}


def test_what_could_not_be_sold_is_sold_further_whatever_its_price_does() -> None:
    one = watch()
    answer(one, 0, book(80.0), targets(AAA=0.5), bars(AAA=80.0))
    left, _ = answer(one, 1, book(99.0, shares=250), targets(AAA=0.5), bars(AAA=99.0))
    assert left.weights == {"AAA": 0.0}


def test_a_stop_may_be_told_alone() -> None:
    house = HOUSE.model_copy(update={"responses": Responses(position_stop="alert_only")})
    left, found = answer(watch(), 0, book(80.0), targets(AAA=0.5), bars(AAA=80.0), house)
    assert left.weights == {"AAA": 0.5}
    assert [breach.severity for breach in found if breach.rule == "position_stop"] == ["warning"]


def test_the_account_is_liquidated_though_paper_is_better_and_at_once() -> None:
    one = watch()
    answer(one, 0, book(paid=50.0), targets(AAA=0.5), bars(AAA=100.0))
    held = book(65.0, paid=50.0)  # 82,500 of 100,000
    left, found = answer(one, 1, held, targets(AAA=0.5, BBB=0.3), bars(AAA=65.0, BBB=10.0))
    assert left.weights == {"AAA": 0.0, "BBB": 0.0}
    assert [(breach.rule, breach.severity) for breach in found] == [("account_drawdown", "cut")]
    tickets, _ = plan_session("SIMULATED", DAYS[1], held, left, bars(AAA=65.0, BBB=10.0), HOUSE)
    assert [(ticket.symbol, ticket.quantity) for ticket in tickets] == [("AAA", -500 * SHARE)]


def test_the_account_comes_back_in_steps_from_a_peak_of_its_own() -> None:
    one = watch()
    answer(one, 0, book(paid=50.0), targets(AAA=0.4), bars(AAA=100.0))
    factors = []
    for place in range(1, 10):
        left, _ = answer(one, place, Book(80_000_00), targets(AAA=0.4), bars(AAA=65.0))
        factors.append(left.weights["AAA"])
    assert factors == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    assert one.before["account"].peak == 80_000.0


def test_it_waits_for_paper_where_paper_is_worse() -> None:
    worse = replace(NORMAL, equity=0.9)
    one = watch({0: NORMAL, 1: NORMAL, **dict.fromkeys(range(2, 9), worse), **dict.fromkeys(range(9, 14), NORMAL)})
    answer(one, 0, book(paid=50.0), targets(AAA=0.4), bars(AAA=100.0))
    states = []
    for place in range(1, 14):
        answer(one, place, Book(80_000_00), targets(AAA=0.4), bars(AAA=65.0))
        states.append(one.before["account"].state)
    assert states[:8] == ["liquidated"] * 8
    assert states[8:] == ["cooling", "cooling", "re_entering", "re_entering", "re_entering"]


def test_what_the_portfolio_has_taken_is_not_taken_twice() -> None:
    entering = Standing("re_entering", DAYS[0], 2, 1, 0.25, rule="drawdown")
    account = Standing("re_entering", DAYS[0], 1, 2, 0.5, equity=1e5, peak=1e5, rule="account_drawdown")
    one = watch(entering, {"account": account})
    asked = SessionTargets({"AAA": 0.1}, {"AAA": 0.4})
    house = HOUSE.model_copy(update={"responses": Responses(cool_down=2, step_sessions=5)})
    left, _ = answer(one, 1, Book(100_000_00), asked, bars(AAA=100.0), house)
    assert left.weights == {"AAA": 0.1}


def test_targets_beyond_what_the_portfolio_state_allows_are_refused() -> None:
    out = Standing("liquidated", DAYS[0], 3, 0, 0.0, False, 0.8, 1.0, "drawdown", 0.2, 0.15)
    _, found = answer(watch(out), 0, book(), targets(AAA=0.01), bars(AAA=100.0))
    (refusal,) = blocking(found)
    assert refusal.message == "TARGET_BEYOND_STATE: symbol=AAA, found=0.01, limit=0, state=liquidated"


def test_a_session_whose_state_nobody_knows_is_not_planned() -> None:
    with pytest.raises(SessionError, match="RISK_STATE_MISSING"):
        answer(watch({}), 0, book(), targets(AAA=0.1), bars(AAA=100.0))


def test_stopped_positions_pass_the_turnover_limit_and_what_is_bought_does_not() -> None:
    held = Book(10_000_00, {"AAA": Position(900 * SHARE, 120.0, 100.0)})
    today = bars(AAA=100.0, BBB=10.0)
    left, _ = answer(watch(), 0, held, targets(AAA=0.9, BBB=0.9), today)
    tickets, _ = plan_session("SIMULATED", DAYS[0], held, left, today, HOUSE)
    assert [(ticket.symbol, ticket.quantity) for ticket in tickets] == [("AAA", -900 * SHARE)]
