"""What sets are worth: objectives, sets that nothing beats, neighbourhoods, and the order they are kept in."""

from __future__ import annotations

from typing import Any

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.performance.windows import METRICS, window_metrics
from portfolio_pipeline.core.search.objectives import Objective, rank_shares, undominated
from portfolio_pipeline.core.search.plateau import Neighbourhoods
from portfolio_pipeline.core.search.ranking import ranked
from portfolio_pipeline.core.strategies.card import Goal, Search
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.strategies.types.mean_reversion import MeanReversionParameters
from portfolio_pipeline.core.strategies.types.trend import TrendParameters


def some_metrics(seed: int = 0, rows: int = 3, candidates: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.3, 1.0, (len(METRICS), rows, candidates))


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("sharpe", "sharpe"),
        ({"sharpe": 0.7, "drawdown": 0.3}, "0.7*sharpe + 0.3*drawdown"),
        (["sharpe", "drawdown"], "sharpe, drawdown"),
    ],
)
def test_an_objective_is_written_as_a_person_would_read_it(written: object, text: str) -> None:
    search = Search.model_validate({"objective": written})
    assert str(Objective.of(search.objective)) == text


def test_a_weighted_objective_is_the_weighted_sum_with_drawdown_against_it() -> None:
    metrics, objective = some_metrics(), Objective.of({"sharpe": 0.7, "drawdown": 0.3})
    scores = objective.scores(objective.values(metrics))
    by_name = dict(zip(METRICS, metrics, strict=True))
    np.testing.assert_allclose(scores, 0.7 * by_name["sharpe"] - 0.3 * by_name["deepest_fall"], rtol=1e-15)


def test_several_goals_at_once_score_the_mean_share_of_sets_that_are_no_better() -> None:
    metrics, objective = some_metrics(), Objective.of(("return", "drawdown"))
    scores = objective.scores(objective.values(metrics))
    by_name = dict(zip(METRICS, metrics, strict=True))
    for row in range(3):
        shares = pd.DataFrame({"return": by_name["return"][row], "drawdown": -by_name["deepest_fall"][row]})
        np.testing.assert_allclose(scores[row], shares.rank(method="max", pct=True).mean(axis=1))


def test_equal_sets_share_a_rank_and_a_row_with_a_hole_has_none() -> None:
    np.testing.assert_array_equal(rank_shares(np.array([[1.0, 3.0, 1.0, 2.0]])), [[0.5, 1.0, 0.5, 0.75]])
    assert np.isnan(rank_shares(np.array([[1.0, np.nan]]))).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 4), st.sampled_from([2, 4, 1000]))
def test_the_sets_that_nothing_beats_are_those_that_comparing_all_pairs_finds(
    seed: int, candidates: int, goals: int, levels: int
) -> None:
    goods = np.random.default_rng(seed).integers(0, levels, (goals, 3, candidates)).astype(float)
    goods[0, 2, 0] = np.nan
    found = undominated(goods, workers=2)
    for row in range(2):
        points = goods[:, row].T
        beaten = [any((a >= b).all() and (a > b).any() for a in points) for b in points]
        assert found[row].tolist() == [not one for one in beaten]
    assert not found[2].any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 4))
def test_what_nothing_beats_depends_neither_on_the_order_of_sets_nor_on_copies_of_them(
    seed: int, candidates: int, goals: int
) -> None:
    rng = np.random.default_rng(seed)
    goods = rng.integers(0, 3, (goals, 2, candidates)).astype(float)
    found = undominated(goods)
    order = rng.permutation(candidates)
    np.testing.assert_array_equal(undominated(goods[:, :, order]), found[:, order])
    np.testing.assert_array_equal(undominated(np.concatenate([goods, goods], axis=2)), np.tile(found, 2))


@pytest.mark.parametrize("goal", ["return", "sharpe", "sortino", "calmar", "drawdown"])
def test_a_cost_is_taken_from_each_goal_in_its_own_unit(goal: Goal) -> None:
    returns = np.random.default_rng(5).normal(0.0006, 0.01, (1, 252))
    metrics = window_metrics(returns, returns, 0, 252, [251])[:, 0, 0]
    cost, objective = 1e-4, Objective.of(goal)
    below = empyrical.downside_risk(returns[0])
    found = objective.after_cost(objective.values(metrics), cost, metrics, float(below))
    # The same, were each session's return lower by its part of the cost. What it does to the drawdown is left out.
    dearer = window_metrics(returns - cost / 252, returns, 0, 252, [251])[:, 0, 0]
    dearer[METRICS.index("deepest_fall")] = metrics[METRICS.index("deepest_fall")]
    lost = objective.values(metrics) - objective.values(dearer)
    np.testing.assert_allclose(objective.values(metrics) - found, lost, rtol=0.25, atol=1e-12)
    if goal == "sharpe":
        np.testing.assert_allclose(objective.values(metrics) - found, lost, rtol=1e-9)


