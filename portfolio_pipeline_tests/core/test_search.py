"""The search: its metrics against empyrical, its choices against plain Python, and no sight of the future."""

from __future__ import annotations

import json

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.backtest import Decisions, TradePrices, simulate_plainly
from portfolio_pipeline.core.kernels import METRICS, window_metrics
from portfolio_pipeline.core.panel import PricePanel
from portfolio_pipeline.core.search import (
    MINIMUM_SESSIONS,
    Choices,
    Evaluation,
    choose,
    chosen_rows,
    evaluate,
    propose,
    result_rows,
)
from portfolio_pipeline.core.strategies.card import Search, StrategyCard
from portfolio_pipeline.core.strategies.inputs import Inputs
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.rebalancing import due
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.strategies.sizing import sized
from portfolio_pipeline.core.strategies.trend import TrendParameters
from portfolio_pipeline_tests.core.markets import market, up_to, with_another_future

CARD = StrategyCard.model_validate(
    {
        "name": "tested",
        "type": "momentum",
        "description": "for tests",
        "symbols": {"asset_classes": ["equity"]},
        "search": {"window_sessions": 150, "trials": 9},
    }
)
PANEL = market()


def searched(panel: PricePanel, card: StrategyCard = CARD, workers: int = 1) -> Choices:
    strategy = STRATEGY_TYPES[card.type]
    space = ParameterSpace.of(strategy.Parameters, card.parameters)
    candidates = propose(space, card.search.trials, card.name)
    evaluation = evaluate(strategy, Inputs(panel), card, candidates, space.default, 0.0003, workers=workers)
    return choose(evaluation, card.search)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 60), st.integers(0, 20), st.floats(0.001, 0.05))
