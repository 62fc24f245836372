"""What each method of sharing out capital wants: by independent oracles, of the window alone, and never all at once."""

from __future__ import annotations

from typing import Any

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypfopt import BlackLittermanModel, HRPOpt, risk_models

from portfolio_pipeline.core.portfolio.allocation.allocate import allocate
from portfolio_pipeline.core.portfolio.allocation.figures import covariances, deepest_fall, sharpe, sortino
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS, Known
from portfolio_pipeline.core.portfolio.allocation.methods.black_litterman import posterior, signals
from portfolio_pipeline.core.portfolio.allocation.methods.hierarchical import strategy_budgets
from portfolio_pipeline.core.portfolio.allocation.methods.kelly import single_bet
from portfolio_pipeline.core.portfolio.allocation.methods.max_sharpe import expectations
from portfolio_pipeline.core.portfolio.allocation.methods.momentum import lifted
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.allocation.wishes import ranks, requested_shares
from portfolio_pipeline.core.weighing.mean_variance import best_growth, largest_sharpe
from portfolio_pipeline.core.weighing.means import shrunk_means

NAMES = ("a", "b", "c", "d", "e")
CLASSES = ("equity", "equity", "bond", "several", "several")
METHODS = tuple(ALLOCATION_METHODS)
FREE: dict[str, Any] = {
    "minimum": 0.0,
    "maximum": 1.0,
    "static": {"a": 0.5, "c": 0.2},
    "turnover": None,
    "tracking_error": None,
}