def test_what_does_not_move_has_no_unit_to_take_a_cost_in() -> None:
    objective, nothing = Objective.of(("sharpe", "sortino", "calmar")), np.zeros(len(METRICS))
    np.testing.assert_array_equal(objective.after_cost(np.zeros(3), 0.01, nothing, 0.0), 0.0)


def trend_sets() -> tuple[ParameterSpace, tuple[Parameters, ...]]:
    space = ParameterSpace.of(TrendParameters, {"fast": {"low": 20, "high": 80, "step": 5}, "speeds": 1})
    return space, tuple(one for one in space.grid() if one.model_dump()["volatility_window"] == 60)


def test_a_lone_spike_loses_against_a_plateau() -> None:
    space, sets = trend_sets()
    given = [(one.model_dump()["fast"], one.model_dump()["slow"]) for one in sets]
    scores = np.array([[1.0 if fast >= 60 and slow >= 200 else 0.0 for fast, slow in given]])
    spike = given.index((25, 120))
    scores[0, spike] = 1.6
    assert scores[0].argmax() == spike
    smoothed = Neighbourhoods.of(space, sets, 6).smoothed(scores)[0]
    fast, slow = given[int(smoothed.argmax())]
    assert fast > 60
    assert slow > 200
    raw = Neighbourhoods.of(space, sets, 0).smoothed(scores)
    np.testing.assert_array_equal(raw, scores)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 9))
def test_a_neighbourhood_is_the_weighted_mean_over_the_nearest_sets(seed: int, count: int) -> None:
    space = ParameterSpace.of(MeanReversionParameters, {"hold": 5, "places": [2, 4]})
    sets = tuple(space.grid())[::3]
    scores = np.random.default_rng(seed).normal(size=(2, len(sets)))
    scores[0, 3] = np.nan
    found = Neighbourhoods.of(space, sets, count).smoothed(scores, workers=2)
    values = [one.model_dump() for one in sets]

    def apart(a: dict[str, Any], b: dict[str, Any]) -> float:
        square = float(a["indicator"] != b["indicator"])
        for name in ("lookback", "entry", "places", "trend_window"):
            known = space.values[name]
            square += ((known.index(a[name]) - known.index(b[name])) / max(len(known) - 1, 1)) ** 2
        return round(float(np.sqrt(square)), 9)

    for place in (0, 3, 7, len(sets) - 1):
        distances = [(apart(values[place], other), n) for n, other in enumerate(values) if n != place]
        nearest = sorted(distances)[:count]
        typical = np.mean([distance for distance, _ in nearest])
        weights = {place: 1.0} | {n: 1.0 / (1.0 + distance / typical) for distance, n in nearest}
        for row in range(2):
            known = {n: w for n, w in weights.items() if not np.isnan(scores[row, n])}
            expected = sum(w * scores[row, n] for n, w in known.items()) / sum(known.values())
            wanted = np.nan if np.isnan(scores[row, place]) else expected
            np.testing.assert_allclose(found[row, place], wanted, rtol=1e-9, err_msg=f"{place} {row}")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 40))
def test_the_best_are_kept_and_more_that_nothing_beats(seed: int, candidates: int) -> None:
    rng = np.random.default_rng(seed)
    smoothed = rng.integers(0, 15, (4, candidates)).astype(float)
    pareto = rng.random((4, candidates)) < 0.4
    metrics = rng.normal(size=(len(METRICS), 4, candidates))
    found = ranked(np.arange(100, 104), metrics, -smoothed, smoothed, pareto)
    for row in range(4):
        order = sorted(range(candidates), key=lambda c: (-smoothed[row, c], c))
        expected = order[:10] + [c for c in order[10:] if pareto[row, c]][:5]
        mine = found.row == 100 + row
        assert found.place[mine].tolist() == expected
        assert found.rank[mine].tolist() == list(range(1, len(expected) + 1))
        assert found.is_pareto[mine].tolist() == pareto[row, expected].tolist()
        np.testing.assert_array_equal(found.metrics[mine], metrics[:, row, expected].T)
        np.testing.assert_array_equal(found.score[mine], -smoothed[row, expected])
    assert found.last == expected