def test_window_metrics_are_those_of_empyrical(seed: int, window: int, begin: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    net, turnover = rng.normal(0.0005, size, (90, 3)), rng.random((90, 3))
    found = dict(zip(METRICS, window_metrics(net, turnover, begin, window), strict=True))
    assert all(np.isnan(values[: begin + 1]).all() for values in found.values())
    for row in (begin + 1, begin + 5, 60, 89):
        past = net[max(begin, row + 1 - window) : row + 1, 1]
        expected = {
            "return": empyrical.annual_return(past),
            "volatility": empyrical.annual_volatility(past),
            "sharpe": empyrical.sharpe_ratio(past),
            "sortino": empyrical.sortino_ratio(past),
            "max_drawdown": -empyrical.max_drawdown(past),
            "calmar": empyrical.calmar_ratio(past),
            "turnover": turnover[max(begin, row + 1 - window) : row + 1, 1].mean() * 252,
        }
        for name, value in expected.items():
            # Without a loss there is no downside and no drawdown: empyrical says inf or NaN, the search counts 0.
            wanted = value if np.isfinite(value) else 0.0
            np.testing.assert_allclose(found[name][row, 1], wanted, rtol=1e-7, atol=1e-12, err_msg=name)


def test_returns_without_any_movement_score_zero() -> None:
    metrics = dict(zip(METRICS, window_metrics(np.zeros((40, 1)), np.zeros((40, 1)), 0, 20), strict=True))
    assert all(metrics[name][-1, 0] == 0.0 for name in ("sharpe", "sortino", "calmar", "max_drawdown"))


def test_each_candidate_is_back_tested_as_the_specification_says() -> None:
    choices = searched(PANEL)
    inputs, strategy = Inputs(PANEL), STRATEGY_TYPES["momentum"]
    rows = np.flatnonzero(due(PANEL.sessions, "weekly"))
    for place in (0, 4, 8):
        weights = strategy.target_weights(inputs, choices.evaluation.candidates[place], rows)
        decisions = Decisions(rows, sized(inputs, weights, rows, CARD.sizing))
        expected = simulate_plainly(TradePrices.of(PANEL), decisions, 0.0003)
        np.testing.assert_allclose(choices.evaluation.net_return[:, place], expected.net_return, atol=1e-12)


def test_small_spaces_are_searched_exhaustively() -> None:
    space = ParameterSpace.of(TrendParameters, {"volatility_window": 60})
    assert propose(space, space.size, "any") == tuple(space.grid())


def test_large_spaces_are_drawn_from_by_name_with_the_default_among_the_drawn() -> None:
    space = ParameterSpace.of(STRATEGY_TYPES["momentum"].Parameters, {})
    drawn = propose(space, 40, "one")
    assert len(set(drawn)) == len(drawn) == 40
    assert space.default in drawn
    assert drawn == propose(space, 40, "one") != propose(space, 40, "two")
    # A Sobol sequence visits every value of the larger dimensions, which forty dependent draws would not.
    assert {one.model_dump()["slow"] for one in drawn} == set(space.values["slow"])


def reference_choice(choices: Choices, search: Search) -> list[int]:
    """The rule of choosing in plain Python, for objective sharpe."""
    evaluation, current, settled, result = choices.evaluation, choices.evaluation.default, False, []
    days = due(evaluation.sessions, search.cadence)
    for row in range(len(evaluation.sessions)):
        known = row + 1 - evaluation.begin
        if known >= min(MINIMUM_SESSIONS, search.window_sessions) and days[row]:
            past = evaluation.net_return[max(evaluation.begin, row + 1 - search.window_sessions) : row + 1]
            with np.errstate(all="ignore"):
                scores = np.nan_to_num(past.mean(axis=0) / past.std(axis=0, ddof=1) * np.sqrt(252))
            best = int(scores.argmax())
            if not settled or scores[best] - scores[current] > search.switch_margin * abs(scores[best]):
                current, settled = best, True
        result.append(current)
    return result


@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly"])
def test_the_best_score_wins_when_it_is_worth_changing(cadence: str) -> None:
    search = Search.model_validate({"window_sessions": 150, "trials": 9, "cadence": cadence, "switch_margin": 0.2})
    choices = choose(searched(PANEL).evaluation, search)
    assert choices.chosen.tolist() == reference_choice(choices, search)
    assert len(set(choices.chosen.tolist())) > 1


@pytest.mark.parametrize("objective", ["sharpe", "return", "sortino", "calmar", "drawdown"])
def test_every_objective_prefers_more_of_its_own_metric(objective: str) -> None:
    search = Search.model_validate({"window_sessions": 150, "trials": 9, "objective": objective, "switch_margin": 0})
    choices = choose(searched(PANEL).evaluation, search)
    metric, sign = ("max_drawdown", -1) if objective == "drawdown" else (objective, 1)
    values = sign * choices.metrics[METRICS.index(metric)]
    for row in np.flatnonzero(choices.searched):
        assert values[row, choices.chosen[row]] == values[row].max()


def test_ties_go_to_the_earlier_parameters() -> None:
    net = np.tile(np.random.default_rng(0).normal(0, 0.01, (300, 1)), (1, 3))
    days, candidates = PANEL.sessions[:300], tuple(ParameterSpace.of(TrendParameters, {}).grid())[:3]
    choices = choose(Evaluation(days, candidates, 2, net, np.zeros((300, 3)), 10), Search(window_sessions=50))
    assert set(choices.chosen[:59]) == {2}
    assert set(choices.chosen[59:]) == {0}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_day_alone_gives_the_rows_that_it_has_in_a_range(workers: int) -> None:
    whole, stop = searched(PANEL), len(PANEL.sessions)
    results, chosen = result_rows(whole, "tested", 520, stop), chosen_rows(whole, "tested", 520, stop, "before")
    before = "before"
    for row in (520, 521, 590, 699):
        alone = searched(up_to(PANEL, row), workers=workers)
        before = chosen["parameters"][row - 521] if row > 520 else before
        one = chosen_rows(alone, "tested", row, row + 1, before)
        assert one.to_dict("records") == chosen[row - 520 : row - 519].to_dict("records")
        day = result_rows(alone, "tested", row, row + 1)
        wanted = results[results["session"] == day["session"].iloc[0]]
        assert day.to_dict("records") == wanted.to_dict("records")


def test_another_future_changes_no_choice_and_no_score() -> None:
    row = 600
    found, other = searched(PANEL), searched(with_another_future(PANEL, row))
    np.testing.assert_array_equal(found.chosen[: row + 1], other.chosen[: row + 1])
    np.testing.assert_array_equal(found.metrics[:, : row + 1], other.metrics[:, : row + 1])
    assert not np.array_equal(found.scores[row + 1 :], other.scores[row + 1 :])


def test_before_there_is_enough_history_the_default_is_used_and_no_score_is_claimed() -> None:
    choices = searched(PANEL)
    first = choices.evaluation.begin + MINIMUM_SESSIONS - 1
    rows = chosen_rows(choices, "tested", 0, first + 1, None)
    default = choices.evaluation.candidates[choices.evaluation.default].to_json()
    assert set(rows["parameters"][:first]) == {default}
    assert rows["score"][:first].isna().all()
    assert not rows["trials"][:first].any()
    assert rows["score"].notna()[first]
    assert rows["trials"][first] == 9
    assert rows["changed"][0]
    assert not rows["changed"][1:first].any()
    assert result_rows(choices, "tested", 0, first).empty


def test_results_are_ranked_by_score_and_marked_when_nothing_beats_them() -> None:
    choices = searched(PANEL)
    rows = result_rows(choices, "tested", 690, 700)
    one = rows[rows["session"] == rows["session"].iloc[-1]]
    metrics = [json.loads(text) for text in one["metrics"]]
    sharpes = [values["sharpe"] for values in metrics]
    assert sharpes == sorted(sharpes, reverse=True)
    assert one["rank"].tolist() == list(range(1, 10))
    goods = [(m["return"], -m["volatility"], -m["max_drawdown"]) for m in metrics]
    expected = [not any(all(x >= y for x, y in zip(a, b, strict=True)) and a != b for a in goods) for b in goods]
    assert one["is_pareto"].tolist() == expected
