"""Whole shares for some money: to the cent, as near to what is asked as whole shares come, whatever the prices."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pypfopt import DiscreteAllocation, risk_models
from pypfopt.efficient_frontier import EfficientFrontier

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.portfolio.construct import cash_left, rules_for_symbols, symbol_weights, whole_shares
from portfolio_pipeline.core.strategies.types.constructed import METHODS, Constructed, ConstructedParameters
from portfolio_pipeline.core.weighing.covariances import covariance
from portfolio_pipeline_tests.core.markets import market

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")


def worth(quantity: int, price: int, cost: float) -> int:
    """With costs that are rounded up to the cent."""
    return quantity * price + math.ceil(quantity * price * cost - 1e-9)


@given(
    capital=st.integers(100, 100_000_000),
    raw=st.lists(st.floats(0, 1), min_size=4, max_size=4),
    prices=st.lists(st.integers(1, 500_000), min_size=4, max_size=4),
    cost=st.sampled_from([0.0, 0.00025, 0.01]),
)
@settings(max_examples=200, deadline=None)
def test_positions_and_cash_add_up_to_the_cent_and_no_share_more_would_be_nearer_and_affordable(
    capital: int, raw: list[float], prices: list[int], cost: float
) -> None:
    total = sum(raw)
    assume(total > 0)
    weights = [one / total for one in raw]
    found = whole_shares(capital, SYMBOLS, weights, prices, cost)
    left = cash_left(capital, found)
    assert left >= 0
    assert sum(worth(one.quantity, one.price, cost) for one in found) + left == capital
    for one in found:
        asked = one.asked * capital
        assert one.value <= asked + one.price / 2 + 1e-6
        dearer = worth(one.quantity + 1, one.price, cost) - worth(one.quantity, one.price, cost)
        if dearer <= left:
            assert abs(one.value + one.price - asked) >= abs(one.value - asked) - 1e-6


@given(
    capital=st.integers(5_000, 60_000),
    raw=st.lists(st.floats(0.05, 1), min_size=3, max_size=3),
    prices=st.lists(st.integers(700, 20_000), min_size=3, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_it_is_hardly_further_from_what_is_asked_than_the_best_of_all_whole_shares(
    capital: int, raw: list[float], prices: list[int]
) -> None:
    weights = [one / sum(raw) for one in raw]
    asked = [weight * capital for weight in weights]
    found = whole_shares(capital, SYMBOLS[:3], weights, prices, 0.0)

    def apart(quantities: tuple[int, ...]) -> float:
        return sum(abs(n * p - a) for n, p, a in zip(quantities, prices, asked, strict=True))

    near = [range(max(0, int(a // p) - 1), int(a // p) + 3) for a, p in zip(asked, prices, strict=True)]
    possible = (
        one for one in itertools.product(*near) if sum(n * p for n, p in zip(one, prices, strict=True)) <= capital
    )
    best = min(map(apart, possible))
    assert apart(tuple(one.quantity for one in found)) <= best + max(prices)


def test_it_comes_as_near_as_pypfopt_does() -> None:
    generator = np.random.default_rng(7)
    for _ in range(30):
        prices = {name: round(float(generator.uniform(5, 400)), 2) for name in SYMBOLS}
        weights = dict(zip(SYMBOLS, generator.dirichlet(np.ones(4)).tolist(), strict=True))
        bought, _left = DiscreteAllocation(weights, pd.Series(prices), total_portfolio_value=100_000).greedy_portfolio()
        found = whole_shares(
            10_000_000, SYMBOLS, list(weights.values()), [round(100 * price) for price in prices.values()], 0.0
        )
        theirs = sum(abs(bought.get(name, 0) * prices[name] - 1e5 * weights[name]) for name in SYMBOLS)
        mine = sum(abs(one.value / 100 - 1e5 * one.asked) for one in found)
        assert mine <= theirs + max(prices.values())


def test_weights_are_those_of_the_method_over_the_window_as_pypfopt_finds_them() -> None:
    generator = np.random.default_rng(2)
    returns = generator.multivariate_normal(np.zeros(4), 1e-4 * (np.eye(4) + 0.3), 400)
    rules = rules_for_symbols("min_variance", 252)
    found = symbol_weights(SYMBOLS, returns, ("equity",) * 4, rules)
    shrunk = pd.DataFrame(252 * covariance(returns[-252:], rules.covariance, rules.half_life_sessions))
    frontier = EfficientFrontier(None, risk_models.fix_nonpositive_semidefinite(shrunk))
    np.testing.assert_allclose(found, list(frontier.min_volatility().values()), atol=1e-3)
    assert found.sum() == pytest.approx(1.0)
    short = returns.copy()
    short[:-10, 3] = np.nan
    assert symbol_weights(SYMBOLS, short, ("equity",) * 4, rules)[3] == 0.0


def test_by_budgets_of_risk_each_class_brings_as_much_as_any_other_down_to_its_positions() -> None:
    """Three of one class, one of another: half of the risk each, and thirds of it within."""
    generator = np.random.default_rng(5)
    returns = generator.multivariate_normal(np.zeros(4), np.diag([1.0, 2.0, 3.0, 4.0]) * 1e-4, 400)
    rules = rules_for_symbols("hierarchical", 252)
    weights = symbol_weights(SYMBOLS, returns, ("equity", "equity", "equity", "bond"), rules)
    matrix = covariance(returns[-252:], rules.covariance, rules.half_life_sessions)
    brought = weights * (matrix @ weights) / (weights @ matrix @ weights)
    np.testing.assert_allclose(brought, [1 / 6, 1 / 6, 1 / 6, 1 / 2], atol=1e-6)


@pytest.mark.parametrize("method", ["static", "black_litterman", "risk_party"])
def test_a_method_that_cannot_weigh_symbols_is_refused(method: str) -> None:
    with pytest.raises(ConfigurationError, match=f"METHOD_UNKNOWN: found={method}"):
        rules_for_symbols(method)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_adopted_holds_what_was_constructed(method: str) -> None:
    """The strategy type, at a session at which everything has a bar and a whole window, and the dry run: the same."""
    inputs = Inputs(market())
    parameters = ConstructedParameters(method=method, window=62)  # type: ignore[arg-type]
    seen = Constructed().window(parameters)
    held = np.flatnonzero(inputs.traded[-1] & ~np.isnan(inputs.returns[-seen + 1 :]).any(axis=0))
    assert len(held) > 2
    found = Constructed().target_weights(inputs, parameters, np.array([len(inputs.returns) - 1]))[0]
    rules = rules_for_symbols(method, 62)
    names = tuple(map(str, held))
    expected = symbol_weights(names, inputs.returns[:, held], ("several",) * len(held), rules)
    np.testing.assert_allclose(found[held], expected, atol=1e-12)
    assert found.sum() == pytest.approx(expected.sum())
