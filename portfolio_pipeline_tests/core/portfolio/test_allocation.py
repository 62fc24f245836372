"""Capital shares: the projection is exact, the limits hold together, and a range is its sessions one by one."""

from __future__ import annotations

from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.optimize import minimize

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.allocate import allocate, broken_limits
from portfolio_pipeline.core.portfolio.allocation.bounds import Bounds, bounds_of, locked_shares, project
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS, AllocationMethod, Known
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.allocation.wishes import requested_shares
from portfolio_pipeline.core.sections import MOST_SESSIONS

NAMES = ("a", "b", "c", "d", "e")
FRACTIONS = st.lists(st.floats(0, 1), min_size=5, max_size=5)


def paper(count: int, seed: int = 1, names: int = 5) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(0.0003, 0.002 + 0.012 * generator.random(names), (count, names))


def as_known(returns: np.ndarray) -> Known:
    count = returns.shape[1]
    return Known(NAMES[:count], returns, np.full_like(returns, np.nan), np.zeros(count), ("several",) * count)


@given(wanted=FRACTIONS, one=FRACTIONS, other=FRACTIONS, total=st.floats(0, 5))
@settings(max_examples=200)
def test_the_projection_stays_in_its_box_and_meets_the_sum_when_it_can(
    wanted: list[float], one: list[float], other: list[float], total: float
) -> None:
    lower, upper = np.minimum(one, other), np.maximum(one, other)
    found = project(np.array(wanted), Bounds(lower, upper), total)
    assert (found >= lower).all()
    assert (found <= upper).all()
    assert found.sum() == pytest.approx(np.clip(total, lower.sum(), upper.sum()), abs=1e-12)


