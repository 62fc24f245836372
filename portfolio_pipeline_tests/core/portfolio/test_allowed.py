"""All limits on shares at once: they hold, nothing nearer holds them too, and what cannot hold gives way in order."""

from __future__ import annotations

import importlib
from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.portfolio.allocation.allocate import allocate, broken_limits
from portfolio_pipeline.core.portfolio.allocation.allowed import Allowed, nearest
from portfolio_pipeline.core.portfolio.allocation.bounds import Bounds, bounds_of
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

cp: Any = importlib.import_module("cvxpy")  # its annotations hide half of what it has
NAMES = ("a", "b", "c", "d", "e")
GROUPS: dict[str, Any] = {
    "first": {"strategies": ("a", "b"), "maximum": 0.35},
    "second": {"strategies": ("b", "c", "d"), "minimum": 0.4, "maximum": 0.7},
}


def paper(count: int, seed: int = 1, names: int = 5) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(0, 0.003, (count, 1)) + random.normal(0.0003, 0.002 + 0.012 * random.random(names), (count, 5))


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, Allowed, float]:
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    held = random.dirichlet(np.ones(6))[:5]
    lower = np.maximum(held - random.uniform(0, 0.2, 5), 0)
    bounds = Bounds(lower, held + random.uniform(0, 0.2, 5))
    groups = {
        f"g{k}": {
            "strategies": tuple(random.choice(NAMES, random.integers(1, 5), replace=False)),
            "minimum": draw(st.sampled_from([0.0, 0.1, 0.3])),
            "maximum": draw(st.sampled_from([0.4, 0.6, 1.0])),
        }
        for k in range(draw(st.integers(0, 3)))
    }
    setting = Allocation.model_validate(
        {
            "groups": groups,
            "turnover": draw(st.sampled_from([None, 0.05, 0.2])),
            "tracking_error": draw(st.sampled_from([None, 0.003, 0.01])),
        }
    )
    matrix = 252 * np.cov(paper(63, draw(st.integers(0, 50))).T)
    wanted = random.dirichlet(np.ones(5) * draw(st.sampled_from([0.3, 1.0, 5.0])))
    return wanted, Allowed(NAMES, bounds, setting, held, lambda: matrix), draw(st.sampled_from([1.0, 0.9, 0.6]))


def constraints(x: Any, allowed: Allowed) -> list[Any]:
    least, most = allowed.groups
    found = [x >= allowed.bounds.lower, x <= allowed.bounds.upper, cp.sum(x) <= 1]
    if len(allowed.members):
        found += [allowed.members @ x >= least, allowed.members @ x <= most]
    if np.isfinite(allowed.turnover):
        found.append(cp.norm1(x - allowed.held) <= allowed.turnover)
    if np.isfinite(allowed.tracking_error):
        found.append(cp.norm(np.linalg.cholesky(allowed.risk).T @ (x - allowed.held)) <= allowed.tracking_error)
    return found


def solved(problem: Any, options: dict[str, float]) -> None:
    """Where the oracle itself does not come to an end, it says nothing."""
    try:
        problem.solve(cp.CLARABEL, **options)
    except cp.SolverError:
        reject()
    assume(problem.status == "optimal")


@given(problem=problems())
@settings(max_examples=150, deadline=None)
def test_all_limits_hold_together_and_no_allowed_shares_are_nearer(
    problem: tuple[np.ndarray, Allowed, float],
) -> None:
    wanted, allowed, total = problem
    wanted = wanted * total
    found = nearest(wanted, allowed, total)
    assert (found >= allowed.bounds.lower).all()
    assert (found <= allowed.bounds.upper).all()
    assert found.sum() <= 1 + 1e-9
    assert allowed.broken(found, 1e-9) == ()
    x = cp.Variable(5)
    limits = constraints(x, allowed)
    options = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}
    gap = cp.Problem(cp.Minimize(cp.abs(cp.sum(x) - total)), limits)
    solved(gap, options)
    # Where the sum cannot be reached, the gap weighs a million times the distance: no more, and no less.
    assert abs(found.sum() - total) <= gap.value + (1e-7 if gap.value < 1e-8 else 3e-5)
    best = cp.Problem(cp.Minimize(cp.sum_squares(x - wanted)), [*limits, cp.abs(cp.sum(x) - total) <= gap.value + 1e-7])
    solved(best, options)
    # Where the sum cannot be reached, what the oracle is let off with buys it the root of that.
    allowance = 3e-6 if gap.value < 1e-8 else 3e-4
    assert ((found - wanted) ** 2).sum() <= best.value + allowance


