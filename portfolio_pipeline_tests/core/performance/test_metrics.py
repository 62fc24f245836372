"""Performance figures against empyrical at every session, and their bits against later data."""

from __future__ import annotations

from time import process_time

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from portfolio_pipeline.core.market.returns import drawdowns, growth
from portfolio_pipeline.core.performance.metrics import (
    METRICS,
    Performance,
    book_returns,
    metric_rows,
    performance,
    trade_turnover,
    turnover_metrics,
)

DAYS = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-01-01") + 300)


def some_returns(count: int = 300, seed: int = 7) -> np.ndarray:
    returns = np.random.default_rng(seed).normal(0.0004, 0.01, count)
    returns[0] = np.nan
    return returns


@pytest.mark.parametrize("session", [2, 62, 63, 64, 150, 299])
def test_every_figure_agrees_with_empyrical(session: int) -> None:
    returns = some_returns()
    figures = {name: values[session] for name, values in performance(returns).items()}
    past = returns[1 : session + 1]
    expected = {
        "return_1d": past[-1],
        "cumulative_return": empyrical.cum_returns_final(past),
        "annual_return": empyrical.annual_return(past),
        "volatility": empyrical.annual_volatility(past),
        "sharpe": empyrical.sharpe_ratio(past),
        "sortino": empyrical.sortino_ratio(past),
        "calmar": empyrical.calmar_ratio(past),
        "max_drawdown": empyrical.max_drawdown(past),
        "hit_rate": (past > 0).mean(),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(figures[name], value, rtol=1e-9, err_msg=name)
    if session >= 63:
        np.testing.assert_allclose(figures["sharpe_63d"], empyrical.sharpe_ratio(past[-63:]), rtol=1e-9)
        np.testing.assert_allclose(figures["volatility_63d"], empyrical.annual_volatility(past[-63:]), rtol=1e-9)
    else:
        assert np.isnan(figures["sharpe_63d"])


def test_sharpe_and_sortino_are_of_what_is_above_cash_and_nothing_else_is() -> None:
    returns, cash = some_returns(), np.random.default_rng(2).uniform(0.0, 0.0002, 300)
    found, plain = performance(returns, cash), performance(returns)
    above = (1.0 + returns[1:]) / (1.0 + cash[1:]) - 1.0
    assert found["sharpe"][-1] == pytest.approx(empyrical.sharpe_ratio(above), rel=1e-9)
    assert found["sortino"][-1] == pytest.approx(empyrical.sortino_ratio(above), rel=1e-9)
    assert found["sharpe_63d"][-1] == pytest.approx(empyrical.sharpe_ratio(above[-63:]), rel=1e-9)
    # Its own convention, by subtraction, is the same to the fourth digit.
    assert found["sharpe"][-1] == pytest.approx(empyrical.sharpe_ratio(returns[1:], cash[1:]), rel=1e-3)
    for name in set(plain) - {"sharpe", "sortino", "sharpe_63d"}:
        np.testing.assert_array_equal(found[name], plain[name])


def test_the_first_session_has_no_figures() -> None:
    assert all(np.isnan(values[0]) for values in performance(some_returns()).values())


def test_capital_that_pauses_earns_nothing_and_keeps_its_figures() -> None:
    returns = some_returns()
    returns[100:110] = np.nan
    figures = performance(returns)
    assert (figures["cumulative_return"][100:110] == figures["cumulative_return"][99]).all()
    np.testing.assert_allclose(figures["volatility"][200], np.nan_to_num(returns[1:201]).std(ddof=1) * 252**0.5)


def test_figures_that_would_divide_by_nothing_are_missing() -> None:
    figures = performance(np.full(100, 0.0))
    for name in ("sharpe", "sortino", "calmar", "sharpe_63d"):
        assert np.isnan(figures[name]).all()
    constant = performance(np.full(100, 0.001))
    assert constant["volatility"][-1] == 0
    assert np.isnan(constant["sharpe"][-1])


def test_a_year_at_a_pace_beyond_all_numbers_is_not_told() -> None:
    figures = performance(np.array([20.0, 0.0]))
    assert np.isnan(figures["annual_return"][0])
    assert figures["annual_return"][1] == pytest.approx(21.0**126 - 1)
    assert figures["cumulative_return"][0] == 20.0


def test_losing_everything_is_a_return_of_minus_one() -> None:
    figures = performance(np.array([np.nan, 0.1, -1.0, 0.5]))
    assert figures["cumulative_return"][-1] == figures["annual_return"][-1] == figures["max_drawdown"][-1] == -1


@given(arrays(np.float64, st.integers(2, 150), elements=st.floats(-0.5, 0.5)))
@settings(max_examples=40, deadline=None)
def test_figures_obey_their_definitions_for_any_returns(returns: np.ndarray) -> None:
    figures = performance(returns)
    grown = growth(returns)
    assert (figures["drawdown"] <= 0).all()
    assert (np.diff(figures["max_drawdown"]) <= 0).all()
    assert (drawdowns(grown) >= -1).all()
    assert ((figures["hit_rate"] >= 0) & (figures["hit_rate"] <= 1)).all()
    np.testing.assert_allclose(1 + figures["cumulative_return"], grown, atol=1e-12)


@given(stop=st.integers(1, 299), seed=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_what_comes_later_changes_no_bit(stop: int, seed: int) -> None:
    returns = some_returns(seed=seed)
    whole, part = performance(returns), performance(returns[:stop].copy())
    for name in METRICS:
        assert whole[name][:stop].tobytes() == part[name].tobytes(), name


def test_a_range_of_rows_is_its_sessions_one_by_one_also_for_a_scope_that_begins_within_it() -> None:
    account, young = some_returns(), some_returns(seed=9)
    young[:280] = np.nan

    def rows(stop: int, count: int) -> pd.DataFrame:
        scopes = {"account": Performance(account[:stop].copy(), np.abs(account[:stop]))}
        if stop > 279:  # before its first session nobody knows of it
            scopes["strategy:young"] = Performance(young[:stop].copy(), since=279)
        found = metric_rows(DAYS[:stop], scopes, count).astype({"scope": str, "metric": str})
        return found.sort_values(["session", "scope", "metric"], ignore_index=True)

    at_once = rows(300, 30)
    one_by_one = pd.concat([rows(stop, 1) for stop in range(271, 301)], ignore_index=True)
    pd.testing.assert_frame_equal(at_once, one_by_one, check_exact=True)
    assert (at_once["scope"] == "strategy:young").sum() == 21 * len(METRICS)


def test_capital_moved_between_books_is_no_return() -> None:
    equity = np.array([0.0, 100.0, 160.0, 150.0])
    profit = np.array([0.0, 0.0, 10.0, -16.0])  # 50 came in at the close of the third session
    np.testing.assert_allclose(book_returns(equity, profit), [np.nan, np.nan, 0.10, -0.10])


def test_turnover_is_the_value_traded_over_the_equity_before() -> None:
    days, equity = DAYS[:4], np.array([1000.0, 1000.0, 2000.0, 2000.0])
    found = trade_turnover(days, DAYS[[1, 1, 3]], np.array([100.0, -50.0, 400.0]), equity)
    np.testing.assert_allclose(found, [np.nan, 0.15, 0.0, 0.2])
    np.testing.assert_allclose(turnover_metrics(found)["annual_turnover"][-1], 0.35 / 3 * 252)


def test_ten_years_of_twelve_scopes_take_less_than_a_second() -> None:
    days = np.arange(np.datetime64("2015-01-01"), np.datetime64("2015-01-01") + 2_520)
    scopes = {f"scope {seed}": Performance(some_returns(2_520, seed)) for seed in range(12)}
    started = process_time()
    rows = metric_rows(days, scopes, 2_520)
    assert process_time() - started < 2.5  # more than twice the promise, for slower machines
    assert len(rows) == 12 * len(METRICS) * 2_520
