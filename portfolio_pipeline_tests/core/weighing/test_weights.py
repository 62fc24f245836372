"""Quadratic problems and the weights that follow from them, beside cvxpy, PyPortfolioOpt, skfolio and closed forms."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypfopt import EfficientFrontier
from scipy.optimize import linprog
from skfolio.optimization import RiskBudgeting

from portfolio_pipeline.core.weighing.mean_variance import (
    best_growth,
    largest_mean,
    largest_sharpe,
    least_variance,
)
from portfolio_pipeline.core.weighing.quadratic import largest_below, minimise
from portfolio_pipeline.core.weighing.risk_budgets import risk_budget_weights
from portfolio_pipeline_tests.core.weighing.test_covariances import returns

cp: Any = importlib.import_module("cvxpy")  # its annotations hide half of what it has


def problem(seed: int, names: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariance of a year."""
    random = np.random.default_rng(seed)
    return random.normal(0.05, 0.05, names), 252 * np.cov(returns(seed, names=names).T)


@given(seed=st.integers(0, 10_000), names=st.integers(1, 8), planes=st.integers(1, 14))
@settings(max_examples=80, deadline=None)
def test_the_solution_is_the_best_point_that_holds_all_planes_or_there_is_none(
    seed: int, names: int, planes: int
) -> None:
    random = np.random.default_rng(seed)
    root = random.normal(size=(names, names + 2))
    curvature, slope = root @ root.T, random.normal(size=names)
    rows, most = random.normal(size=(planes, names)), random.normal(0.2, 0.6, planes)
    found = minimise(curvature, slope, rows, most)
    there = linprog(np.zeros(names), rows, most, bounds=[(None, None)] * names)
    assert (found is None) == (there.status == 2)
    if found is None:
        return
    size = 1 + np.abs(found).max()
    assert (rows @ found <= most + 1e-9 * size).all()
    x = cp.Variable(names)
    cp.Problem(cp.Minimize(0.5 * cp.sum_squares(root.T @ x) - slope @ x), [rows @ x <= most]).solve(cp.CLARABEL)
    worth = [0.5 * point @ curvature @ point - slope @ point for point in (found, x.value)]
    assert worth[0] <= worth[1] + 1e-6 * (1 + abs(worth[1]))


def test_the_smallest_multiplier_that_keeps_a_limit_is_found_to_many_digits() -> None:
    assert largest_below(lambda x: 3.0 / (1.0 + 2.0 * x), 0.5, 0.0) == pytest.approx(2.5, rel=1e-11)
    assert largest_below(lambda x: 1.0 / (1.0 + x) ** 2, 1e-6, 0.0) == pytest.approx(999.0, rel=1e-10)
    assert largest_below(lambda x: 0.2 / (1.0 + x), 0.5, 0.0) == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_mean_variance_weights_are_those_of_pypfopt(seed: int) -> None:
    means, matrix = problem(seed)
    for name, found in (
        ("min_volatility", least_variance(matrix)),
        ("max_sharpe", largest_sharpe(means, matrix, 0.1)),
    ):
        frontier = EfficientFrontier(pd.Series(means), pd.DataFrame(matrix))
        options = {"risk_free_rate": 0.0} if name == "max_sharpe" else {}
        expected = np.array(list(getattr(frontier, name)(**options).values()))
        np.testing.assert_allclose(found, expected, atol=2e-4)
        assert found.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("volatility", [0.03, 0.08, 0.15])
def test_the_largest_mean_at_a_volatility_is_that_of_cvxpy(seed: int, volatility: float) -> None:
    means, matrix = problem(seed)
    found = largest_mean(means, matrix, volatility)
    x = cp.Variable(5)
    limits = [x >= 0, cp.sum(x) <= 1, cp.quad_form(x, cp.psd_wrap(matrix)) <= volatility**2]
    cp.Problem(cp.Maximize(means @ x - cp.quad_form(x, cp.psd_wrap(matrix)) / 2), limits).solve(cp.CLARABEL)
    # Where volatility binds, the aversion that is the least matters nothing beyond it.
    assert np.sqrt(found @ matrix @ found) <= volatility * (1 + 1e-9)
    assert found.sum() <= 1 + 1e-12
    assert means @ found - found @ matrix @ found / 2 >= means @ x.value - x.value @ matrix @ x.value / 2 - 1e-6


def test_bets_without_negative_ones_are_the_inverse_times_the_means() -> None:
    matrix = np.diag([0.01, 0.04, 0.09])
    np.testing.assert_allclose(best_growth(np.array([0.02, 0.02, -0.03]), matrix), [2.0, 0.5, 0.0], atol=1e-12)
    full, means = 252 * np.cov(returns(1, names=3).T), np.array([0.05, 0.05, 0.05])
    expected = np.linalg.solve(full, means)
    if (expected >= 0).all():
        np.testing.assert_allclose(best_growth(means, full), expected, rtol=1e-9)


def test_where_nothing_is_earned_the_largest_sharpe_is_the_least_variance_and_nothing_jumps_on_the_way() -> None:
    means, matrix = problem(2)
    calm = least_variance(matrix)
    np.testing.assert_allclose(largest_sharpe(-np.abs(means), matrix, 0.1), calm, rtol=1e-12)
    path = [largest_sharpe(means - drop, matrix, 0.1) for drop in np.linspace(0, 0.2, 2_000)]
    assert np.abs(np.diff(path, axis=0)).sum(axis=1).max() < 0.05
    np.testing.assert_allclose(path[-1], calm)


@pytest.mark.parametrize("seed", range(6))
def test_contributions_to_risk_are_as_budgeted_and_the_weights_those_of_skfolio(seed: int) -> None:
    given_ = returns(seed, 120)
    matrix, budgets = np.cov(given_.T), np.random.default_rng(seed).dirichlet(np.ones(5))
    found = risk_budget_weights(matrix, budgets)
    np.testing.assert_allclose(found * (matrix @ found) / (found @ matrix @ found), budgets, atol=1e-12)
    assert found.sum() == pytest.approx(1.0)
    oracle = RiskBudgeting(risk_budget=budgets, solver_params={"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12})
    np.testing.assert_allclose(found, oracle.fit(given_).weights_, atol=2e-4)


@given(seed=st.integers(0, 500), names=st.integers(1, 20), twins=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_budgets_are_met_however_alike_the_strategies_are(seed: int, names: int, twins: float) -> None:
    random = np.random.default_rng(seed)
    correlations = np.full((names, names), 0.9999 * twins)
    correlations[np.diag_indices(names)] = 1.0
    deviations = 10.0 ** random.uniform(-4, -1, names)
    budgets = random.dirichlet(np.ones(names)) * (random.random(names) < 0.8)
    budgets[0] = max(budgets[0], 0.01)
    matrix = correlations * np.outer(deviations, deviations)
    found = risk_budget_weights(matrix, budgets)
    np.testing.assert_allclose(found * (matrix @ found) / (found @ matrix @ found), budgets / budgets.sum(), atol=1e-9)
    assert (found[budgets == 0.0] == 0.0).all()
