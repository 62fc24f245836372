"""The benchmark of decisions plays strategies as the chain does, on markets that are what they say."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.components.strategy.parameters import parameters_asset
from portfolio_pipeline.components.strategy.targets import targets_asset
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.cash import above_cash, cash_rows
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests import chain
from portfolio_pipeline_tests.benchmarks.decisions.markets import Kind, made_up, total_returns
from portfolio_pipeline_tests.benchmarks.decisions.searches import best_elsewhere, cash_earned, play
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.stored_panels import store_panel

SETTINGS = load_settings(PACKAGE_ROOT / "portfolio.yaml")
SESSIONS = 560


@pytest.mark.parametrize("name", ["momentum_equities", "trend_commodities"])
def test_the_chain_earns_to_the_bit_what_the_benchmark_says(duckdb_warehouse: Warehouse, name: str) -> None:
    panel = made_up("planted", 3, SETTINGS.universe, SESSIONS)
    store_panel(duckdb_warehouse, panel)
    whole = total_returns(panel)
    cash = cash_earned(whole, SETTINGS)
    rows = cash_rows(whole, SETTINGS.risk_free_rate, 0)
    (card,) = [card for card in load_cards() if card.name == name]
    days: list[date] = panel.sessions.tolist()
    duckdb_warehouse.replace("cash_returns", SessionRange(days[0], days[-1]), rows)
    chain.materialise(
        [parameters_asset(card), targets_asset(card)],
        SessionRange(days[0], days[-1]),
        warehouse=duckdb_warehouse,
        settings=SETTINGS,
        clock=FixedClock.after_close(days[-1]),
    )
    returns = duckdb_warehouse.read("strategy_returns", where={"strategy": name})
    np.testing.assert_array_equal(returns["cash_return"].to_numpy(), cash)
    stored = above_cash(returns["net_return"].to_numpy(), cash)
    np.testing.assert_array_equal(stored, play(card, whole, SETTINGS, cash=cash).searched)
    assert np.count_nonzero(stored) > 100
    changed = duckdb_warehouse.read("optimized_parameters", where={"strategy": name})["changed"].to_pylist()
    assert sum(changed) > 2


@pytest.mark.parametrize("kind", ["walk", "planted"])
def test_a_market_is_a_function_of_its_kind_and_number(kind: Kind) -> None:
    one, again, other = (made_up(kind, number, SETTINGS.universe, 300) for number in (5, 5, 6))
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert ((one.low <= np.minimum(one.open, one.close)) & (one.high >= np.maximum(one.open, one.close))).all()
    assert (one.dividend > 0).any()


def test_on_a_random_walk_nothing_can_be_expected_of_any_price_and_planted_markets_pay() -> None:
    """Adjusted for dividends and splits, by night and by day, whatever came before."""
    nights, days = [], []
    for number in range(40):
        panel = total_returns(made_up("walk", number, SETTINGS.universe, 500))
        nights.append(panel.adjusted_open[1:] / panel.adjusted_close[:-1] - 1)
        days.append(panel.adjusted_close[1:] / panel.adjusted_open[1:] - 1)
    for moves in (np.concatenate(nights), np.concatenate(days)):
        by_session = moves.mean(axis=1)
        assert abs(by_session.mean()) < 4 * by_session.std() / np.sqrt(len(by_session))
        after_a_rise = moves[1:][moves[:-1] > 0]
        assert abs(after_a_rise.mean()) < 2e-4
        kurtosis = ((moves - moves.mean()) ** 4).mean() / moves.var() ** 2
        assert kurtosis > 5
    paid = [
        np.log(panel.adjusted_close[-1] / panel.adjusted_close[0]).mean()
        for panel in (total_returns(made_up("planted", number, SETTINGS.universe)) for number in range(20))
    ]
    assert np.mean(paid) / 7 > 0.01


def test_the_best_set_of_the_other_markets_is_never_told_by_the_market_itself() -> None:
    by_market = [np.array([3.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.9]), np.array([0.0, 1.0, 0.9])]
    assert best_elsewhere(by_market).tolist() == [0.0, 0.0, 0.0]
    assert best_elsewhere([np.array([1.0, 0.0]), np.array([2.0, 5.0])]).tolist() == [0.0, 2.0]
