"""When capital is shared out anew: triggers against pandas, moves within all limits, a kept session to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.calendar.sessions import all_sessions, sessions_between
from portfolio_pipeline.core.portfolio.allocation.allocate import Shares, allocate, broken_limits
from portfolio_pipeline.core.portfolio.allocation.figures import covariances
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation, Group
from portfolio_pipeline.core.portfolio.rebalancing.course import Standing
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.portfolio.rebalancing.triggers import (
    is_last_of_period,
    restlessness,
    signals_of,
    with_less_capital,
)
from portfolio_pipeline_tests.core.portfolio.test_allocation import NAMES, paper

YEAR = sessions_between(date(2023, 1, 3), date(2023, 12, 29))
ROOMY = Allocation(
    method="inverse_volatility",
    minimum=0.0,
    maximum=1.0,
    daily_change=1.0,
    turnover=None,
    tracking_error=None,
    window_sessions=20,
)
TRIGGERS = ("daily", "weekly", "month_end", "quarterly", "drift", "adaptive", "manual")


def shared(
    returns: np.ndarray,
    count: int,
    rules: Rebalancing,
    allocation: Allocation = ROOMY,
    *,
    sessions: Sequence[date] = YEAR,
    after: tuple[Shares, int] | None = None,
    hands: Sequence[str] | None = None,
    **given: Any,
) -> Shares:
    """Shares of the last `count` sessions; `after`: going on from a session of other shares."""
    held, standing = None, None
    if after is not None:
        shares, row = after
        held = dict(zip(NAMES, shares.weight[row].tolist(), strict=True))
        goal = None if np.isnan(shares.decided[row]).all() else shares.decided[row]
        standing = Standing(shares.drifted[row], goal, shares.steps_left[row])
    signals = signals_of(sessions[:count], rules, returns, by_hand=hands)
    return allocate(
        returns, count, NAMES, allocation, held, rebalancing=rules, signals=signals, standing=standing, **given
    )


@pytest.mark.parametrize(("calendar", "period"), [("weekly", "W"), ("month_end", "M"), ("quarterly", "Q")])
def test_the_last_session_of_a_period_is_the_one_that_pandas_finds(calendar: str, period: str) -> None:
    sessions = pd.DatetimeIndex(pd.to_datetime(list(YEAR)))
    last = pd.Series(sessions, index=sessions).groupby(sessions.to_period(period)).max()
    found = sessions[is_last_of_period(YEAR, calendar)]
    assert list(found) == list(last)
    one_by_one = [bool(is_last_of_period((session,), calendar)[0]) for session in YEAR]
    assert one_by_one == is_last_of_period(YEAR, calendar).tolist()


def test_every_session_is_decided_anew_unless_something_else_is_said() -> None:
    returns = paper(100)
    plain = allocate(returns, 60, NAMES, Allocation(window_sessions=20), None)
    told = shared(returns, 60, Rebalancing(), Allocation(window_sessions=20))
    np.testing.assert_array_equal(told.weight, plain.weight)
    assert {one.kind for one in told.decisions} == {"moved"}
    assert [one.trigger for one in told.decisions[:2]] == [("first",), ("daily",)]
    assert np.isnan(told.decided).all()


def test_shares_move_at_the_end_of_the_month_and_stay_to_the_bit_in_between() -> None:
    returns = paper(len(YEAR) + 30)
    found = shared(returns, len(YEAR), Rebalancing(trigger=("month_end",)))
    daily = shared(returns, len(YEAR), Rebalancing())
    due = is_last_of_period(YEAR, "month_end")
    for row in range(1, len(YEAR)):
        if due[row]:
            np.testing.assert_allclose(found.weight[row], daily.requested[row], atol=1e-12)
            assert found.decisions[row].kind == "moved"
        else:
            np.testing.assert_array_equal(found.weight[row], found.weight[row - 1])
            assert (found.decisions[row].kind, found.decisions[row].turnover) == ("kept", 0.0)
            assert set(found.reason[row]) <= {"", "kept: nothing called for a decision"}
    np.testing.assert_array_equal(found.requested, daily.requested)


def test_drift_calls_where_a_plain_replay_of_the_paper_books_says_so() -> None:
    returns = 4.0 * paper(len(YEAR) + 30, seed=3)
    found = shared(returns, len(YEAR), Rebalancing(trigger=("drift",), drift=0.02))
    books = pd.Series(found.weight[0], index=NAMES)
    cash, fired = 1.0 - found.weight[0].sum(), list[int]()
    for row, earned in enumerate(returns[-len(YEAR) + 1 :], start=1):
        decided = pd.Series(found.weight[row - 1], index=NAMES)
        books = books * (1.0 + earned)
        drifted = books / (books.sum() + cash)
        if (drifted - decided).abs().max() > 0.02:
            fired.append(row)
            books, cash = pd.Series(found.weight[row], index=NAMES), 1.0 - found.weight[row].sum()
        else:
            np.testing.assert_allclose(found.drifted[row], drifted, atol=1e-12)
            np.testing.assert_array_equal(found.weight[row], found.weight[row - 1])
    assert fired == [row for row, one in enumerate(found.decisions) if "drift" in one.trigger]
    assert 3 < len(fired) < 60


def test_restlessness_is_volatility_over_its_mean_of_a_year_as_pandas_has_it() -> None:
    returns = paper(700, seed=5) * np.linspace(0.5, 2.0, 700)[:, None]
    returns[:300, 2] = np.nan
    volatility = pd.Series(np.nanmean(returns, axis=1)).rolling(21).std()
    expected = (volatility / volatility.rolling(252).mean()).fillna(1.0)
    np.testing.assert_allclose(restlessness(returns, 600), expected.iloc[-600:], rtol=1e-10)
    np.testing.assert_array_equal(restlessness(returns[:650], 1), restlessness(returns[:650], 40)[-1:])


def test_a_restless_market_lets_shares_drift_further() -> None:
    rules = Rebalancing(trigger=("adaptive",), drift=0.02)
    returns = paper(600, seed=2)
    returns[-30:] *= 3.0
    signals = signals_of(YEAR[:20], rules, returns, regime_changed=np.arange(20) == 7)
    assert (signals.drift > 0.02).all()
    assert [row for row, fired in enumerate(signals.fired) if fired == ("regime_change",)] == [7]


def test_who_may_have_less_than_before_is_a_breach() -> None:
    takes = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    capital = np.array([[1.0, 0.25], [1.0, 0.5], [1.0, 0.5], [1.0, 0.5], [1.0, 0.5]])
    paused = np.array([[False, False], [False, False], [False, False], [True, False], [False, False]])
    assert with_less_capital(takes, capital, paused).tolist() == [False, True, True, False]


def test_a_move_in_steps_goes_straight_to_what_was_decided_at_its_beginning() -> None:
    returns = paper(len(YEAR) + 30)
    found = shared(returns, len(YEAR), Rebalancing(trigger=("quarterly",), steps=4))
    (begun, *_) = np.flatnonzero(is_last_of_period(YEAR, "quarterly"))
    start, goal = found.weight[begun - 1], found.requested[begun]
    for step in range(4):
        np.testing.assert_allclose(found.weight[begun + step], start + (goal - start) * (step + 1) / 4, atol=1e-12)
        assert found.decisions[begun + step].kind == "moved"
    assert found.steps_left[begun : begun + 5] == (3, 2, 1, 0, 0)
    np.testing.assert_array_equal(found.weight[begun + 4], found.weight[begun + 3])
    assert found.decisions[begun + 4].kind == "kept"
    assert np.isnan(found.decided[begun + 3]).all()


def test_a_move_larger_than_a_day_allows_goes_on_until_it_is_there() -> None:
    returns = paper(len(YEAR) + 30)
    tight = ROOMY.model_copy(update={"daily_change": 0.01})
    first = shared(returns[:-5], 1, Rebalancing(trigger=("manual",)), ROOMY.model_copy(update={"method": "equal"}))
    rules = Rebalancing(trigger=("manual",))
    found = shared(returns, 60, rules, tight, after=(first, 0), hands=["somebody", *[""] * 59])
    goal = found.requested[0]
    assert np.abs(goal - 0.2).max() > 0.05
    np.testing.assert_allclose(found.weight[-1], goal, atol=1e-9)
    assert (np.abs(np.diff(found.weight, axis=0)) <= 0.01 + 1e-12).all()
    moved = [one.kind for one in found.decisions].index("kept")
    assert moved == int(np.ceil(np.abs(goal - 0.2).max() / 0.01))
    assert [one.who for one in found.decisions[:2]] == ["somebody", "the rule"]


@pytest.mark.parametrize("cost", [0.0, 0.0002, 0.02])
def test_the_question_of_gain_and_costs_is_the_formula_that_the_settings_promise(cost: float) -> None:
    rules = Rebalancing(trigger=("weekly",), cost_benefit=True)
    returns = paper(200, seed=4)
    exposure = np.full_like(returns, 0.8)
    allocation = ROOMY.model_copy(update={"method": "max_sharpe", "window_sessions": 60})
    found = shared(returns, 100, rules, allocation, exposure=exposure, cost=cost)
    asked = [row for row, one in enumerate(found.decisions) if not np.isnan(one.expected_gain)]
    assert asked == [row for row in range(1, 100) if is_last_of_period(YEAR, "weekly")[row]]
    for row in asked:
        window = returns[len(returns) - 100 + row + 1 - 60 : len(returns) - 100 + row + 1]
        before, wanted = found.previous[row], found.requested[row]
        covariance = covariances(window, allocation)
        mean = window.mean(axis=0)
        # Means shrink towards each other by Jorion's factor, told anew.
        inverse = np.linalg.inv(covariance / 252)
        centre = inverse.sum(axis=0) @ mean / inverse.sum()
        factor = 7 / (7 + 60 * (mean - centre) @ inverse @ (mean - centre))
        means = 252 * ((1 - factor) * mean + factor * centre)
        less = 1.5 * (wanted @ covariance @ wanted - before @ covariance @ before)
        gain = (means @ (wanted - before) - less) * 21 / 252
        assert found.decisions[row].expected_gain == pytest.approx(gain, abs=1e-9)
        costs = 0.8 * np.abs(wanted - before).sum() * cost
        assert found.decisions[row].costs == pytest.approx(costs, abs=1e-12)
        refused = gain < 1.5 * costs
        assert (found.decisions[row].kind == "refused") == refused
        if refused:
            np.testing.assert_array_equal(found.weight[row], before)
            assert "is not 1.5 times its costs" in found.decisions[row].reason
    kinds = {found.decisions[row].kind for row in asked}
    assert kinds == ({"refused"} if cost == 0.02 else {"moved", "refused"})


def test_nobody_asks_for_a_gain_where_something_was_done_by_hand() -> None:
    rules = Rebalancing(trigger=("weekly",), cost_benefit=True, cost_multiple=100.0)
    hands = ["", *["somebody"] * 9]
    found = shared(paper(60), 10, rules, hands=hands, cost=0.05)
    assert [one.kind for one in found.decisions] == ["moved"] * 10


@st.composite
def rebalancings(draw: st.DrawFn) -> Rebalancing:
    return Rebalancing(
        trigger=tuple(draw(st.sets(st.sampled_from(TRIGGERS), min_size=1))),
        drift=draw(st.floats(0.001, 0.05)),
        steps=draw(st.integers(1, 5)),
        cost_benefit=draw(st.booleans()),
    )


@st.composite
def allocations(draw: st.DrawFn) -> Allocation:
    minimum = draw(st.floats(0, 0.15))
    return Allocation(
        method=draw(st.sampled_from(["equal", "static", "inverse_volatility", "max_sharpe"])),
        minimum=minimum,
        maximum=draw(st.floats(max(minimum, 0.2), 1)),
        daily_change=draw(st.floats(0.005, 0.5)),
        turnover=draw(st.sampled_from([None, 0.02, 0.2])),
        tracking_error=draw(st.sampled_from([None, 0.003, 0.03])),
        groups={"two": Group(strategies=("a", "b"), maximum=draw(st.floats(0.35, 1)))},
        window_sessions=20,
        static={name: draw(st.floats(0, 0.2)) for name in NAMES},
        locked={"e": draw(st.floats(0, 0.2))} if draw(st.booleans()) else {},
    )


@given(rules=rebalancings(), allocation=allocations(), seed=st.integers(0, 20), pause=st.integers(5, 30))
@settings(max_examples=60, deadline=None)
def test_every_limit_holds_on_the_way_and_a_session_without_a_move_keeps_its_shares_to_the_bit(
    rules: Rebalancing, allocation: Allocation, seed: int, pause: int
) -> None:
    returns, count = paper(70, seed), 30
    paused = np.zeros((count, 5), dtype=bool)
    paused[pause:, 1] = True
    capital = np.where(paused, 0.0, 1.0)
    found = shared(returns, count, rules, allocation, capital=capital, paused=paused, cost=0.0003)
    stop = len(returns) - count
    for row in range(count):
        share = dict(zip(NAMES, found.weight[row].tolist(), strict=True))
        held = None if row == 0 else dict(zip(NAMES, found.weight[row - 1].tolist(), strict=True))
        largest = {name: 0.0 if paused[row, place] else 1.0 for place, name in enumerate(NAMES)}
        known = dict(zip(NAMES, returns[: stop + row + 1].T, strict=True))
        assert broken_limits(share, held, allocation, largest=largest, returns=known) == ()
        if row and found.decisions[row].kind == "kept":
            np.testing.assert_array_equal(found.weight[row], found.weight[row - 1])
        if row:
            np.testing.assert_array_equal(found.previous[row], found.weight[row - 1])
        assert found.decisions[row].turnover == pytest.approx(
            0.0 if row == 0 and not found.weight[0].any() else _bought_and_sold(found, row), abs=1e-12
        )


def _bought_and_sold(found: Shares, row: int) -> float:
    before = np.zeros(5) if row == 0 else found.weight[row - 1]
    return float(np.abs(found.weight[row] - before).sum())


@given(rules=rebalancings(), allocation=allocations(), seed=st.integers(0, 20), cut=st.integers(1, 29))
@settings(max_examples=40, deadline=None)
def test_a_range_is_its_sessions_one_by_one_and_no_session_sees_the_future(
    rules: Rebalancing, allocation: Allocation, seed: int, cut: int
) -> None:
    long_ago, count = paper(300, seed), 30
    whole = shared(long_ago, count, rules, allocation, cost=0.0003)
    other = long_ago.copy()
    other[len(other) - count + cut :] *= -2.0
    changed = shared(other, count, rules, allocation, cost=0.0003)
    np.testing.assert_array_equal(changed.weight[:cut], whole.weight[:cut])
    assert _told(changed)[:cut] == _told(whole)[:cut]
    after = (whole, cut - 1)
    rest = shared(long_ago, count - cut, rules, allocation, sessions=YEAR[cut:count], after=after, cost=0.0003)
    np.testing.assert_array_equal(rest.weight, whole.weight[cut:])
    np.testing.assert_array_equal(rest.drifted, whole.drifted[cut:])
    np.testing.assert_array_equal(rest.decided, whole.decided[cut:])
    assert _told(rest) == _told(whole)[cut:]
    assert rest.steps_left == whole.steps_left[cut:]


def _told(shares: Shares) -> list[object]:
    return [replace(one, expected_gain=repr(one.expected_gain)) for one in shares.decisions]  # type: ignore[arg-type]


def test_the_calendar_knows_the_session_after_its_newest_ones() -> None:
    newest = all_sessions()[-30:-1]
    assert is_last_of_period(newest, "month_end").sum() >= 1