def paper(count: int = 63, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    common = random.normal(0, 0.004, (count, 1))
    return common + random.normal(0.0006, 0.002 + 0.01 * random.random(5), (count, 5))


def exposures(count: int = 63, seed: int = 1) -> np.ndarray:
    return np.random.default_rng([seed, 7]).uniform(0, 1, (count, 5))


def known(returns: np.ndarray, exposure: np.ndarray | None = None) -> Known:
    held = np.full_like(returns, np.nan) if exposure is None else exposure
    return Known(NAMES, returns, held, np.zeros(5), CLASSES)


def wish(method: str, returns: np.ndarray, **more: Any) -> np.ndarray:
    return requested_shares(known(returns, exposures(len(returns))), Allocation(method=method, **{**FREE, **more}))


def test_the_figures_are_those_of_empyrical() -> None:
    returns = paper()
    for column in range(5):
        series = pd.Series(returns[:, column])
        assert sharpe(returns)[column] == pytest.approx(empyrical.sharpe_ratio(series))
        assert sortino(returns)[column] == pytest.approx(empyrical.sortino_ratio(series))
        assert deepest_fall(returns)[column] == pytest.approx(empyrical.max_drawdown(series))


def test_everyone_brings_the_same_risk() -> None:
    returns = paper()
    found, matrix = wish("risk_parity", returns), covariances(returns, Allocation())
    np.testing.assert_allclose(found * (matrix @ found) / (found @ matrix @ found), 0.2, atol=1e-12)


def test_risk_is_budgeted_over_classes_and_then_over_strategies() -> None:
    returns, budgets = paper(), {"bond": 0.5, "several": 0.3, "d": 0.25}
    found, matrix = wish("hierarchical", returns, risk_budgets=budgets), covariances(returns, Allocation())
    brought = found * (matrix @ found) / (found @ matrix @ found)
    np.testing.assert_allclose(brought, [0.1, 0.1, 0.5, 0.075, 0.225], atol=1e-12)
    np.testing.assert_allclose(strategy_budgets(NAMES, CLASSES, {}), [1 / 6, 1 / 6, 1 / 3, 1 / 6, 1 / 6])
    np.testing.assert_allclose(strategy_budgets(("a",), ("bond",), {"bond": 0.4}), [1.0])
    np.testing.assert_allclose(strategy_budgets(("a", "b"), ("bond", "bond"), {"bond": 0.0}), [0.5, 0.5])


def test_hierarchical_risk_parity_is_that_of_pypfopt() -> None:
    returns = paper(252)
    matrix = pd.DataFrame(covariances(returns, Allocation()), NAMES, NAMES)
    expected = HRPOpt(returns=pd.DataFrame(returns, columns=NAMES), cov_matrix=matrix).optimize()
    # The clusters are of the same correlations as the covariance.
    oracle = HRPOpt(cov_matrix=matrix)
    oracle.returns = None
    expected = oracle.optimize()
    np.testing.assert_allclose(wish("hrp", returns, window_sessions=252), [expected[n] for n in NAMES], rtol=1e-9)


def test_the_largest_sharpe_and_kelly_bets_are_of_shrunk_means() -> None:
    returns = paper(252)
    matrix = covariances(returns, Allocation())
    means = 252 * shrunk_means(returns.mean(axis=0), matrix / 252, 252)
    np.testing.assert_allclose(
        wish("max_sharpe", returns, window_sessions=252), largest_sharpe(means, matrix, 0.1), rtol=1e-9
    )
    bets = 0.01 * best_growth(means, matrix)
    assert bets.sum() < 1
    np.testing.assert_allclose(wish("kelly", returns, kelly_fraction=0.01), bets, rtol=1e-9)
    large = wish("kelly", returns, kelly_fraction=1.0)
    assert large.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(large, bets / bets.sum(), rtol=1e-9)


def test_kelly_gives_equal_shares_until_a_year_is_there() -> None:
    np.testing.assert_allclose(wish("kelly", paper(251)), 0.2)
    returns = paper(252)
    returns[:1, 3] = np.nan
    found = wish("kelly", returns)
    assert found[3] == 0.2
    assert found.sum() <= 1 + 1e-12


def test_a_strategy_alone_bets_by_its_share_of_gains_and_its_payoff() -> None:
    returns = np.array([0.02] * 6 + [-0.01] * 4 + [0.0, np.nan])
    assert single_bet(returns) == pytest.approx(0.6 - 0.4 / 2)
    assert single_bet(-returns) == 0.0
    assert single_bet(np.array([0.01])) == 1.0
    assert single_bet(np.array([-0.01, np.nan])) == 0.0
    one = Known(("a",), np.tile(returns[:10], 30)[:, None], np.zeros((300, 1)), np.zeros(1), ("bond",))
    assert requested_shares(one, Allocation(method="kelly", window_sessions=300))[0] == pytest.approx(0.25 * 0.4)


def test_the_target_volatility_is_met_and_the_rest_stays_in_cash() -> None:
    returns = paper(252)
    found = wish("target_volatility", returns, window_sessions=252, volatility_target=0.02)
    matrix = covariances(returns, Allocation())
    assert np.sqrt(found @ matrix @ found) == pytest.approx(0.02, rel=1e-6)
    assert found.sum() < 0.9


def test_black_and_litterman_is_that_of_pypfopt() -> None:
    returns = paper()
    matrix, prior = covariances(returns, Allocation()), np.array([0.05, 0.04, 0.03, 0.06, 0.02])
    views = np.array([0.06, 0.04, 0.01, 0.06, 0.05])
    means, spread = posterior(prior, matrix, views, 0.05)
    frame = pd.DataFrame(matrix, NAMES, NAMES)
    oracle = BlackLittermanModel(
        frame, pi=pd.Series(prior, NAMES), absolute_views=dict(zip(NAMES, views, strict=True)), tau=0.05
    )
    np.testing.assert_allclose(means, oracle.bl_returns().to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(spread, oracle.bl_cov().to_numpy(), rtol=1e-9)


def test_who_holds_more_than_usual_is_given_more_and_who_says_nothing_as_the_prior() -> None:
    returns, calm = paper(), np.full((63, 5), 0.5)
    neutral = requested_shares(known(returns, calm), Allocation(method="black_litterman"))
    np.testing.assert_allclose(
        neutral, requested_shares(known(returns), Allocation(method="black_litterman")), atol=1e-12
    )
    calm[-1, 2] = 1.0
    louder = requested_shares(known(returns, calm), Allocation(method="black_litterman"))
    assert louder[2] > neutral[2] + 0.01
    np.testing.assert_array_equal(signals(calm)[[0, 1, 3, 4]], 0.0)
    assert signals(calm)[2] == 2.0


def test_equal_means_and_variances_share_out_equally() -> None:
    """What the prior says alone: equal shares."""
    returns = np.vstack([paper(252, seed) for seed in range(40)])
    found = requested_shares(known(returns), Allocation(method="black_litterman", window_sessions=10_000))
    np.testing.assert_allclose(found, 0.2, atol=0.05)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.5, 1.0], [0.5, 1.0]), ([-0.5, 1.0], [0.1, 1.6]), ([0.1, 0.3], [0.1, 0.3]), ([0.05, 0.3], [0.1, 0.35])],
)
def test_momentum_lifts_the_lowest_score_when_it_is_negative(scores: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(lifted(np.array(scores)), expected)


def test_momentum_is_in_proportion_to_sharpe_ratios() -> None:
    scores = sharpe(paper())
    assert scores.min() < 0
    lifted_ = scores - scores.min() + 0.1
    np.testing.assert_allclose(wish("momentum", paper()), lifted_ / lifted_.sum())


@pytest.mark.parametrize(("name", "ratio"), [("sharpe", sharpe), ("sortino", sortino)])
def test_performance_is_in_proportion_to_what_was_earned_for_the_risk(name: str, ratio: Any) -> None:
    earned = np.maximum(ratio(paper()), 0.0)
    assert (earned == 0.0).any()
    np.testing.assert_allclose(wish("performance", paper(), performance_ratio=name), earned / earned.sum())
    np.testing.assert_allclose(wish("performance", -np.abs(paper()), performance_ratio=name), 0.2)


def test_the_score_multiplies_sharpe_and_return_and_divides_by_drawdown_with_no_factor_below_zero() -> None:
    returns = paper()
    total = np.prod(1 + returns, axis=0) - 1
    factors = np.maximum(1 + sharpe(returns), 0) * np.maximum(1 + total, 0) / (1 - deepest_fall(returns))
    np.testing.assert_allclose(wish("score", returns), factors / factors.sum())
    np.testing.assert_allclose(wish("score", -np.abs(returns)), 0.2)


def test_an_ensemble_is_the_mean_of_its_members_and_leaves_in_cash_what_they_leave() -> None:
    returns = paper(300)
    members = ("risk_parity", "kelly", "static")
    found = wish("ensemble", returns, members=members, kelly_fraction=0.01)
    each = [wish(name, returns, kelly_fraction=0.01) for name in members]
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-12)
    assert found.sum() < 0.9
    assert Allocation(method="ensemble", members=members).sessions_seen == 252
    assert Allocation(method="ensemble").sessions_seen == 63