@given(wanted=FRACTIONS, one=FRACTIONS, other=FRACTIONS, part=st.floats(0.05, 0.95))
@settings(max_examples=30, deadline=None)
def test_no_optimiser_finds_a_nearer_point_than_the_projection(
    wanted: list[float], one: list[float], other: list[float], part: float
) -> None:
    lower, upper = np.minimum(one, other), np.maximum(one, other)
    total = lower.sum() + part * (upper.sum() - lower.sum())
    aim = np.array(wanted)
    found = project(aim, Bounds(lower, upper), total)
    oracle = minimize(
        lambda x: ((x - aim) ** 2).sum(),
        x0=lower + part * (upper - lower),
        jac=lambda x: 2 * (x - aim),
        bounds=list(zip(lower, upper, strict=True)),
        constraints={"type": "eq", "fun": lambda x: x.sum() - total, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert ((found - aim) ** 2).sum() <= ((oracle.x - aim) ** 2).sum() + 1e-9
    if oracle.success:
        np.testing.assert_allclose(found, oracle.x, atol=2e-4)


@st.composite
def allocations(draw: st.DrawFn) -> Allocation:
    minimum = draw(st.floats(0, 0.3))
    locked: dict[str, Any] = {
        name: draw(st.floats(0, 0.24)) for name in draw(st.sets(st.sampled_from(NAMES), max_size=3))
    }
    return Allocation(
        method=draw(st.sampled_from(["equal", "static", "inverse_volatility"])),
        minimum=minimum,
        maximum=draw(st.floats(minimum, 1)),
        daily_change=draw(st.floats(0.001, 0.5)),
        window_sessions=20,
        static={name: draw(st.floats(0, 0.2)) for name in NAMES},
        locked=locked,
    )


@given(setting=allocations(), later=allocations(), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_all_limits_hold_together_even_after_the_settings_change(
    setting: Allocation, later: Allocation, seed: int
) -> None:
    returns = paper(40, seed)
    first = allocate(returns[:30], 8, NAMES, setting, None)
    second = allocate(returns, 10, NAMES, later, dict(zip(NAMES, first.weight[-1].tolist(), strict=True)))
    for shares, rules in ((first, setting), (second, later)):
        for row, before in zip(shares.weight, shares.previous, strict=True):
            held = None if np.isnan(before).any() else dict(zip(NAMES, before.tolist(), strict=True))
            assert broken_limits(dict(zip(NAMES, row.tolist(), strict=True)), held, rules) == ()
            assert (row >= 0).all()
            assert row.sum() <= 1 + 1e-12
            if held is not None:
                assert (np.abs(row - before) <= rules.daily_change + 1e-12).all()


@given(setting=allocations(), seed=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_where_the_limits_do_not_contradict_each_other_each_holds_on_its_own(setting: Allocation, seed: int) -> None:
    shares = allocate(paper(30, seed), 8, NAMES, setting, None).weight
    free = [place for place, name in enumerate(NAMES) if name not in setting.locked]
    locked = sum(setting.fixed.values())
    if locked + len(free) * setting.minimum <= 1:
        assert (shares[:, free] >= setting.minimum - 1e-12).all()
    assert (shares[:, free] <= setting.maximum + 1e-12).all()
    for name, share in setting.fixed.items():
        np.testing.assert_allclose(shares[:, NAMES.index(name)], share, atol=1e-12)
    if setting.method != "static" and locked + len(free) * setting.maximum >= 1:
        np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-12)


@pytest.mark.parametrize("method", ["equal", "static", "inverse_volatility"])
def test_a_range_gives_the_bits_of_its_sessions_one_by_one(method: str) -> None:
    setting = Allocation.model_validate({"method": method, "static": {"a": 0.3, "b": 0.4}, "daily_change": 0.01})
    returns = paper(200)
    returns[:70, 2] = np.nan
    at_once = allocate(returns, 120, NAMES, setting, None)
    previous = None
    for row in range(120):
        stop = 200 - 120 + row + 1
        seen = returns[max(0, stop - setting.window_sessions) : stop]
        shares = allocate(np.ascontiguousarray(seen), 1, NAMES, setting, previous)
        assert shares.weight.tobytes() == at_once.weight[row].tobytes()
        assert shares.reason[0] == at_once.reason[row]
        previous = dict(zip(NAMES, shares.weight[0].tolist(), strict=True))


def test_inverse_volatility_is_what_it_says() -> None:
    returns = paper(63)
    found = requested_shares(as_known(returns), Allocation())
    expected = 1 / returns.std(axis=0, ddof=1)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-12)


def test_sessions_in_cash_make_nobody_look_calm() -> None:
    returns = paper(63)
    idle = returns.copy()
    idle[::2, 0] = 0.0
    found = requested_shares(as_known(idle), Allocation())
    volatilities = np.append(idle[1::2, 0].std(ddof=1), returns[:, 1:].std(axis=0, ddof=1))
    np.testing.assert_allclose(found, 1 / volatilities / (1 / volatilities).sum(), rtol=1e-12)


def test_a_strategy_with_too_short_or_motionless_a_history_is_taken_for_a_middling_one() -> None:
    returns = paper(63)
    returns[:50, 0] = np.nan
    returns[:, 1] = 0.0
    found = requested_shares(as_known(returns), Allocation())
    assert found[0] == found[1] == np.median(found[2:])


@pytest.mark.parametrize(("observations", "known"), [(19, False), (20, True), (21, True)])
def test_a_volatility_is_known_from_twenty_returns_on(observations: int, known: bool) -> None:
    returns = paper(63)
    returns[:-observations, 0] = np.nan
    found = requested_shares(as_known(returns), Allocation())
    volatilities = np.array([column[~np.isnan(column)].std(ddof=1) for column in returns.T])
    if not known:
        volatilities[0] = np.median(volatilities[1:])
    np.testing.assert_allclose(found, 1 / volatilities / (1 / volatilities).sum(), rtol=1e-12)


def test_without_any_history_all_strategies_get_the_same() -> None:
    nothing = np.full((1, 5), np.nan)
    np.testing.assert_allclose(allocate(nothing, 1, NAMES, Allocation(), None).weight, 0.2)


def test_the_static_method_leaves_in_cash_what_it_does_not_give_away() -> None:
    setting = Allocation(method="static", minimum=0, static={"a": 0.3, "b": 0.4})
    shares = allocate(paper(5), 1, NAMES, setting, None).weight[0]
    np.testing.assert_allclose(shares, [0.3, 0.4, 0, 0, 0])


def test_maximums_that_cannot_reach_one_leave_the_rest_in_cash() -> None:
    shares = allocate(paper(5, names=2), 1, ("a", "b"), Allocation(maximum=0.3), None)
    np.testing.assert_allclose(shares.weight, 0.3)
    assert shares.reason == (("maximum 0.3", "maximum 0.3"),)


def test_minimums_that_do_not_fit_into_one_shrink_together() -> None:
    shares = allocate(paper(5), 1, NAMES, Allocation(minimum=0.3), None)
    np.testing.assert_allclose(shares.weight, 0.2)


def test_a_new_strategy_rises_to_the_minimum_by_the_daily_change() -> None:
    setting = Allocation(method="equal", minimum=0.05, daily_change=0.02)
    previous = {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}
    shares = allocate(paper(5), 5, NAMES, setting, previous)
    np.testing.assert_allclose(shares.weight[:, 4], [0.02, 0.04, 0.06, 0.08, 0.10])
    np.testing.assert_allclose(shares.weight.sum(axis=1), 1.0)
    assert shares.previous[0, 4] == 0
    assert shares.reason[0][4] == "daily change limit 0.02"


def test_the_capital_of_a_removed_strategy_goes_to_the_others_by_the_daily_change() -> None:
    setting = Allocation(method="equal", daily_change=0.02)
    shares = allocate(paper(5, names=4), 4, NAMES[:4], setting, dict.fromkeys(NAMES, 0.2))
    np.testing.assert_allclose(shares.weight.sum(axis=1), [0.88, 0.96, 1.0, 1.0])


def test_a_new_lock_is_approached_by_the_daily_change_and_then_kept() -> None:
    setting = Allocation(method="equal", daily_change=0.02, locked={"a": 0.25})
    shares = allocate(paper(5), 5, NAMES, setting, dict.fromkeys(NAMES, 0.2)).weight[:, 0]
    np.testing.assert_allclose(shares, [0.22, 0.24, 0.25, 0.25, 0.25])


def test_a_setting_for_a_strategy_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"UNKNOWN_STRATEGY: found=allocation.locked: z, expected=a, b"):
        allocate(paper(5, names=2), 1, ("a", "b"), Allocation(locked={"z": 0.1}), None)


@pytest.mark.parametrize(
    "wish",
    [[1.0, 1.0], [1.0] * 4, [1.0, np.nan, 1.0], [np.nan] * 3, [1.0, np.inf, 1.0], [1.0, -0.1, 1.0], [-1.0] * 3],
)
@pytest.mark.parametrize("exact", [True, False])
def test_a_method_that_does_not_say_one_number_a_strategy_is_refused(
    wish: list[float], exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = AllocationMethod("wrong", lambda known, settings: np.array(wish), exact)
    monkeypatch.setitem(ALLOCATION_METHODS._entries, "wrong", method)
    with pytest.raises(ConfigurationError, match=r"ALLOCATION_METHOD_WRONG: method=wrong, .*expected=3 finite numbers"):
        requested_shares(as_known(paper(30, names=3)), Allocation(method="wrong"))


def test_a_method_that_wants_nothing_leaves_everything_in_cash_but_what_is_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = AllocationMethod("nothing", lambda known, settings: np.zeros(len(known.strategies)))
    monkeypatch.setitem(ALLOCATION_METHODS._entries, "nothing", nothing)
    setting = Allocation(method="nothing", locked={"b": 0.3}, minimum=0)
    np.testing.assert_array_equal(
        requested_shares(as_known(paper(30, names=3)), setting, locked_shares(NAMES[:3], setting)), [0.0, 0.3, 0.0]
    )


def test_a_method_sees_the_window_that_ends_with_the_session_and_no_more() -> None:
    returns, setting = paper(120), Allocation(window_sessions=30)
    found = allocate(returns, 100, NAMES, setting, None)
    for row in (0, 5, 9, 10, 60, 99):
        seen = returns[max(0, row + 21 - 30) : row + 21]
        np.testing.assert_array_equal(found.requested[row], requested_shares(as_known(seen), setting))


def test_locks_that_together_ask_for_more_than_the_others_can_give_today_share_what_there_is() -> None:
    """Two rise by the daily change, one falls by it: that is too much by one of the changes."""
    setting = Allocation(method="equal", minimum=0, maximum=1, daily_change=0.02, locked={"a": 0.5, "b": 0.5})
    bounds = bounds_of(np.array([0.3, 0.3, 0.4]), NAMES[:3], setting)
    np.testing.assert_allclose(bounds.lower, [0.31, 0.31, 0.38], atol=1e-12)
    np.testing.assert_array_equal(bounds.lower, bounds.upper)


@pytest.mark.parametrize(
    ("static", "limits", "held", "closed", "expected"),
    [
        # asked for more than the maximum, while the daily change would have let it grow
        ({"a": 0.5, "b": 0.4}, {"maximum": 0.45, "daily_change": 0.3}, {"a": 0.4, "b": 0.4}, "", "maximum 0.45"),
        # asked for less than the minimum
        ({"a": 0.01, "b": 0.4}, {"minimum": 0.05}, None, "", "minimum 0.05"),
        # and for what the others' minimum leaves no room for, which ends at a bound of its own
        ({"a": 0.12, "b": 0.88}, {"minimum": 0.1, "maximum": 1.0}, None, "", "limits of the other strategies"),
        ({"a": 0.4, "b": 0.6}, {"minimum": 0.0, "maximum": 0.45}, None, "", "limits of the other strategies"),
        ({"a": 0.3, "b": 0.5}, {"minimum": 0.2, "maximum": 1.0}, None, "b", "limits of the other strategies"),
        # minimums that do not fit into 1
        (
            *({"a": 0.1, "b": 0.4}, {"minimum": 0.4, "maximum": 0.5}, None, ""),
            "minimum 0.4 gives way: there is not enough for all",
        ),
        # the daily change, upwards and downwards
        ({"a": 0.3, "b": 0.4}, {"daily_change": 0.02}, {"a": 0.2, "b": 0.4}, "", "daily change limit 0.02"),
        ({"a": 0.3, "b": 0.4}, {"daily_change": 0.02}, {"a": 0.4, "b": 0.4}, "", "daily change limit 0.02"),
        # a doubted one keeps what it has, also of nothing, and is not the reason where it has to give away
        ({"a": 0.3, "b": 0.4}, {}, {"a": 0.2, "b": 0.4}, "a", "gets no new capital: keeps 0.2"),
        ({"a": 0.3, "b": 0.4}, {}, None, "a", "gets no new capital: keeps 0"),
        ({"a": 0.4, "b": 0.4}, {"maximum": 0.25}, {"a": 0.4, "b": 0.4}, "a", "daily change limit 0.02"),
        ({"a": 0.3, "b": 0.4}, {}, {"a": 0.3, "b": 0.4}, "a", ""),
    ],
)
def test_each_share_says_why_it_is_not_what_was_asked_for(
    static: dict[str, float], limits: dict[str, float], held: dict[str, float] | None, closed: str, expected: str
) -> None:
    names = ("a", "b", "c")
    setting = Allocation.model_validate({"method": "static", "static": static, "minimum": 0.0, "maximum": 0.5} | limits)
    takes = np.array([[name not in closed for name in names]])
    found = allocate(paper(30, names=3), 1, names, setting, held, takes_new_capital=takes)
    assert found.reason[0][0] == expected
    assert (found.weight[0, 0] == pytest.approx(static["a"])) == (expected == "")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"minimum": 0.3, "maximum": 0.2}, "minimum 0.3 is above maximum 0.2"),
        ({"static": {"a": 0.6, "b": 0.5}}, "the shares under static add up to more than 1"),
        ({"locked": {"a": 0.6, "b": 0.41}}, "the shares under locked add up to more than 1"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(written: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Allocation.model_validate(written)


def test_settings_may_go_to_the_edge_and_have_these_defaults() -> None:
    assert Allocation(minimum=0.3, maximum=0.3, static=dict.fromkeys("abcdefghij", 0.1)).minimum == 0.3
    assert Allocation(locked={"a": 0.7, "b": 0.2, "c": 0.1}).locked["a"] == 0.7
    assert Allocation().model_dump() == {
        "method": "inverse_volatility",
        "minimum": 0.05,
        "maximum": 0.40,
        "daily_change": 0.02,
        "turnover": 0.20,
        "tracking_error": 0.03,
        "fully_invested": False,
        "bounds": {},
        "groups": {},
        "window_sessions": 63,
        "volatility_target": 0.1,
        "scale_memory": 126,
        "cash_sleeve": None,
        "static": {},
        "locked": {},
        "covariance": "ledoit_wolf",
        "half_life_sessions": 63,
        "performance_ratio": "sharpe",
        "kelly_fraction": 0.25,
        "tau": 0.05,
        "risk_budgets": {},
        "members": ("inverse_volatility", "risk_parity", "hrp"),
        "overlay": "none",
        "overlay_strength": 0.5,
        "overlay_sessions": 63,
    }


def test_a_strategy_that_was_not_there_before_had_nothing() -> None:
    assert broken_limits({"a": 0.4, "b": 0.3}, {"a": 0.4}, Allocation()) == (
        "SHARE_TOO_LARGE: strategy=b, found=0.3, limit=0.02",
        "TURNOVER_TOO_LARGE: found=0.3, limit=0.2",
    )


def test_shares_of_more_than_everything_are_named() -> None:
    assert broken_limits({"a": 0.4, "b": 0.4, "c": 0.21}, None, Allocation()) == (
        "SHARES_ABOVE_ONE: found=1.01, limit=1",
    )
    assert broken_limits({"a": 0.4, "b": 0.4, "c": 0.2}, None, Allocation()) == ()


def test_shares_that_break_a_limit_are_named_with_their_figures() -> None:
    broken = broken_limits({"a": 0.5, "b": 0.01, "c": 0.2}, {"a": 0.5, "b": 0.01, "c": 0.2}, Allocation())
    assert broken == (
        "SHARE_TOO_LARGE: strategy=a, found=0.5, limit=0.48",
        "SHARE_TOO_SMALL: strategy=b, found=0.01, limit=0.03",
    )
    assert broken_limits({"a": float("nan")}, None, Allocation()) == ("FINITE: strategy=a, found=nan",)


def test_bounds_contain_a_point_whatever_the_settings() -> None:
    setting = Allocation(minimum=0.4, maximum=0.4, daily_change=0.001, locked={"a": 1.0})
    bounds = bounds_of(np.array([0.0, 0.5, 0.5]), ("a", "b", "c"), setting)
    assert (bounds.lower <= bounds.upper).all()
    assert bounds.lower.sum() <= 1


def test_ten_years_of_five_strategies_take_less_than_a_second() -> None:
    returns = paper(2_520)
    started = process_time()
    allocate(returns, 2_520, NAMES, Allocation(), None)
    assert process_time() - started < 2.0  # twice the promise, for slower machines


@given(setting=allocations(), seed=st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_who_takes_no_new_capital_never_has_more_than_when_that_began_whatever_the_limits(
    setting: Allocation, seed: int
) -> None:
    """Told by a plain loop, which the checks of the house have to agree with."""
    generator = np.random.default_rng(seed)
    takes = generator.random((10, 5)) < 0.6
    capital = np.where(generator.random((10, 5)) < 0.2, 0.0, np.where(generator.random((10, 5)) < 0.3, 0.25, 1.0))
    held = dict(zip(NAMES, generator.dirichlet(np.ones(6))[:5].tolist(), strict=True)) if seed % 3 else None
    found = allocate(paper(40, seed), 10, NAMES, setting, held, takes_new_capital=takes, capital=capital)
    before = np.zeros(5) if held is None else np.array(list(held.values()))
    kept: dict[str, float] = {}
    for row, share in enumerate(found.weight):
        largest = {}
        for place, name in enumerate(NAMES):
            if takes[row, place]:
                kept.pop(name, None)
                assert np.isnan(found.kept[row, place])
                most = 1.0
            else:
                most = kept.setdefault(name, before[place])
                assert found.kept[row, place] == most
            if capital[row, place] < 1.0:
                most = min(most, capital[row, place] * setting.maximum)
            lowest = 0.0 if held is None and row == 0 else max(before[place] - setting.daily_change, 0.0)
            assert share[place] <= max(most, lowest)
            if capital[row, place] == 0.0:
                assert share[place] == lowest
                assert found.requested[row, place] == 0.0
                assert found.reason[row][place] == "has no capital: candidate or paused"
            largest[name] = most
        assert share.sum() <= 1 + 1e-12
        known = None if held is None and row == 0 else dict(zip(NAMES, before.tolist(), strict=True))
        assert broken_limits(dict(zip(NAMES, share.tolist(), strict=True)), known, setting, largest=largest) == ()
        before = share


@given(seed=st.integers(0, 30))
@settings(max_examples=20, deadline=None)
def test_what_is_kept_goes_on_from_the_session_before(seed: int) -> None:
    generator = np.random.default_rng(seed)
    takes, returns = generator.random((12, 5)) < 0.5, paper(40, seed)
    at_once = allocate(returns, 12, NAMES, Allocation(), None, takes_new_capital=takes)
    held = kept = None
    for row in range(12):
        seen = returns[: 40 - 12 + row + 1]
        one = allocate(seen, 1, NAMES, Allocation(), held, takes_new_capital=takes[[row]], kept=kept)
        assert one.weight.tobytes() == at_once.weight[[row]].tobytes()
        held = dict(zip(NAMES, one.weight[0].tolist(), strict=True))
        kept = dict(zip(NAMES, one.kept[0].tolist(), strict=True))


def test_a_doubted_share_that_fell_for_another_reason_returns_to_what_it_was_and_no_further() -> None:
    """Locked shares of others push it down for a while; the doubt lasts all the time."""
    names, doubted = ("a", "b", "c"), np.array([[False, True, True]] * 6)
    usual = Allocation(method="equal", minimum=0, maximum=1, daily_change=0.1)
    pressed = usual.model_copy(update={"locked": {"b": 0.5, "c": 0.5}})
    held = {"a": 0.2, "b": 0.4, "c": 0.4}
    fallen = allocate(paper(30, names=3), 6, names, pressed, held, takes_new_capital=doubted)
    np.testing.assert_allclose(fallen.weight[:, 0], [0.1, 0, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_array_equal(fallen.kept[:, 0], 0.2)
    held = dict(zip(names, fallen.weight[-1].tolist(), strict=True))
    kept = dict(zip(names, fallen.kept[-1].tolist(), strict=True))
    risen = allocate(paper(30, names=3), 6, names, usual, held, takes_new_capital=doubted, kept=kept)
    np.testing.assert_allclose(risen.weight[:, 0], [0.1, 0.2, 0.2, 0.2, 0.2, 0.2])
    assert risen.reason[-1][0] == "gets no new capital: keeps 0.2"


def test_who_is_granted_a_part_of_the_largest_share_grows_with_it() -> None:
    setting = Allocation(method="equal", minimum=0, maximum=0.4, daily_change=0.1)
    capital = np.array([[0.25, 1.0, 1.0], [0.25, 1.0, 1.0], [0.5, 1.0, 1.0], [1.0, 1.0, 1.0]])
    held = {"a": 0.0, "b": 0.4, "c": 0.4}
    found = allocate(paper(30, names=3), 4, ("a", "b", "c"), setting, held, capital=capital)
    np.testing.assert_allclose(found.weight[:, 0], [0.1, 0.1, 0.2, 0.3])
    assert found.reason[1][0] == "growing capital: 0.1 for now"


def test_capital_that_a_doubted_strategy_may_not_have_goes_to_the_others() -> None:
    setting = Allocation(method="equal", daily_change=0.02)
    held = {"a": 0.1, "b": 0.3, "c": 0.2, "d": 0.2, "e": 0.2}
    takes = np.ones((3, 5), dtype=bool)
    takes[:, 0] = False
    shares = allocate(paper(5), 3, NAMES, setting, held, takes_new_capital=takes)
    np.testing.assert_allclose(shares.weight[:, 0], 0.1)
    np.testing.assert_allclose(shares.weight.sum(axis=1), 1.0)
    np.testing.assert_allclose(shares.weight[-1, 1:], [0.24, 0.22, 0.22, 0.22])
    assert shares.reason[0][0] == "gets no new capital: keeps 0.1"


def test_a_doubted_strategy_may_shrink_and_grows_again_only_when_it_is_no_longer_doubted() -> None:
    setting = Allocation(method="static", minimum=0, maximum=0.5, daily_change=0.02, static={"a": 0.1, "b": 0.5})
    closed, opened = np.array([[False, True]] * 3), np.array([[True, True]])
    fallen = allocate(paper(5, names=2), 3, ("a", "b"), setting, {"a": 0.15, "b": 0.5}, takes_new_capital=closed)
    np.testing.assert_allclose(fallen.weight[:, 0], [0.13, 0.11, 0.1])
    more = setting.model_copy(update={"static": {"a": 0.3, "b": 0.5}})
    held = {"a": 0.1, "b": 0.5}
    for takes, share in ((closed[:1], 0.1), (opened, 0.12)):
        assert allocate(paper(5, names=2), 1, ("a", "b"), more, held, takes_new_capital=takes).weight[
            0, 0
        ] == pytest.approx(share)


def test_the_active_strategies_share_capital_as_if_candidates_did_not_exist() -> None:
    returns = paper(80)
    alone = allocate(returns[:, 1:], 10, NAMES[1:], Allocation(), None)
    beside = allocate(returns, 10, NAMES, Allocation(), None, capital=np.array([[0.0, 1, 1, 1, 1]] * 10))
    np.testing.assert_allclose(beside.weight[:, 1:], alone.weight, rtol=1e-12)
    assert (beside.weight[:, 0] == 0.0).all()


def test_capital_given_against_doubt_is_named() -> None:
    shares = {"a": 0.31, "b": 0.3, "c": 0.01}
    held = {"a": 0.3, "b": 0.3, "c": 0.0}
    setting = Allocation(minimum=0)
    assert broken_limits(shares, held, setting, largest={"a": 0.3, "c": 0.0}) == (
        "SHARE_TOO_LARGE: strategy=a, found=0.31, limit=0.3",
        "SHARE_TOO_LARGE: strategy=c, found=0.01, limit=0",
    )


@pytest.mark.parametrize(
    ("sessions", "taken"), [(19, False), (20, True), (MOST_SESSIONS, True), (MOST_SESSIONS + 1, False)]
)
def test_a_window_has_enough_sessions_and_not_too_many(sessions: int, taken: bool) -> None:
    if taken:
        assert Allocation(window_sessions=sessions).window_sessions == sessions
    else:
        with pytest.raises(ValidationError):
            Allocation(window_sessions=sessions)
