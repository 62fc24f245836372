"""Back-test reports: figures against empyrical, returns against the chain's own rule, trades against a plain ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.backtest.report import (
    AS_RUN,
    FIGURES,
    Column,
    ParameterSet,
    Terms,
    as_it_was_run,
    bought_and_held,
    first_with_history,
    notes,
    play,
)
from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.simulation.simulation import TradePrices, simulate
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.exposure import decisions
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.paper import follow
from portfolio_pipeline.core.strategies.parameters import Parameters
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline_tests.core.markets import closes_only, market, with_another_future

PANEL = market(500, 6, seed=3)
MOMENTUM = STRATEGY_TYPES["momentum"]
COST = 0.00025


def card(**changes: object) -> StrategyCard:
    return StrategyCard.model_validate(
        {
            "name": "tested",
            "type": "momentum",
            "description": "for tests",
            "symbols": {"only": PANEL.symbols},
            "sizing": {"volatility_target": 0.15, "maximum_weight": 0.4},
            **changes,
        }
    )


def parameters(**changes: object) -> ParameterSet:
    values = MOMENTUM.Parameters.defaults() | {"fast": 21, "slow": 84, "trend_window": 50, "top": 2} | changes
    return ParameterSet("tested", MOMENTUM.Parameters.model_validate(values))


def column(first: int, of: StrategyCard | None = None, panel: PricePanel = PANEL, **changes: object) -> Column:
    return play(MOMENTUM, of or card(), panel, panel.symbols, [parameters(**changes)], Terms(first, COST))[0]


SOME_CARDS = {
    "weekly": card(),
    "daily": card(rebalance="daily"),
    "monthly, long-short": card(rebalance="monthly", direction="long_short", sizing={"maximum_weight": 0.5}),
    "volatility targeted daily": card(sizing={"volatility_target": 0.1, "adjust": "daily"}),
    "with stops": card(rebalance="monthly", sizing={"stop": 0.03}),
}


@pytest.mark.parametrize("name", SOME_CARDS)
def test_the_whole_history_earns_what_the_search_says(name: str) -> None:
    mine = SOME_CARDS[name]
    inputs, rows = Inputs(PANEL), np.flatnonzero(due(PANEL.sessions, mine.rebalance))
    raw = MOMENTUM.target_weights(inputs, parameters().parameters, rows, long_short=mine.direction == "long_short")
    expected = simulate(TradePrices.of(PANEL), decisions(inputs, mine.sizing, rows, raw), COST)
    found = column(0, mine)
    np.testing.assert_array_equal(found.net_return, expected.net_return)
    np.testing.assert_array_equal(found.cost, expected.cost)
    np.testing.assert_array_equal(found.turnover, expected.turnover)
    assert np.ptp(found.net_return) > 0


@pytest.mark.parametrize("name", SOME_CARDS)
@pytest.mark.parametrize("first", [301, 307])
def test_a_range_earns_to_the_bit_what_the_chain_would_have_earned_had_it_begun_before_it(
    name: str, first: int
) -> None:
    mine, count = SOME_CARDS[name], len(PANEL.sessions) - (first - 1)
    followed = follow(
        MOMENTUM,
        mine,
        PANEL,
        PANEL.symbols,
        [Mixture.single(parameters().parameters)] * count,
        [True] + [False] * (count - 1),
        None,
        COST,
    )
    found = column(first, mine)
    np.testing.assert_array_equal(found.net_return, [session.result.net_return[0] for session in followed[1:]])
    np.testing.assert_array_equal(found.cost, [session.result.cost[0] for session in followed[1:]])
    assert found.turnover.any()


def test_figures_agree_with_empyrical() -> None:
    found = column(200)
    assert found.trades is not None
    returns = pd.Series(found.net_return, index=pd.DatetimeIndex(found.sessions.astype("datetime64[s]")))
    months = empyrical.aggregate_returns(returns, "monthly")
    expected = {
        "total_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns),
        "volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns),
        "sortino": empyrical.sortino_ratio(returns),
        "calmar": empyrical.calmar_ratio(returns),
        "max_drawdown": empyrical.max_drawdown(returns),
        "best_month": months.max(),
        "worst_month": months.min(),
        "hit_rate": (returns > 0).mean(),
        "exposure": found.exposure.mean(),
        "turnover": found.turnover.mean() * 252,
        "cost": found.turnover.mean() * 252 * COST,
        "trades": found.trades["side"].isin(["buy", "sell"]).sum(),
        "sessions": 300,
    }
    assert tuple(found.figures) == FIGURES
    for name, value in expected.items():
        np.testing.assert_allclose(found.figures[name], value, rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(found.monthly.to_numpy(), months.to_numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", SOME_CARDS)
def test_a_ledger_that_only_knows_the_trades_arrives_at_the_same_equity(name: str) -> None:
    """Cash and units, booked trade by trade at total-return prices."""
    first = 200
    found = column(first, SOME_CARDS[name])
    closes = pd.DataFrame(PANEL.adjusted_close, columns=list(PANEL.symbols)).ffill()
    assert found.trades is not None
    by_session = {day.to_datetime64(): trades for day, trades in found.trades.groupby("session")}
    cash, units, equity = 1.0, dict.fromkeys(PANEL.symbols, 0.0), 1.0
    for place, day in enumerate(found.sessions):
        marked = closes.iloc[first + place]
        for trade in by_session.get(day.astype("datetime64[s]"), pd.DataFrame()).itertuples():
            if trade.side == "cashed out":
                cash, units[trade.symbol] = cash + units[trade.symbol] * marked[trade.symbol], 0.0
                continue
            sign = 1 if trade.side == "buy" else -1
            cash -= sign * trade.value * equity + trade.cost * equity
            units[trade.symbol] += sign * trade.value * equity / trade.total_return_open
        equity = cash + sum(held * marked[symbol] for symbol, held in units.items() if abs(held) > 1e-12)
        np.testing.assert_allclose(equity, found.equity[place], rtol=1e-6)
    assert len(by_session) > 10


def test_trades_add_up_to_turnover_and_cost_and_show_the_printed_price() -> None:
    found = column(200, SOME_CARDS["monthly, long-short"])
    assert found.trades is not None
    paid = found.trades[found.trades["side"] != "cashed out"].groupby("session")[["value", "cost"]].sum()
    days = pd.DatetimeIndex(found.sessions.astype("datetime64[s]"))
    paid = paid.reindex(days, fill_value=0.0)
    np.testing.assert_allclose(paid["value"], found.turnover, atol=1e-8)
    np.testing.assert_allclose(paid["cost"], found.cost, atol=1e-11)
    opens = pd.DataFrame(PANEL.open, index=PANEL.sessions.astype("datetime64[s]"), columns=list(PANEL.symbols))
    for trade in found.trades.itertuples():
        np.testing.assert_equal(trade.open, opens.loc[trade.session, trade.symbol])


def test_a_delisted_holding_is_cashed_out_in_the_trades() -> None:
    close = np.full((40, 1), 10.0)
    close[20:] = np.nan
    panel = closes_only(close)
    found = bought_and_held(panel, panel.symbols[0], Terms(1, 0.0))
    assert found.trades is not None
    assert found.trades["side"].tolist() == ["buy", "cashed out"]
    assert found.trades["session"].iloc[1] == pd.Timestamp(str(panel.sessions[29]))
    assert found.figures["trades"] == 1


@pytest.mark.parametrize("name", SOME_CARDS)
def test_another_future_changes_nothing_before_it(name: str) -> None:
    before, after = column(200, SOME_CARDS[name]), column(200, SOME_CARDS[name], with_another_future(PANEL, 400))
    np.testing.assert_array_equal(before.net_return[:201], after.net_return[:201])
    assert before.trades is not None
    assert after.trades is not None
    kept = [trades[trades["session"] <= str(PANEL.sessions[400])] for trades in (before.trades, after.trades)]
    pd.testing.assert_frame_equal(*kept, check_exact=True)


WHOLE = market(500, 6, seed=3, missing=0.0).select(("S00", "S03", "S04", "S05"))
DAILY = card(rebalance="daily", symbols={"only": WHOLE.symbols}, sizing={"maximum_weight": 0.4})


@settings(max_examples=20, deadline=None)
@given(first=st.integers(100, 490), earlier=st.integers(1, 20))
def test_a_book_that_begins_later_pays_its_entry_and_then_earns_the_same(first: int, earlier: int) -> None:
    one, other = column(first, DAILY, WHOLE), column(first - earlier, DAILY, WHOLE)
    np.testing.assert_allclose(one.net_return[1:], other.net_return[earlier + 1 :], atol=1e-5)
    np.testing.assert_allclose(one.cost[0], COST * one.turnover[0], rtol=1e-12)
    np.testing.assert_allclose(one.turnover[0], one.exposure[0], atol=0.02)


def test_the_benchmark_is_bought_once_at_the_first_open_and_pays_for_it() -> None:
    panel = market(100, 3, seed=4, missing=0.0)
    found = bought_and_held(panel, "S00", Terms(10, 0.001))
    opened, closed = panel.adjusted_open[10, 0], panel.adjusted_close[:, 0]
    grown = (closed[10:] / opened) - 0.001  # the cost is paid in cash, which earns nothing
    np.testing.assert_allclose(found.equity, grown, rtol=1e-12)
    assert found.figures["trades"] == 1


def test_in_the_first_stored_session_nothing_is_earned() -> None:
    panel = market(100, 3, seed=4, missing=0.0)
    found = bought_and_held(panel, "S00", Terms(0, 0.001))
    assert len(found.net_return) == 100
    assert found.net_return[0] == found.turnover[0] == 0.0
    assert found.turnover[1] == pytest.approx(1.0)


def test_indicators_see_the_history_before_the_range() -> None:
    whole = column(400, DAILY, WHOLE)
    assert whole.exposure[0] > 0
    short = column(20, DAILY, WHOLE.rows(380, 500))
    assert not short.exposure[:60].any()


def test_the_first_session_with_history_is_the_first_that_the_longest_window_can_be_invested_in() -> None:
    longest = parameters(slow=126, trend_window=50)
    first = first_with_history(MOMENTUM, PANEL.sessions, [parameters(), longest])
    assert first == MOMENTUM.window(longest.parameters) == 127
    assert first_with_history(MOMENTUM, PANEL.sessions[:100], [longest]) == 100
    panel = market(300, 4, seed=5, missing=0.0)
    mine = card(symbols={"only": panel.symbols}, sizing={})
    (early,) = play(MOMENTUM, mine, panel, panel.symbols, [longest], Terms(first - 1, COST))
    (there,) = play(MOMENTUM, mine, panel, panel.symbols, [longest], Terms(first, COST))
    assert early.exposure[0] == 0
    assert there.exposure[0] > 0


def stored(first: int, last: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    count = last - first
    return pd.DataFrame(
        {
            "session": PANEL.sessions[first:last].astype("datetime64[s]"),
            "net_return": rng.normal(0, 0.01, count),
            "cost": 0.0001,
            "turnover": 0.1,
            "exposure": 0.9,
            "cash_return": 0.0,
        }
    )


def test_what_was_run_is_taken_as_it_is_stored() -> None:
    rows = stored(200, 300)
    found = as_it_was_run(rows)
    assert found is not None
    assert found.knowledge == "out of sample"
    assert found.figures["total_return"] == pytest.approx((1 + rows["net_return"]).prod() - 1)
    assert np.isnan(found.figures["trades"])
    assert as_it_was_run(rows.iloc[:0]) is None


def test_notes_say_what_is_in_sample_missing_or_partial() -> None:
    sessions, begins = PANEL.sessions[200:], PANEL.sessions[150].astype(date)
    chosen = replace(column(200), label="chosen at 2012-01-03", knowledge="in sample")
    default = replace(column(200), label="default", knowledge="fixed")
    run, part = as_it_was_run(stored(200, 500)), as_it_was_run(stored(300, 500))
    assert run is not None
    assert part is not None

    def said(*columns: Column, begins: date | None = begins) -> str:
        return " ".join(notes(columns, sessions, begins))

    assert "IN SAMPLE: the parameters chosen at 2012-01-03" in said(default, chosen, run)
    assert f"nearer to `{AS_RUN}`" in said(default, run)
    assert "IN SAMPLE" not in said(default, run)
    assert "overfitting" in said(default)
    assert "honest column is missing" in said(default)
    assert "200 of 300 sessions" in said(default, part)
    assert "too little stored history" not in said(default, run)
    assert "too little stored history" in said(default, begins=None)
    assert f"before {PANEL.sessions[250]}" in said(default, begins=PANEL.sessions[250].astype(date))


class AlwaysShort:
    """A type that holds minus everything of the one symbol."""

    name: ClassVar[str] = "always_short"
    description: ClassVar[str] = "for tests"
    inputs: ClassVar[tuple[Family, ...]] = ()
    Parameters: ClassVar[type[Parameters]] = Parameters

    def window(self, parameters: Any) -> int:
        return 1

    def target_weights(
        self, inputs: Inputs, parameters: Any, rows: np.ndarray, *, long_short: bool = False
    ) -> np.ndarray:
        return np.full((len(rows), 1), -1.0)


def test_a_book_that_loses_everything_has_figures_and_no_trades_after() -> None:
    close = np.array([[1.0], [1.0], [5.0], [1.0], [1.0]])
    panel = closes_only(close)
    mine = card(rebalance="daily", direction="long_short", sizing={"maximum_weight": 1.0})
    (found,) = play(AlwaysShort(), mine, panel, panel.symbols, [ParameterSet("short", Parameters())], Terms(1, 0.0))
    assert found.figures["total_return"] == found.figures["max_drawdown"] == -1.0
    assert found.trades is not None
    assert found.trades["side"].tolist() == ["sell"]