def test_the_overlay_tilts_any_method_by_the_rank_of_what_was_earned_of_late() -> None:
    returns = paper(100)
    for column, total in enumerate((0.01, 0.09, 0.05, -0.03, 0.17)):
        returns[-63:, column] += ((1 + total) / np.prod(1 + returns[-63:, column])) ** (1 / 63) - 1
    np.testing.assert_allclose(ranks(returns[-63:]), [-0.5, 0.5, 0.0, -1.0, 1.0], atol=0.01)
    for method in METHODS:
        plain, tilted = wish(method, returns), wish(method, returns, overlay="momentum")
        expected = plain * (1 + 0.5 * np.array([-0.5, 0.5, 0.0, -1.0, 1.0]))
        np.testing.assert_allclose(tilted, expected * plain.sum() / expected.sum(), atol=0.01, err_msg=method)
        assert tilted.sum() == pytest.approx(plain.sum())


@pytest.mark.parametrize("method", METHODS)
def test_no_method_sees_what_comes_after_or_stood_before_its_window(method: str) -> None:
    setting = Allocation(method=method, **FREE)
    returns, held = paper(600), exposures(600)
    more = {"exposure": held, "classes": CLASSES}
    found = allocate(returns, 300, NAMES, setting, None, **more)  # type: ignore[arg-type]
    later = returns.copy()
    later[400:] *= -3.0
    held[400:] = 0.0
    changed = allocate(later, 300, NAMES, setting, None, **more)  # type: ignore[arg-type]
    assert changed.weight[:100].tobytes() == found.weight[:100].tobytes()
    earlier = returns.copy()
    earlier[: 300 - setting.sessions_seen] = 0.5
    same = allocate(earlier[:300], 1, NAMES, setting, None, classes=CLASSES)
    expected = allocate(returns[:300], 1, NAMES, setting, None, classes=CLASSES)
    if setting.sessions_seen < 300:
        assert same.requested.tobytes() == expected.requested.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_a_range_gives_the_bits_of_its_sessions_one_by_one_for_every_method(method: str) -> None:
    setting = Allocation(method=method, static={"a": 0.3}, overlay="momentum", tracking_error=0.005)
    returns, held = paper(320), exposures(320)
    returns[:290, 2] = np.nan
    at_once = allocate(returns, 30, NAMES, setting, None, exposure=held, classes=CLASSES)
    previous = None
    for row in range(30):
        stop = 290 + row + 1
        seen = slice(stop - setting.sessions_seen, stop)
        one = allocate(returns[seen].copy(), 1, NAMES, setting, previous, exposure=held[seen].copy(), classes=CLASSES)
        assert one.weight.tobytes() == at_once.weight[[row]].tobytes()
        previous = dict(zip(NAMES, one.weight[0].tolist(), strict=True))


