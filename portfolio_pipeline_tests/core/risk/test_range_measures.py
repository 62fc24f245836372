"""Measures of ranges against numpy, pandas and plain sums; that parts add up, and that the future changes nothing."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.market.past import HALF_LIFE
from portfolio_pipeline.core.market.returns import growth
from portfolio_pipeline.core.risk.limits.setting import Value
from portfolio_pipeline.core.risk.measures import of_concentration, of_contributions, of_crises, of_strategies, registry
from portfolio_pipeline.core.risk.measures.history import TargetHistory
from portfolio_pipeline.core.risk.measures.of_stress import SHOCKS
from portfolio_pipeline.core.risk.measures.parts import parts_of
from portfolio_pipeline.core.risk.measures.range_measure import Bound, RangeMeasure
from portfolio_pipeline.core.risk.measures.rows import risk_metrics, seen_range
from portfolio_pipeline.core.risk.measures.verdicts import components_apart, near_their_limit, past_their_limit, shifted
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline_tests.core.risk.books import CLASSES, STRATEGIES, SYMBOLS, book, panel_of, seen, shortened


class Caps:
    """Limits with some that the house may not know."""

    def __init__(self, **values: float | None) -> None:
        self.values = values

    def value(self, name: str) -> Value:
        return self.values[name] if name in self.values else Limits().value(name)

    def only_reports(self, name: str) -> bool:
        return False


def rows_of(measured: int = 60) -> pd.DataFrame:
    return risk_metrics(book(measured=measured), measured, CLASSES, Limits())


def ex_ante_covariance(returns: np.ndarray) -> np.ndarray:
    """Around 0, newer sessions counting more, a year."""
    counts = 0.5 ** (np.arange(len(returns))[::-1] / HALF_LIFE)
    found: np.ndarray = (returns * counts[:, None]).T @ returns / counts.sum() * 252
    return found


def test_the_parts_of_strategies_and_reserve_are_the_book() -> None:
    history = book()
    assert history.parts is not None
    np.testing.assert_allclose(history.parts.weights.sum(axis=1), history.weights[-60:], atol=1e-15)
    assert history.parts.names == (*STRATEGIES, "reserve")
    assert (history.parts.weights[:, 3, 2] > 0).any()  # the sleeve is nobody's
    assert (history.parts.weights[:5, 2] == 0).all()  # not begun yet


def test_component_and_marginal_risk_are_those_of_the_covariance_matrix() -> None:
    one = seen()
    covariance, weights = ex_ante_covariance(one.returns[-252:]), one.weights[-1]
    volatility = np.sqrt(weights @ covariance @ weights)
    assert one.volatility[-1] == pytest.approx(volatility, rel=1e-12)
    held = weights != 0
    np.testing.assert_allclose(one.marginal[-1][held], (covariance @ weights / volatility)[held], rtol=1e-10)
    by_symbol = of_contributions.component_by_symbol(one)[-1]
    np.testing.assert_allclose(by_symbol[held], (weights * (covariance @ weights) / volatility)[held], rtol=1e-10)
    assert one.parts is not None
    by_strategy = of_contributions.component_by_strategy(one)[-1]
    expected = one.parts.weights[-1] @ covariance @ weights / volatility
    np.testing.assert_allclose(by_strategy, expected, rtol=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_components_add_up_to_the_volatility_over_symbols_and_over_strategies(seed: int) -> None:
    one = seen(330, 20, seed)
    for component in (of_contributions.component_by_symbol, of_contributions.component_by_strategy):
        np.testing.assert_allclose(np.nansum(component(one), axis=1), one.volatility, rtol=1e-9)
    assert (of_contributions.diversification_of_symbols(one) >= 1 - 1e-9).all()
    assert (of_contributions.diversification(one) >= 1 - 1e-9).all()


def test_components_that_do_not_add_up_are_found() -> None:
    rows = rows_of().astype({"scope": str, "metric": str})
    assert components_apart(rows).empty
    wrong = rows.index[(rows["metric"] == "component_risk") & (rows["scope"] == "symbol:SPY")][-1]
    rows.loc[wrong, "value"] += 0.01
    found = components_apart(rows)
    assert found["session"].tolist() == [rows.loc[wrong, "session"]]
    assert found["of"].tolist() == ["symbol"]


def test_beta_is_the_slope_of_the_past_on_the_benchmark() -> None:
    one = seen()
    for row in (-1, -30):
        stop = len(one.returns) + 1 + row
        past = one.returns[stop - 252 : stop]
        slope = np.polyfit(past[:, 0], past @ one.weights[row], 1)[0]
        assert of_contributions.beta(one)[row] == pytest.approx(slope, rel=1e-9)


def test_concentration_is_told_in_several_ways() -> None:
    panel = panel_of(np.zeros((100, 5)))
    weights = np.zeros((100, 5))
    weights[-1] = [0.3, -0.1, 0.0, 0.0, 0.2]
    history = replace(book(100, 1), panel=panel, weights=weights, parts=None)
    one = seen_range(history, 1, CLASSES, Limits())
    assert of_concentration.largest_five(one)[0] == pytest.approx(0.6)
    assert of_concentration.herfindahl(one)[0] == pytest.approx((0.3**2 + 0.1**2 + 0.2**2) / 0.36)
    assert of_concentration.gross_positions(one)[0] == 3
    rows = risk_metrics(history, 1, CLASSES, Limits()).set_index(["scope", "metric"])["value"]
    assert rows["sector:us", "gross_exposure"] == pytest.approx(0.4)
    assert rows["portfolio", "short_positions"] == 1
    assert ("sector:treasury", "gross_exposure") not in rows.index


def test_positions_before_netting_count_each_strategy() -> None:
    one = seen()
    assert one.parts is not None
    expected = [(one.parts.weights[row, :3] != 0).sum() for row in range(60)]
    assert of_concentration.gross_positions(one).tolist() == expected


def test_correlations_are_those_of_pandas_over_the_sessions_that_both_know() -> None:
    one = seen()
    assert one.parts is not None
    paper = pd.DataFrame(one.parts.paper[:, :3])
    for row in (0, 30, 59):
        stop = 340 + row + 1
        for window, found in ((63, one.correlations_short), (252, one.correlations_long)):
            expected = paper.iloc[max(0, stop - window) : stop].corr().to_numpy()
            for a in range(3):
                for b in range(a):
                    assert found[row, a, b] == pytest.approx(expected[a, b], rel=1e-9)


def test_strategies_that_never_move_are_correlated_with_nobody() -> None:
    history = book()
    assert history.parts is not None
    paper = history.parts.paper.copy()
    paper[:, 0] = 0.0001
    one = seen_range(replace(history, parts=replace(history.parts, paper=paper)), 60, CLASSES, Limits())
    assert np.isnan(one.correlations_short[:, 1:, 0]).all()
    assert of_strategies.highest_correlation(one)[-1] == pytest.approx(one.correlations_short[-1, 2, 1])


def test_a_symbol_of_several_strategies_is_riskier_the_more_they_move_together() -> None:
    one = seen()
    assert one.parts is not None
    held = one.parts.weights[-1, :3]
    matrix = one.correlations_short[-1, :3, :3].copy()
    np.fill_diagonal(matrix, 1.0)
    symbol = int(np.argmax((held != 0).sum(axis=0)))
    expected = np.sqrt(held[:, symbol] @ matrix @ held[:, symbol]) * one.symbol_volatility[-1, symbol]
    assert of_strategies.shared_symbols(one)[-1, symbol] == pytest.approx(expected, rel=1e-12)
    alone = (held != 0).sum(axis=0) < 2
    assert np.isnan(of_strategies.shared_symbols(one)[-1][alone]).all()


def test_figures_of_strategies_are_those_of_their_paper_and_their_targets() -> None:
    one = seen()
    assert one.parts is not None
    paper = one.parts.paper[:, 0]
    rows = rows_of().astype({"scope": str, "metric": str})
    last = rows[rows["session"] == rows["session"].max()].set_index(["scope", "metric"])["value"]
    year = paper[-252:]
    assert last["strategy:calm", "paper_sharpe_252d"] == pytest.approx(
        year.mean() / year.std(ddof=1) * np.sqrt(252), rel=1e-9
    )
    assert last["strategy:calm", "paper_win_rate_252d"] == pytest.approx((year > 0).mean(), abs=0.01)
    grown = np.cumprod(1 + paper)
    assert last["strategy:calm", "paper_drawdown"] == pytest.approx(
        grown[-1] / max(1.0, grown.max()) - 1, rel=1e-9, abs=1e-15
    )
    own = one.parts.own[-1, 1]
    assert last["strategy:short", "gross_exposure"] == pytest.approx(np.abs(own).sum())
    expected = np.sqrt(own @ ex_ante_covariance(one.returns[-252:]) @ own)
    assert last["strategy:short", "volatility_ex_ante"] == pytest.approx(expected, rel=1e-10)
    late = rows[(rows["scope"] == "strategy:wild") & (rows["metric"] == "gross_exposure")]
    assert len(late) == 50  # nothing is said of who has no share yet


def test_the_worst_crises_are_the_deepest_falls_of_the_benchmark_so_far() -> None:
    returns = np.full((400, 5), 0.0005)
    returns[100:110, 0] = -0.02
    returns[120:150, 0] = 0.01  # recovered
    returns[200:220, 0] = -0.03
    returns[230:300, 0] = 0.012
    returns[200:220, 2] = 0.004
    returns[390:, 0] = -0.05  # under way
    weights = np.tile([0.4, 0.0, 0.3, 0.0, 0.0], (400, 1))
    history = replace(book(400, 50), panel=panel_of(returns), weights=weights, parts=None)
    found = of_crises.worst_crises(seen_range(history, 50, CLASSES, Limits()))
    second = 0.4 * (0.97**20 - 1) + 0.3 * (1.004**20 - 1)
    first = 0.4 * (0.98**10 - 1) + 0.3 * (1.0005**10 - 1)
    np.testing.assert_allclose(found[0, :2], [second, first], rtol=1e-9)
    assert np.isnan(found[0, 2])
    under_way = 0.4 * (0.95**10 - 1) + 0.3 * (1.0005**10 - 1)
    np.testing.assert_allclose(found[-1], [second, under_way, first], rtol=1e-9)


def test_periods_of_the_world_are_told_of_real_prices_that_reach_them_only() -> None:
    names = list(of_crises.PERIODS)
    real = seen_range(book(2200, 3, first="2018-01-01"), 3, CLASSES, Limits())
    found = of_crises.known_periods(real)[-1]
    assert np.isnan(found[names.index("financial_crisis_2008")])
    grown = growth(real.returns)
    start, stop = (
        (real.days == np.datetime64("2020-02-19")).argmax(),
        (real.days == np.datetime64("2020-03-23")).argmax(),
    )
    expected = real.weights[-1] @ (grown[stop] / grown[start] - 1)
    assert found[names.index("pandemic_2020")] == pytest.approx(expected, rel=1e-9)
    invented = seen_range(book(2200, 3, made_up=True), 3, CLASSES, Limits())
    assert np.isnan(of_crises.known_periods(invented)).all()


def test_reverse_stress_brings_the_drawdown_to_its_limit() -> None:
    limits = Caps(drawdown=0.15)
    one = seen(limits=limits)
    beta, drawdown = of_contributions.beta(one)[-1], one.paper_drawdowns[-1]
    move = of_crises.market_move_to_the_limit(one)[-1, 0]
    assert (1 + drawdown) * (1 + beta * move) - 1 == pytest.approx(-0.15)
    times = of_crises.shocks_to_the_limit(one)[-1, 0]
    rows = risk_metrics(book(), 60, CLASSES, limits).astype({"scope": str, "metric": str})
    last = rows[rows["session"] == rows["session"].max()].set_index(["scope", "metric"])["value"]
    worst = min(last[f"stress:{name}", "return"] for name in SHOCKS)
    assert times * worst == pytest.approx(of_crises.room(one)[-1])
    without = risk_metrics(book(), 60, CLASSES, Caps(drawdown=None))
    assert "stress:drawdown_limit" not in set(without["scope"])


def test_limits_stand_beside_figures_with_their_sign_and_side() -> None:
    limits = Caps(drawdown=0.0001, diversification=9.0, strategy_drawdown=0.5)
    rows = risk_metrics(book(), 60, CLASSES, limits).astype({"scope": str, "metric": str})
    beside = rows.set_index(["scope", "metric"])["limit_value"].groupby(level=[0, 1]).first()
    assert beside["portfolio", "paper_drawdown"] == -0.0001
    assert beside["strategy:calm", "paper_drawdown"] == -0.5
    assert beside["portfolio", "diversification_ratio"] == 9.0
    past = past_their_limit(rows)
    answered = past[~past["cut"]]
    assert {"diversification_ratio", "paper_drawdown"} >= set(answered["metric"])
    assert (answered["metric"] == "diversification_ratio").sum() == 60
    assert set(past[past["cut"]]["metric"]) <= {"net_exposure", "gross_exposure", "turnover", "top_weight"}


def test_figures_that_others_answer_to_are_listed_when_they_come_near_their_limit() -> None:
    told = [
        ("portfolio", "paper_drawdown", -0.13, -0.15, True),
        ("portfolio", "paper_drawdown", -0.11, -0.15, False),
        ("portfolio", "paper_drawdown", -0.16, -0.15, False),  # past it: told as such
        ("portfolio", "diversification_ratio", 1.3, 1.2, True),
        ("portfolio", "diversification_ratio", 1.5, 1.2, False),
        ("portfolio", "gross_exposure", 0.95, 1.0, False),  # targets are cut to it
    ]
    rows = pd.DataFrame([one[:4] for one in told], columns=["scope", "metric", "value", "limit_value"])
    found = near_their_limit(rows, 0.8)
    assert found.index.tolist() == [place for place, one in enumerate(told) if one[4]]


def test_a_shift_of_correlations_is_told() -> None:
    rows = pd.DataFrame({"scope": "portfolio", "metric": "correlation_shift", "value": [0.2, 0.3, np.nan]})
    assert shifted(rows)["value"].tolist() == [0.3]


def test_a_range_gives_the_rows_of_its_sessions_one_by_one_and_the_future_changes_none() -> None:
    history = book(420, 60)
    at_once = risk_metrics(history, 60, CLASSES, Limits()).astype({"scope": str, "metric": str})
    for back in (59, 45, 20, 0):
        alone = risk_metrics(shortened(history, back, 60), 1, CLASSES, Limits()).astype({"scope": str, "metric": str})
        same = at_once[at_once["session"] == alone["session"].iloc[0]].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, same, check_exact=True)


@pytest.mark.parametrize("count", [40, 100, 180])
def test_short_histories_give_what_there_is(count: int) -> None:
    rows = risk_metrics(book(count, 15), 15, CLASSES, Limits()).astype({"scope": str, "metric": str})
    last = rows[rows["session"] == rows["session"].max()].set_index(["scope", "metric"])["value"]
    assert np.isnan(last["portfolio", "value_at_risk_99"]) == (count < 64)
    assert np.isnan(last["portfolio", "volatility_90d"]) == (count < 91)
    assert ("strategy:calm", "gross_exposure") in last.index


def test_a_session_of_twenty_strategies_and_five_hundred_symbols_takes_less_than_half_a_second() -> None:
    generator, symbols = np.random.default_rng(0), tuple(f"S{place}" for place in range(500))
    closes = 100.0 * np.cumprod(1 + generator.normal(0, 0.01, (300, 500)), axis=0)
    ones, days = np.ones_like(closes), np.datetime64("2020-01-01") + np.arange(300)
    panel = PricePanel(days, symbols, closes, closes, closes, closes, ones, 0 * ones, ones)
    own = (generator.random((20, 1, 500)) < 0.1) * 0.02
    weights = np.zeros((300, 500))
    weights[-1] = 0.05 * own[:, 0].sum(axis=0)
    names, shares = tuple(f"s{place:02d}" for place in range(20)), np.full((1, 20), 0.05)
    paper = generator.normal(0, 0.01, (300, 20))
    parts = parts_of(names, shares, own, np.ones(1), weights[-1:], weights[-1:], paper)
    classes = dict.fromkeys(symbols, "equity")
    history = TargetHistory(panel, weights, parts=parts, sectors=classes, benchmark="S0")
    risk_metrics(history, 1, classes, Limits())  # compiled
    started = process_time()
    rows = risk_metrics(history, 1, classes, Limits())
    assert process_time() - started < 0.5
    assert len(rows) > 1_000


def test_a_measure_of_ranges_from_outside_is_one_object() -> None:
    measure = RangeMeasure("longs", "longs", lambda seen: (seen.weights > 0).sum(axis=1) * 1.0, bound=Bound("gross"))
    registry.register(measure)
    try:
        rows = risk_metrics(book(measured=2), 2, CLASSES, Limits()).astype({"scope": str, "metric": str})
        with pytest.raises(ConfigurationError, match="MEASURE_NAME_TAKEN"):
            registry.register(measure)
    finally:
        del registry.MEASURES["longs"]
    found = rows[rows["metric"] == "longs"]
    assert found["value"].tolist() == [(row > 0).sum() for row in book(measured=2).weights[-2:]]
    assert (found["limit_value"] == Limits().value("gross")).all()


def test_every_name_stands_for_one_figure() -> None:
    rows = rows_of()
    assert not rows.duplicated(["session", "scope", "metric"]).any()
    assert set(SYMBOLS) >= {scope.split(":")[1] for scope in set(rows["scope"]) if scope.startswith("symbol:")}
