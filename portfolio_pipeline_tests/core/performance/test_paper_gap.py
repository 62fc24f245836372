"""The books between paper and book trade exactly: the back-test of the same decisions, session by session and alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.performance.paper_gap import EARLIER, after_limits, traded_exactly
from portfolio_pipeline.core.simulation.simulation import Decisions, TradePrices, simulate_plainly
from portfolio_pipeline_tests.core.markets import market

COST = 0.0003


def example(seed: int, missing: float = 0.0) -> tuple[np.ndarray, TradePrices]:
    panel = market(60, 5, seed=seed, missing=missing).select(("S00", "S03", "S04"))
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-0.1, 0.4, panel.adjusted_close.shape)
    weights[:10] = 0.0  # nothing is decided before there is an account
    return weights, TradePrices.of(panel, rng.normal(0.0001, 0.0002, 60))


def traded(weights: np.ndarray, prices: TradePrices, cost: float = COST) -> np.ndarray:
    return traded_exactly(weights, prices.open, prices.close, prices.cash_return, cost)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_it_earns_what_the_back_test_of_the_same_daily_decisions_earns(seed: int) -> None:
    weights, prices = example(seed)
    for cost, tolerance in ((0.0, 1e-13), (COST, 1e-4)):  # what the session before has paid, weights leave out
        expected = simulate_plainly(prices, Decisions(np.arange(60), weights), cost).net_return
        found = traded(weights, prices, cost)
        assert np.isnan(found[:EARLIER]).all()
        np.testing.assert_allclose(found[EARLIER:], expected[EARLIER:], rtol=1e-9, atol=tolerance)
        assert abs(found[EARLIER:].mean() - expected[EARLIER:].mean()) < tolerance / 10 + 1e-14


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(EARLIER, 59))
def test_a_session_alone_has_its_bits_and_neither_the_future_nor_a_symbol_of_nothing_changes_one(
    seed: int, row: int
) -> None:
    weights, prices = example(seed)
    found = traded(weights, prices)
    alone = slice(row - EARLIER, row + 1)
    more = np.random.default_rng(seed).uniform(1.0, 2.0, (60, 3))
    wide = TradePrices.made(np.hstack([prices.open, more]), np.hstack([prices.close, more]), prices.cash_return)
    part = wide.rows(row - EARLIER, row + 1)
    assert traded(np.hstack([weights, more * 0.0])[alone], part)[EARLIER] == found[row]


def test_a_symbol_without_a_bar_does_not_move() -> None:
    weights, prices = example(7, missing=0.2)
    assert np.isnan(prices.close).any()
    assert np.isfinite(traded(weights, prices)[EARLIER:]).all()
    still = np.full((5, 1), 10.0)
    still[3] = np.nan
    found = traded(np.full((5, 1), 0.5), TradePrices.made(still, still))
    np.testing.assert_allclose(found[EARLIER:], 0.0, atol=1e-15)


def test_limits_leave_of_each_strategy_what_they_leave_of_all_and_the_buffer_stays() -> None:
    weights = np.array([[0.5, 0.5, 0.2], [0.5, 0.5, 0.0]])
    requested = np.array([[0.4, 0.4, 0.0], [0.6, 0.6, -0.2]])
    allowed = np.array([[0.2, 0.4, 0.0], [0.6, 0.6, -0.2]])
    found = after_limits(weights, requested, allowed, cash_buffer=0.01)
    np.testing.assert_allclose(found, [[0.25, 0.5, 0.2], [0.495, 0.495, 0.0]])
    # Where limits made something larger, or turned it, the strategy has what it asked for.
    odd = after_limits(np.ones((1, 2)), np.array([[0.2, 0.2]]), np.array([[0.3, -0.1]]), cash_buffer=0.0)
    assert odd.tolist() == [[1.0, 1.0]]
    assert traded_exactly(weights[:2], weights[:2], weights[:2], np.zeros(2), COST) == pytest.approx(
        [np.nan, np.nan], nan_ok=True
    )