@pytest.mark.parametrize("method", METHODS)
@given(
    seed=st.integers(0, 200),
    sessions=st.integers(1, 300),
    begun=st.lists(st.integers(0, 300), min_size=5, max_size=5),
    idle=st.floats(0, 1),
    kind=st.sampled_from(["sample", "exponential", "ledoit_wolf"]),
)
@settings(max_examples=20, deadline=None)
def test_shares_can_be_used_with_twins_idle_ones_and_short_histories(
    method: str, seed: int, sessions: int, begun: list[int], idle: float, kind: str
) -> None:
    random = np.random.default_rng(seed)
    returns = paper(sessions, seed)
    returns[:, 1] = returns[:, 0]
    returns[:, 4] = 0.0
    returns[random.random(returns.shape) < idle] = 0.0
    for column, first in enumerate(begun):
        returns[:first, column] = np.nan
    found = wish(method, returns, covariance=kind)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    whole = found.sum()
    assert whole <= 1 + 1e-9
    if not ALLOCATION_METHODS[method].exact:
        assert whole == pytest.approx(1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("twins", [False, True])
def test_tiny_changes_of_the_returns_change_shares_as_little(method: str, twins: bool) -> None:
    for seed in range(12):
        returns = paper(300, seed)
        if twins:
            returns[:, 1] = returns[:, 0]
        noise = 1 + 1e-8 * np.random.default_rng([seed, 3]).normal(size=returns.shape)
        before, after = (wish(method, given_, overlay="momentum") for given_ in (returns, returns * noise))
        np.testing.assert_allclose(after, before, atol=2e-5)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("static", "equal")])
def test_nothing_jumps_as_returns_slowly_turn_from_gains_into_losses(method: str) -> None:
    """HRP's clusters may change on the way, and with them its shares: that is its nature."""
    returns = paper(300, 5)
    path = np.array([wish(method, returns - drop) for drop in np.linspace(0, 0.0015, 2_000)])
    if method not in ("hrp", "ensemble"):
        assert np.abs(np.diff(path, axis=0)).sum(axis=1).max() < 0.1


def test_a_year_of_means_is_252_sessions_of_them() -> None:
    returns = paper(252)
    means, matrix = expectations(known(returns), Allocation(covariance="sample"))
    np.testing.assert_allclose(
        np.diag(matrix), np.diag(risk_models.sample_cov(pd.DataFrame(returns), returns_data=True))
    )
    assert means.mean() == pytest.approx(252 * returns.mean(), rel=0.5)