@given(
    seed=st.integers(0, 500),
    daily_change=st.floats(0.005, 0.5),
    turnover=st.sampled_from([None, 0.02, 0.2]),
    tracking_error=st.sampled_from([None, 0.002, 0.03]),
    grouped=st.booleans(),
    locked=st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0.1, "while_invested", "never"]), max_size=3),
    method=st.sampled_from(["equal", "performance", "inverse_volatility"]),
)
@settings(max_examples=80, deadline=None)
def test_every_session_of_a_path_holds_what_its_check_asks_for(
    seed: int,
    daily_change: float,
    turnover: float | None,
    tracking_error: float | None,
    grouped: bool,
    locked: dict[str, Any],
    method: str,
) -> None:
    random = np.random.default_rng(seed)
    setting = Allocation.model_validate(
        {
            "method": method,
            "daily_change": daily_change,
            "turnover": turnover,
            "tracking_error": tracking_error,
            "groups": GROUPS if grouped else {},
            "locked": locked,
            "bounds": {"e": {"minimum": 0.0, "maximum": 0.15}},
            "window_sessions": 30,
        }
    )
    returns, exposure = paper(50, seed), (random.random((50, 5)) < 0.7).astype(float)
    capital = np.where(random.random((12, 5)) < 0.1, 0.0, 1.0)
    paused = (capital == 0.0) & (random.random((12, 5)) < 0.5)
    found = allocate(returns, 12, NAMES, setting, None, capital=capital, paused=paused, exposure=exposure)
    before = None
    for row, shares in enumerate(found.weight):
        stop = 50 - 12 + row + 1
        assert np.isfinite(shares).all()
        assert (
            broken_limits(
                dict(zip(NAMES, shares.tolist(), strict=True)),
                before,
                setting,
                largest=dict(zip(NAMES, np.where(capital[row] > 0, 1.0, 0.0).tolist(), strict=True)),
                invested=dict(zip(NAMES, (exposure[stop - 1] > 0).tolist(), strict=True)),
                returns=dict(zip(NAMES, returns[:stop].T, strict=True)),
            )
            == ()
        )
        for place, name in enumerate(NAMES):
            kept = locked.get(name) == "while_invested" and exposure[stop - 1, place] > 0 and capital[row, place] > 0
            if kept and before is not None and sum(before.values()) <= 1:
                assert shares[place] == pytest.approx(before[name], abs=1e-12)
        before = dict(zip(NAMES, shares.tolist(), strict=True))


def test_a_group_that_is_too_large_shrinks_by_what_its_members_may_change_and_says_so() -> None:
    setting = Allocation(method="equal", groups={"first": GROUPS["first"]})
    held = dict(zip(NAMES, [0.3, 0.3, 0.2, 0.1, 0.1], strict=True))
    found = allocate(paper(40), 8, NAMES, setting, held)
    np.testing.assert_allclose(found.weight[:, :2].sum(axis=1), [0.56, 0.52, 0.48, 0.44, 0.4, 0.36, 0.35, 0.35])
    assert found.reason[0][0] == "daily change limit 0.02"
    assert found.reason[7][0] == "group first at most 0.35"


def test_groups_that_contradict_each_other_on_a_day_give_way_with_what_they_should_have_at_least() -> None:
    groups: Any = {
        "most": {"strategies": ("a", "b", "c"), "maximum": 0.3},
        "least": {"strategies": ("b", "c"), "minimum": 0.5},
    }
    bounds = Bounds(np.zeros(5), np.ones(5))
    setting = Allocation.model_validate({"groups": groups})
    found = nearest(np.full(5, 0.2), Allowed(NAMES, bounds, setting, None, None), 1.0)
    np.testing.assert_allclose(found, [0.1, 0.1, 0.1, 0.35, 0.35], atol=1e-10)


def test_the_turnover_budget_is_spent_where_it_counts_most() -> None:
    setting = Allocation(method="static", static={"a": 0.6, "b": 0.3, "c": 0.1}, minimum=0, maximum=1, daily_change=0.5)
    held = {"a": 0.3, "b": 0.3, "c": 0.4, "d": 0.0, "e": 0.0}
    found = allocate(paper(5), 3, NAMES, setting, held)
    np.testing.assert_allclose(found.weight[:, :3], [[0.4, 0.3, 0.3], [0.5, 0.3, 0.2], [0.6, 0.3, 0.1]], atol=1e-10)
    assert found.reason[0] == ("turnover 0.2", "", "turnover 0.2", "", "")


