"""The segment kernel against the specification of the back-test, and the tables that its candidates share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.simulation.segments import SegmentedMarket, play_selections, play_weights
from portfolio_pipeline.core.simulation.selections import Selections, order_table
from portfolio_pipeline.core.simulation.simulation import Decisions, TradePrices, simulate_plainly
from portfolio_pipeline_tests.core.plain_strategies import best

Case = tuple[TradePrices, np.ndarray, np.ndarray, float]
CANDIDATES = 3


@st.composite
def batches(draw: st.DrawFn) -> Case:
    """A market with gaps, late listings and delistings, and candidates, some of them long-short or levered to ruin."""
    sessions, symbols = draw(st.integers(2, 90)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, draw(st.sampled_from([0.01, 0.08])), (sessions, symbols)), axis=0)
    gone = rng.random(close.shape) < draw(st.sampled_from([0.0, 0.1, 0.6]))
    if draw(st.booleans()):
        gone[sessions // 2 :, 0] = True
        gone[: sessions // 3, -1] = True
    opens = np.where(gone, np.nan, close * (1.0 + rng.normal(0.0, 0.01, close.shape)))
    rows = np.flatnonzero(rng.random(sessions) < draw(st.sampled_from([0.05, 0.3, 1.0])))
    shape = (CANDIDATES, len(rows), symbols)
    weights = rng.uniform(draw(st.sampled_from([0.0, -1.0])), 1.0, shape) * (rng.random(shape) < 0.7)
    weights *= draw(st.sampled_from([1.0, 3.0])) / np.maximum(np.abs(weights).sum(axis=2, keepdims=True), 1e-9)
    cash = rng.normal(0.0002, 0.0003, sessions) * draw(st.booleans())
    prices = TradePrices.made(opens, np.where(gone, np.nan, close), cash)
    return prices, rows, weights, draw(st.sampled_from([0.0, 0.002]))


def played(case: Case, delist_after: int = 4, workers: int = 1) -> tuple[np.ndarray, np.ndarray]:
    prices, rows, weights, cost_rate = case
    net = np.full((len(weights), len(prices.close)), np.nan)
    segmented = SegmentedMarket.of(prices, rows, delist_after=delist_after)
    turnover = np.full((len(weights), len(segmented.opens)), np.nan)
    play_weights(segmented, weights, cost_rate, net, turnover, workers=workers)
    return net, by_session(segmented, turnover)


def by_session(market: SegmentedMarket, turnover: np.ndarray) -> np.ndarray:
    spread_out = np.zeros((len(turnover), market.bounds[-1]))
    spread_out[:, market.bounds[:-1]] = turnover
    return spread_out


def above_cash(prices: TradePrices, net_return: np.ndarray) -> np.ndarray:
    """Nothing after the session in which everything was lost: what is not there cannot earn less than cash."""
    found = (1.0 + net_return) / (1.0 + prices.cash_return) - 1.0
    empty = np.cumprod(1.0 + net_return) <= 0.0
    found[1:][empty[:-1]] = 0.0
    return found


@settings(max_examples=150, deadline=None)
@given(batches())
def test_every_candidate_earns_and_trades_what_the_specification_says(case: Case) -> None:
    prices, rows, weights, cost_rate = case
    net, turnover = played(case)
    for c in range(CANDIDATES):
        expected = simulate_plainly(prices, Decisions(rows, weights[c]), cost_rate, delist_after=4)
        np.testing.assert_allclose(net[c], above_cash(prices, expected.net_return), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(turnover[c], expected.turnover, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(turnover[c] * cost_rate, expected.cost, rtol=1e-11, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(batches(), st.integers(0, 89))
def test_what_happens_later_changes_no_bit_before(case: Case, row: int) -> None:
    prices, rows, weights, cost_rate = case
    row = min(row, len(prices.close) - 1)
    known = rows <= row
    earlier = prices.rows(0, row + 1), rows[known], weights[:, known], cost_rate
    for whole, part in zip(played(case), played(earlier), strict=True):
        np.testing.assert_array_equal(whole[:, : row + 1], part)


@settings(max_examples=30, deadline=None)
@given(batches())
def test_neither_threads_nor_the_other_candidates_change_a_bit(case: Case) -> None:
    prices, rows, weights, cost_rate = case
    net, turnover = played(case)
    threaded = played(case, workers=3)
    np.testing.assert_array_equal(net, threaded[0])
    np.testing.assert_array_equal(turnover, threaded[1])
    np.testing.assert_array_equal(net[2:], played((prices, rows, weights[2:], cost_rate))[0])


def test_a_holding_is_cashed_out_once_and_its_money_can_be_used_again() -> None:
    close = np.ones((12, 2))
    close[3:, 0] = np.nan
    close[9:, 1] = 2.0
    prices, rows = TradePrices.made(close, close), np.array([0, 7])
    net, turnover = played((prices, rows, np.array([[[1.0, 0.0], [0.0, 1.0]]]), 0.0))
    np.testing.assert_array_equal(net[0], [0.0] * 9 + [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(turnover[0], [0.0, 1.0] + [0.0] * 6 + [1.0] + [0.0] * 3)


def test_a_book_that_lost_everything_stays_empty_whatever_is_decided() -> None:
    close = np.array([[1.0], [1.0], [5.0], [1.0], [1.0]])
    net, turnover = played((TradePrices.made(close, close), np.array([0, 2, 3]), np.full((1, 3, 1), -1.0), 0.0))
    np.testing.assert_array_equal(net[0], [0.0, 0.0, -1.0, 0.0, 0.0])
    np.testing.assert_array_equal(turnover[0], [0.0, 1.0, 0.0, 0.0, 0.0])


def test_a_bar_with_an_open_and_no_close_is_refused() -> None:
    close = np.ones((3, 2))
    close[1, 1] = np.nan
    with pytest.raises(DataError, match="BAR_INCOMPLETE"):
        SegmentedMarket.of(TradePrices.made(np.ones((3, 2)), close), np.array([0]))


@pytest.mark.parametrize("rows", [[], [59]])
def test_without_an_execution_nothing_is_earned(rows: list[int]) -> None:
    close = np.linspace(1.0, 2.0, 60)[:, None]
    weights = np.ones((1, len(rows), 1))
    net, turnover = played((TradePrices.made(close, close), np.array(rows, np.int64), weights, 0.001))
    assert not net.any()
    assert not turnover.any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_the_first_places_of_an_order_are_the_best_symbols(seed: int, places: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (20, 9)).astype(float)
    scores[rng.random(scores.shape) < 0.2] = np.nan
    scores[rng.random(scores.shape) < 0.05] = np.inf
    order = order_table(scores, places)
    everywhere = np.ones(scores.shape, dtype=bool)
    for k in range(1, places + 1):
        np.testing.assert_array_equal(spread(order, everywhere, k) > 0.0, best(scores, k))
    found = np.take_along_axis(scores, np.maximum(order[:, : scores.shape[1]].astype(int), 0), axis=1)
    for values, symbols in zip(found, order, strict=True):
        kept = values[: (symbols >= 0).sum()]
        assert (np.diff(kept) <= 0.0).all()


def spread(order: np.ndarray, allowed: np.ndarray, top: int) -> np.ndarray:
    """The weights [rows, symbols] that a selection stands for."""
    weights = np.zeros(allowed.shape)
    for row, (symbols, through) in enumerate(zip(order, allowed, strict=True)):
        for symbol in symbols[:top]:
            if symbol >= 0 and through[symbol]:
                weights[row, symbol] = 1.0 / top
    return weights


@settings(max_examples=80, deadline=None)
@given(batches(), st.integers(0, 10_000), st.integers(1, 3))
def test_selections_are_played_to_the_bit_as_the_weights_they_stand_for(case: Case, seed: int, workers: int) -> None:
    prices, rows, weights, cost_rate = case
    symbols = weights.shape[2]
    rng = np.random.default_rng(seed)
    scores = np.where(rng.random((2, len(rows), symbols)) < 0.2, np.nan, rng.normal(size=(2, len(rows), symbols)))
    orders = [order_table(one, symbols) for one in scores]
    filters = [rng.random((len(rows), symbols)) < share for share in (0.5, 1.0)]
    grid = [(o, f, int(k)) for o in (0, 1) for f in (1, 0) for k in rng.integers(1, symbols + 1, 2)]
    compact = Selections.of((orders[o], filters[f], k) for o, f, k in grid)
    spread_out = np.stack([spread(orders[o], filters[f], k) for o, f, k in grid])
    expected = played((prices, rows, spread_out, cost_rate))
    net = np.full((len(grid), len(prices.close)), np.nan)
    segmented = SegmentedMarket.of(prices, rows, delist_after=4)
    turnover = np.full((len(grid), len(segmented.opens)), np.nan)
    play_selections(segmented, compact, cost_rate, net, turnover, workers=workers)
    turnover = by_session(segmented, turnover)
    np.testing.assert_array_equal(net, expected[0])
    np.testing.assert_array_equal(turnover, expected[1])
    for c in (0, len(grid) - 1):
        plain = simulate_plainly(prices, Decisions(rows, spread_out[c]), cost_rate, delist_after=4)
        np.testing.assert_allclose(net[c], above_cash(prices, plain.net_return), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(turnover[c], plain.turnover, rtol=1e-11, atol=1e-12)
