"""The compiled back-test against its specification, a second naive one, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.simulation.simulation import (
    BacktestResult,
    Decisions,
    PaperBook,
    TradePrices,
    simulate,
    simulate_plainly,
)
from portfolio_pipeline_tests.core.markets import closes_only, market

NAMES = ("net_return", "cost", "turnover", "weights")


@st.composite
def backtests(draw: st.DrawFn) -> tuple[TradePrices, Decisions, float]:
    """A market with holes and random decisions, long-short and levered ones among them."""
    sessions, symbols = draw(st.integers(2, 60)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.04, (sessions, symbols)), axis=0)
    gone = rng.random(close.shape) < draw(st.sampled_from([0.0, 0.1, 0.6]))
    if draw(st.booleans()):
        gone[sessions // 2 :, 0] = True
    opens = np.where(gone, np.nan, close * (1.0 + rng.normal(0.0, 0.01, close.shape)))
    rows = np.flatnonzero(rng.random(sessions) < draw(st.sampled_from([0.1, 0.5, 1.0])))
    low = draw(st.sampled_from([0.0, -1.0]))
    weights = rng.uniform(low, 1.0, (len(rows), symbols)) * (rng.random((len(rows), symbols)) < 0.7)
    weights *= draw(st.sampled_from([1.0, 3.0])) / np.maximum(np.abs(weights).sum(axis=1, keepdims=True), 1e-9)
    cash = rng.normal(0.0002, 0.0003, sessions) * draw(st.booleans())
    return (
        TradePrices.made(opens, np.where(gone, np.nan, close), cash),
        Decisions(rows, weights),
        draw(st.sampled_from([0.0, 0.001])),
    )


@settings(max_examples=60, deadline=None)
@given(backtests())
def test_the_compiled_loop_does_what_the_specification_says(case: tuple[TradePrices, Decisions, float]) -> None:
    found, expected = simulate(*case, delist_after=4), simulate_plainly(*case, delist_after=4)
    for name in NAMES:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.end.equity, expected.end.equity, rtol=1e-11, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(backtests())
def test_going_on_from_a_book_gives_the_same_bits_as_never_having_stopped(
    case: tuple[TradePrices, Decisions, float],
) -> None:
    prices, decisions, cost = case
    whole = simulate(prices, decisions, cost, delist_after=4)
    book, parts = None, []
    for row in range(len(prices.open)):
        mine = decisions.rows == row
        one = Decisions(np.zeros(mine.sum(), np.int64), decisions.weights[mine])
        parts.append(simulate(prices.rows(row, row + 1), one, cost, _as_stored(book), delist_after=4))
        book = parts[-1].end
    for name in NAMES:
        pieces = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(pieces, getattr(whole, name))
    assert book is not None
    assert book.equity == whole.end.equity


def _as_stored(book: PaperBook | None) -> PaperBook | None:
    """What is left of a book in a table that holds only what is held."""
    if book is None:
        return None
    held = book.quantity != 0.0
    missing = np.where(held, book.sessions_without_bar, 0)
    return PaperBook(book.quantity.copy(), np.where(held, book.price, np.nan), missing, book.cash, book.pending)


@settings(max_examples=40, deadline=None)
@given(backtests(), st.integers(0, 59))
def test_what_happens_later_changes_nothing_before(case: tuple[TradePrices, Decisions, float], row: int) -> None:
    prices, decisions, cost = case
    row = min(row, len(prices.open) - 1)
    later = (np.arange(len(prices.open)) > row)[:, None]
    other = TradePrices(
        np.where(later, np.nan, prices.open),
        np.where(later, np.nan, prices.close),
        np.where(later[:, 0], 0.5, prices.cash_return),
    )
    before, after = simulate(prices, decisions, cost), simulate(other, decisions, cost)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(before, name)[: row + 1], getattr(after, name)[: row + 1])


def naive(prices: TradePrices, decisions: Decisions, cost_rate: float) -> list[float]:
    """Equity at each close, one share at a time, without missing bars: a second opinion on the meaning."""
    cash, shares, wanted, equity = 1.0, dict.fromkeys(range(prices.open.shape[1]), 0.0), None, []
    for t in range(len(prices.open)):
        cash *= 1.0 + prices.cash_return[t]
        if wanted is not None:
            worth = cash + sum(shares[i] * prices.open[t, i] for i in shares)
            for i in shares:
                target = wanted[i] * worth / prices.open[t, i]
                cash -= (target - shares[i]) * prices.open[t, i] + cost_rate * abs(target - shares[i]) * prices.open[
                    t, i
                ]
                shares[i] = target
        equity.append(cash + sum(shares[i] * prices.close[t, i] for i in shares))
        found = np.flatnonzero(decisions.rows == t)
        wanted = decisions.weights[found[0]] if len(found) else None
    return equity


def test_it_earns_what_a_naive_back_test_earns() -> None:
    panel = market(300, 5, seed=4, missing=0.0).select(("S00", "S03", "S04"))
    rng = np.random.default_rng(0)
    prices = TradePrices.of(panel, rng.normal(0.0001, 0.0002, 300))
    rows = np.arange(0, 300, 7)
    decisions = Decisions(rows, rng.dirichlet(np.ones(3), len(rows)) - 0.2)
    result = simulate(prices, decisions, 0.002)
    np.testing.assert_allclose(np.cumprod(1.0 + result.net_return), naive(prices, decisions, 0.002), rtol=1e-12)
    np.testing.assert_allclose(result.gross_return - result.cost, result.net_return, atol=1e-15)
    np.testing.assert_allclose(result.cost, 0.002 * result.turnover, rtol=1e-12)


def test_a_book_in_cash_earns_what_cash_earns_and_one_that_owes_it_pays() -> None:
    close, cash = np.ones((4, 1)), np.array([0.1, 0.01, 0.02, 0.03])
    idle = simulate(TradePrices.made(close, close, cash), Decisions(np.array([], np.int64), np.empty((0, 1))), 0.0)
    np.testing.assert_allclose(idle.net_return, cash, rtol=1e-14)
    twice = simulate(TradePrices.made(close, close, cash), Decisions(np.array([0]), np.array([[2.0]])), 0.0)
    # Bought at the open of the second session, whose interest was paid before.
    worth = [1.1 * 1.01, 1.1 * 1.01 * (2.0 - 1.02), 1.1 * 1.01 * (2.0 - 1.02 * 1.03)]
    np.testing.assert_allclose(np.cumprod(1.0 + twice.net_return)[1:], worth, rtol=1e-14)


def test_a_decision_is_executed_at_the_next_open_and_not_before() -> None:
    opens = np.array([[10.0], [20.0], [20.0]])
    close = np.array([[10.0], [30.0], [30.0]])
    result = simulate(TradePrices.made(opens, close), Decisions(np.array([0]), np.array([[1.0]])), 0.0)
    np.testing.assert_allclose(result.net_return, [0.0, 0.5, 0.0])


def test_an_unsaleable_holding_makes_the_others_smaller_instead_of_borrowing() -> None:
    close = np.ones((4, 2))
    close[2:, 0] = np.nan
    decisions = Decisions(np.array([0, 1]), np.array([[0.4, 0.6], [0.0, 1.0]]))
    result = simulate(TradePrices.made(close, close), decisions, 0.0)
    np.testing.assert_allclose(result.weights[2], [0.4, 0.6])
    assert result.end.cash == pytest.approx(0.0, abs=1e-12)


def test_a_share_that_cannot_be_bought_stays_in_cash() -> None:
    close = np.ones((3, 2))
    close[1, 0] = np.nan
    result = simulate(TradePrices.made(close, close), Decisions(np.array([0]), np.array([[0.4, 0.6]])), 0.0)
    np.testing.assert_allclose(result.weights[1:], [[0.0, 0.6], [0.0, 0.6]])


def test_a_delisted_holding_is_cashed_out_at_its_last_price_after_ten_sessions() -> None:
    close = np.full((15, 1), 2.0)
    close[3:] = np.nan
    result = simulate(TradePrices.made(close, close), Decisions(np.array([0]), np.array([[1.0]])), 0.0)
    np.testing.assert_allclose(result.weights[:, 0], [0.0] + [1.0] * 11 + [0.0] * 3)
    assert result.end.cash == 1.0
    assert not result.net_return.any()


def test_a_book_that_lost_everything_stays_empty() -> None:
    close = np.array([[1.0], [1.0], [5.0], [1.0], [1.0]])
    decisions = Decisions(np.array([0, 2, 3]), np.array([[-1.0], [-1.0], [-1.0]]))
    result = simulate(TradePrices.made(close, close), decisions, 0.0)
    np.testing.assert_array_equal(result.net_return, [0.0, 0.0, -1.0, 0.0, 0.0])
    assert result.end.equity == 0.0


def test_ten_years_of_thirty_symbols_take_a_few_milliseconds() -> None:
    rng = np.random.default_rng(2)
    prices = TradePrices.of(closes_only(np.cumprod(1.0 + rng.normal(0, 0.01, (2500, 31)), axis=0)))
    rows = np.arange(0, 2500, 5)
    decisions = Decisions(rows, np.full((len(rows), 31), 1 / 31))

    def timed() -> float:
        import time

        start = time.perf_counter()
        result: BacktestResult = simulate(prices, decisions, 0.001, keep_weights=False)
        assert result.end.equity > 0
        return time.perf_counter() - start

    assert min(timed() for _ in range(5)) < 0.06