def test_a_budget_gives_way_to_what_has_to_be_sold_in_any_case_and_says_to_what() -> None:
    setting = Allocation(method="equal", minimum=0, maximum=1, daily_change=0.5)
    held = {"a": 0.5, "b": 0.5}
    found = allocate(paper(5)[:, :2], 1, ("a", "b"), setting, held, capital=np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(found.weight, [[0.0, 0.505]], atol=1e-12)
    assert found.reason[0][1] == "turnover 0.2 gives way to 0.505"


def test_the_tracking_error_is_spent_and_not_overspent() -> None:
    setting = Allocation(method="equal", minimum=0, maximum=1, daily_change=0.5, tracking_error=0.01, turnover=None)
    returns, held = paper(63), dict(zip(NAMES, [0.9, 0.1, 0, 0, 0], strict=True))
    found = allocate(returns, 1, NAMES, setting, held)
    moved = found.weight[0] - np.array(list(held.values()))
    from portfolio_pipeline.core.portfolio.allocation.figures import covariances

    assert np.sqrt(moved @ covariances(returns, setting) @ moved) == pytest.approx(0.01, rel=1e-9)
    assert found.weight.sum() == pytest.approx(1.0, abs=1e-9)
    assert set(found.reason[0]) == {"tracking error 0.01"}


def test_a_strategy_that_is_locked_while_invested_keeps_its_share_until_it_holds_nothing() -> None:
    setting = Allocation(method="equal", locked={"a": "while_invested"}, daily_change=0.05)
    held = dict(zip(NAMES, [0.4, 0.15, 0.15, 0.15, 0.15], strict=True))
    exposure = np.ones((30, 5))
    exposure[-2:, 0] = 0.0
    found = allocate(paper(30), 5, NAMES, setting, held, exposure=exposure)
    np.testing.assert_array_equal(found.weight[:3, 0], 0.4)
    np.testing.assert_allclose(found.weight[3:, 0], [0.35, 0.30])
    np.testing.assert_array_equal(found.requested[:3, 0], 0.4)
    first = allocate(paper(30), 1, NAMES, setting, None, exposure=np.ones((30, 5)))
    np.testing.assert_allclose(first.weight, 0.2)


def test_locks_that_have_more_than_everything_together_leave_nothing_to_the_others() -> None:
    setting = Allocation(method="equal", minimum=0.0, maximum=1.0, locked={"a": 0.6, "b": "while_invested"})
    held = dict(zip(NAMES, [0.3, 0.5, 0.1, 0.1, 0.0], strict=True))
    found = allocate(paper(30), 6, NAMES, setting, held, exposure=np.ones((30, 5)))
    assert (found.requested >= 0.0).all()
    np.testing.assert_array_equal(found.requested[:, 2:], 0.0)
    np.testing.assert_allclose(found.weight[:5, 0], [0.32, 0.34, 0.36, 0.38, 0.4])
    np.testing.assert_allclose(found.weight[:5, 1], 0.5)
    assert (found.weight.sum(axis=1) <= 1 + 1e-12).all()


def test_the_share_of_a_paused_strategy_stays_in_cash_and_moves_nobody_elses() -> None:
    setting = Allocation(method="equal", minimum=0.0, daily_change=0.1)
    held, capital = dict.fromkeys(NAMES, 0.2), np.array([[1.0, 1, 1, 1, 1], [0.0, 1, 1, 1, 1], [0.0, 1, 1, 1, 1]])
    paused = capital == 0.0
    found = allocate(paper(30), 3, NAMES, setting, held, capital=capital, paused=paused)
    np.testing.assert_allclose(found.weight[:, 0], [0.2, 0.1, 0.0], atol=1e-12)
    np.testing.assert_allclose(found.weight[:, 1:], 0.2)
    np.testing.assert_allclose(found.requested, 0.2)
    assert found.reason[1][0] == "paused: its share stays in cash"
    candidate = allocate(paper(30), 3, NAMES, setting, held, capital=capital)
    assert (candidate.weight[-1, 1:] > 0.24).all()


def test_one_strategy_may_have_bounds_of_its_own() -> None:
    setting = Allocation(method="equal", bounds={"a": {"maximum": 0.1}, "b": {"minimum": 0.35}})  # type: ignore[dict-item]
    found = allocate(paper(30), 1, NAMES, setting, None)
    np.testing.assert_allclose(found.weight, [[0.1, 0.35, 0.55 / 3, 0.55 / 3, 0.55 / 3]])
    assert found.reason[0][:2] == ("maximum 0.1", "minimum 0.35")
    bounds = bounds_of(None, NAMES, setting)
    np.testing.assert_array_equal(bounds.upper, [0.1, 0.4, 0.4, 0.4, 0.4])


def test_shares_past_a_limit_of_several_are_named_with_their_figures() -> None:
    setting = Allocation(groups={"first": GROUPS["first"]}, turnover=0.03, daily_change=0.1)
    held = dict(zip(NAMES, [0.2, 0.15, 0.2, 0.2, 0.2], strict=True))
    shares = held | {"a": 0.22, "c": 0.18}
    assert broken_limits(shares, held, setting) == (
        "GROUP_TOO_LARGE: group=first, found=0.37, limit=0.35",
        "TURNOVER_TOO_LARGE: found=0.04, limit=0.03",
    )
    told = broken_limits(
        shares, held, Allocation(tracking_error=0.0001), returns=dict(zip(NAMES, paper(63).T, strict=True))
    )
    assert len(told) == 1
    assert told[0].startswith("TRACKING_ERROR_TOO_LARGE: found=")


def test_twenty_strategies_under_all_limits_take_a_small_part_of_half_a_second() -> None:
    names = tuple(f"s{k}" for k in range(20))
    random = np.random.default_rng(0)
    setting = Allocation.model_validate(
        {
            "method": "performance",
            "minimum": 0.01,
            "groups": {f"g{k}": {"strategies": names[5 * k : 5 * k + 5], "maximum": 0.3} for k in range(4)},
            "turnover": 0.05,
            "tracking_error": 0.003,
        }
    )
    returns = random.normal(0.0003, 0.01, (100, 20))
    allocate(returns, 1, names, setting, None)
    began = process_time()
    allocate(returns, 10, names, setting, dict.fromkeys(names, 0.05))
    assert process_time() - began < 10 * 0.25
