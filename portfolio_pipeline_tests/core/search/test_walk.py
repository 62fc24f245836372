"""The search from session to session: its choices against plain Python, ranges as sessions, no sight of the future."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.performance.windows import METRICS
from portfolio_pipeline.core.search import MINIMUM_SESSIONS, InUse, Stretch, Walk, chosen_rows, result_rows
from portfolio_pipeline.core.search.candidates import pool_for_all_sessions
from portfolio_pipeline.core.search.regime_scores import regime_metrics
from portfolio_pipeline.core.simulation.simulation import Decisions, TradePrices, simulate_plainly
from portfolio_pipeline.core.strategies.card import Search
from portfolio_pipeline.core.strategies.exposure import decisions
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.strategies.sizing import sized
from portfolio_pipeline.core.strategies.types.trend import TrendParameters
from portfolio_pipeline_tests.core.markets import market, up_to, with_another_future
from portfolio_pipeline_tests.core.searches import COST_RATE, Diary, card, walk

PANEL = market()
MOMENTUM = STRATEGY_TYPES["momentum"]
END = len(PANEL.sessions)


def rows_of(found: Walk, stretches: list[Stretch]) -> tuple[Any, Any]:
    text = str(found.objective)
    return chosen_rows(stretches, found.sessions, "tested", text, None), result_rows(
        stretches, found.sessions, "tested"
    )


@pytest.mark.parametrize("direction", ["long_only", "long_short"])
@pytest.mark.parametrize("sizing", [{}, {"volatility_target": 0.1, "adjust": "daily"}, {"stop": 0.05}])
def test_each_candidate_is_back_tested_as_the_specification_says(direction: str, sizing: dict[str, Any]) -> None:
    tried = card(sizing=sizing).model_copy(update={"direction": direction})
    found = walk(PANEL, tried, workers=2)
    candidates = pool_for_all_sessions(found.space, tried.search, "tested")
    net, turnover = found.backtests.of(candidates)
    rows = np.flatnonzero(due(PANEL.sessions, "weekly"))
    for place in (0, 4, 8):
        inputs = Inputs(PANEL)
        weights = MOMENTUM.target_weights(inputs, candidates[place], rows, long_short=direction == "long_short")
        decided = decisions(inputs, tried.sizing, rows, weights)
        if not sizing:
            decided = Decisions(rows, sized(inputs, weights, rows, tried.sizing))
        expected = simulate_plainly(TradePrices.of(PANEL), decided, COST_RATE)
        np.testing.assert_allclose(net[place], expected.net_return, rtol=0, atol=1e-12)
        traded_at = found.backtests.traded_at
        np.testing.assert_allclose(turnover[place], expected.turnover[traded_at], rtol=0, atol=1e-12)
        assert not np.delete(expected.turnover, traded_at).any()


def test_no_set_is_back_tested_twice_and_progress_is_told() -> None:
    tried, told = card(trials=45), []
    found = walk(PANEL, tried, workers=2)
    found.backtests._progress = lambda done, total: told.append((done, total))
    candidates = pool_for_all_sessions(found.space, tried.search, "tested")
    found.backtests.expect(45)
    net, _ = found.backtests.of(candidates)
    assert told == [(40, 45), (45, 45)]
    again, _ = found.backtests.of(candidates[5:9])
    np.testing.assert_array_equal(again, net[5:9])
    assert found.backtests.evaluated == 45


def test_small_spaces_are_searched_exhaustively() -> None:
    space = ParameterSpace.of(TrendParameters, {"volatility_window": 60})
    assert pool_for_all_sessions(space, Search(trials=space.size), "any") == tuple(space.grid())
    assert pool_for_all_sessions(space, Search(trials=7, method="exhaustive"), "any") == tuple(space.grid())


def test_large_spaces_are_drawn_from_by_name_with_the_default_among_the_drawn() -> None:
    space, search = ParameterSpace.of(MOMENTUM.Parameters, {}), Search(trials=40)
    drawn = pool_for_all_sessions(space, search, "one")
    assert len(set(drawn)) == len(drawn) == 40
    assert space.default in drawn
    assert drawn == pool_for_all_sessions(space, search, "one") != pool_for_all_sessions(space, search, "two")
    assert list(drawn) == sorted(drawn, key=space.order)
    # A Sobol sequence visits every value of the larger dimensions, which forty dependent draws would not.
    assert {one.model_dump()["slow"] for one in drawn} == set(space.values["slow"])


def test_a_space_with_few_allowed_sets_gives_what_it_has() -> None:
    space = ParameterSpace.of(
        MOMENTUM.Parameters, {"top": {"default": 2}, "fast": {"default": 42}}, ("fast + 150 < slow", "top < 3")
    )
    drawn = pool_for_all_sessions(space, Search(trials=3000), "any")
    assert 1 < len(drawn) < 3000
    assert all(space.holds(one.model_dump()) is None for one in drawn)


def test_a_grid_that_no_memory_holds_is_refused_with_what_to_do() -> None:
    space = ParameterSpace.of(MOMENTUM.Parameters, {"fast": {"low": 21, "high": 105, "step": 1}})
    with pytest.raises(ConfigurationError, match=r"SPACE_TOO_LARGE.*sobol or nsga2"):
        pool_for_all_sessions(space, Search(method="exhaustive"), "any")


def test_one_set_alone_is_used_and_scored() -> None:
    found = walk(PANEL, card(trials=1))
    rows, results = rows_of(found, found.run(0, END))
    assert set(rows["parameters"]) == {found.space.default.to_json()}
    assert rows["changed"].sum() == 1
    assert rows["plateau_score"].equals(rows["score"])
    assert (results["rank"] == 1).all()


def by_plain_python(found: Walk, search: Search) -> list[int]:
    """The rule of choosing, for objective sharpe without neighbours."""
    pool = found.run(0, 1)[0].pool
    inputs, current, settled, result = Inputs(PANEL), pool.places[found.space.default], False, []
    days, held = due(PANEL.sessions, search.cadence), search.holdout_sessions
    for row in range(END):
        last = row + 1 - held
        known = last - pool.begin
        if known >= min(MINIMUM_SESSIONS, search.window_sessions) and days[row]:
            past = pool.net_return[:, max(pool.begin, last - search.window_sessions) : last]
            with np.errstate(all="ignore"):
                scores = np.nan_to_num(past.mean(axis=1) / past.std(axis=1, ddof=1) * np.sqrt(252))
            best = int(scores.argmax())
            if not settled:
                current, settled = best, True
            elif best != current:
                gain = scores[best] - scores[current]
                targets = [
                    sized(
                        inputs,
                        MOMENTUM.target_weights(inputs, one, np.array([row])),
                        np.array([row]),
                        found.card.sizing,
                    )
                    for one in (pool.candidates[best], pool.candidates[current])
                ]
                paid = COST_RATE * np.abs(targets[0] - targets[1]).sum() * 252 / search.cost_sessions
                cost = paid / (past[best].std(ddof=1) * np.sqrt(252))
                seen = pool.net_return[:, row + 1 - held : row + 1] if held else np.ones((len(scores), 3))
                with np.errstate(all="ignore"):
                    newest = (
                        np.nan_to_num(seen.mean(axis=1) / seen.std(axis=1, ddof=1)) if held else np.ones(len(scores))
                    )
                if gain > search.switch_margin * abs(scores[best]) and gain > cost and newest[best] >= newest[current]:
                    current = best
        result.append(current)
    return result


@pytest.mark.parametrize(
    "settings",
    [
        {"cadence": "daily"},
        {"cadence": "weekly", "switch_margin": 0.05},
        {"cadence": "monthly", "switch_margin": 0.0},
        {"holdout_sessions": 30, "switch_margin": 0.05},
        {"cost_sessions": 1, "switch_margin": 0.0},
    ],
)
def test_the_best_score_wins_when_it_is_worth_changing(settings: dict[str, Any]) -> None:
    tried = card(neighbours=0, **settings)
    found = walk(PANEL, tried)
    stretches = found.run(0, END)
    chosen = np.concatenate([stretch.leading for stretch in stretches]).tolist()
    assert chosen == by_plain_python(found, tried.search)
    assert len(set(chosen)) > 2


def test_what_changing_costs_keeps_what_a_free_change_would_leave() -> None:
    free, dear = (
        rows_of(found, found.run(400, END))[0]
        for found in (walk(PANEL, card(switch_margin=0, cost_sessions=days)) for days in (100_000, 1))
    )
    assert dear["changed"].sum() < free["changed"].sum()
    assert dear["reason"].str.contains("no more than a change costs").any()


@pytest.mark.parametrize("objective", ["sharpe", "return", "sortino", "calmar", "drawdown"])
def test_every_objective_prefers_more_of_its_own_metric(objective: str) -> None:
    found = walk(PANEL, card(objective=objective, switch_margin=0, neighbours=0, cost_sessions=10**9))
    _, results = rows_of(found, found.run(400, END))
    first = results[results["rank"] == 1]
    metric = "max_drawdown" if objective == "drawdown" else objective
    for session, text in zip(first["session"], first["metrics"], strict=True):
        others = results[results["session"] == session]["metrics"]
        assert json.loads(text)[metric] == max(json.loads(one)[metric] for one in others)


METHODS: dict[str, dict[str, Any]] = {
    "exhaustive": {"parameters": {"fast": 21, "slow": [84, 126], "slow_share": 0.5, "trend_filter": "symbol"}},
    "sobol": {"cadence": "weekly", "objective": {"sharpe": 1, "drawdown": 2}, "holdout_sessions": 5},
    "nsga2": {"objective": ["return", "drawdown"], "renewal": "monthly", "trials": 24},
    "tpe": {"renewal": "monthly", "cadence": "weekly", "trials": 24, "patience": 1},
}
SURFACE: dict[str, Any] = {"rule": "surface_mixture", "half_life_sessions": 100, "mixture": 4, "renewed_share": 0.1}
METHODS |= {
    f"mixture of {name}": {key: value for key, value in METHODS[name].items() if key != "holdout_sessions"} | SURFACE
    for name in ("sobol", "nsga2")
}


@pytest.mark.parametrize("method", METHODS)
def test_a_range_gives_what_its_sessions_one_by_one_and_overlapping_ranges_give(method: str) -> None:
    settings = dict(METHODS[method])
    tried = card(settings.pop("parameters", None), method=method.split()[-1], **({"trials": 60} | settings))
    start, stop = 374, 434
    whole, one_by_one, overlapping = Diary(), Diary(), Diary()
    whole.go_on(walk(PANEL, tried), start, stop)
    assert whole.chosen["trials"].max() > 9
    for row in range(start, stop):
        one_by_one.go_on(walk(up_to(PANEL, row), tried, workers=2), row, row + 1)
    one_by_one.same_as(whole)
    for first, last in ((start, 391), (380, 415), (400, stop)):
        overlapping.go_on(walk(up_to(PANEL, last - 1), tried), first, last)
    overlapping.same_as(whole)


@pytest.mark.parametrize("method", METHODS)
def test_another_future_changes_nothing_before_it(method: str) -> None:
    settings = dict(METHODS[method])
    tried = card(settings.pop("parameters", None), method=method.split()[-1], **settings)
    row = 440
    found, other = (
        rows_of(one, one.run(400, 480)) for one in (walk(PANEL, tried), walk(with_another_future(PANEL, row), tried))
    )
    for mine, others in zip(found, other, strict=True):
        until = mine["session"] <= np.datetime64(PANEL.sessions[row], "s")
        same = others[others["session"].isin(mine["session"][until])]
        pd.testing.assert_frame_equal(mine[until], same.reset_index(drop=True), check_exact=True)
        assert not mine.equals(others)


def test_before_there_is_enough_history_the_default_is_used_and_no_score_is_claimed() -> None:
    found = walk(PANEL, card())
    stretches = found.run(0, 400)
    first = stretches[0].pool.begin + MINIMUM_SESSIONS - 1
    rows, results = rows_of(found, stretches)
    assert set(rows["parameters"][:first]) == {found.space.default.to_json()}
    assert rows["score"][:first].isna().all()
    assert not rows["trials"][:first].any()
    assert set(rows["reason"][:first]) == {"default: fewer than 126 sessions of scores"}
    assert rows["score"].notna()[first]
    assert rows["trials"][first] == 9
    assert rows["reason"][first] == "first choice by sharpe"
    assert rows["changed"][0]
    assert not rows["changed"][1:first].any()
    assert results["session"].min() == np.datetime64(PANEL.sessions[first], "s")


def test_a_set_that_hardly_ever_trades_is_not_chosen_while_others_do() -> None:
    reversion = card(
        {"indicator": "zscore", "lookback": 10, "entry": [0.5, 2.5], "hold": 1, "places": [2, 4], "trend_window": 50},
        neighbours=0,
        switch_margin=0.0,
    ).model_copy(update={"type": "mean_reversion", "rebalance": "daily"})
    panel = market(600)

    def least_active(fewest: float) -> tuple[float, float]:
        """Of the sets at the newest session, and of those that were chosen at any."""
        searched = reversion.model_copy(
            update={"search": reversion.search.model_copy(update={"fewest_active": fewest, "objective": "drawdown"})}
        )
        (stretch,) = walk(panel, searched).run(300, 600)
        active = pd.DataFrame((stretch.pool.net_return != 0.0).T).rolling(150).mean().to_numpy()
        return active[-1].min(), active[stretch.rows, stretch.leading].min()

    assert least_active(0.0)[1] < 0.2
    assert least_active(0.2)[0] < 0.2 <= least_active(0.2)[1]


def test_every_session_says_why() -> None:
    found = walk(PANEL, card(cadence="weekly", switch_margin=0.05, holdout_sessions=20))
    rows, _ = rows_of(found, found.run(0, END))
    assert (rows["reason"] != "").all()
    words = rows["reason"].str.split(":").str[0].unique().tolist()
    assert {"first choice by sharpe", "not due", "kept", "changed", "default"} == set(words)
    changed = rows["reason"].str.startswith("changed")
    assert rows["changed"][changed].all()
    assert rows["reason"].str.contains("kept: not confirmed on the sessions held out").any()
    assert rows["holdout_score"].notna()[rows["score"].notna()].all()


def test_results_are_ranked_by_plateau_and_marked_when_nothing_beats_them() -> None:
    found = walk(PANEL, card(trials=30))
    stretches = found.run(690, 700)
    _, rows = rows_of(found, stretches)
    one = rows[rows["session"] == rows["session"].iloc[-1]]
    assert one["plateau_score"].head(10).is_monotonic_decreasing
    assert one["rank"].tolist() == list(range(1, len(one) + 1))
    assert 10 < len(one) <= 15
    assert one["is_pareto"][10:].all()
    metrics = stretches[-1].pool
    everything = found._scores(metrics, np.array([699])).metrics[:, 0]
    by_name = dict(zip(METRICS, everything, strict=True))
    goods = np.stack([by_name["return"], -by_name["volatility"], -by_name["deepest_fall"]], axis=1)
    for text, marked in zip(one["parameters"], one["is_pareto"], strict=True):
        mine = goods[metrics.texts.index(text)]
        assert marked == (not any((a >= mine).all() and (a > mine).any() for a in goods))
    stored = [json.loads(text) for text in one["metrics"]]
    best = {name: values[metrics.texts.index(one["parameters"].iloc[0])] for name, values in by_name.items()}
    best["max_drawdown"] = -best.pop("deepest_fall")
    assert stored[0] == best
    assert one["metrics"].iloc[0] == json.dumps(stored[0], sort_keys=True)


def test_a_set_that_the_pool_lacks_stays_in_the_comparison_as_long_as_it_is_used() -> None:
    tried = card(switch_margin=0.05)
    found = walk(PANEL, tried)
    pool = found.run(450, 451)[0].pool
    foreign = next(one for one in found.space.grid() if one not in pool.places)
    stretches = found.run(450, 650, InUse(Mixture.single(foreign), True))
    rows, _ = rows_of(found, stretches)
    used = rows["parameters"] == foreign.to_json()
    assert 0 < used.sum() < 200
    left = int(np.argmin(used))
    assert (rows["trials"][: left + 1] == 10).all()
    assert (rows["trials"][left + 1 :] == 9).all()
    alone = found.run(450 + left + 3, 450 + left + 4, stretches[-1].in_use)
    assert len(alone[0].pool.candidates) == 9


@pytest.mark.parametrize("method", ["nsga2", "tpe"])
def test_an_adaptive_search_counts_what_it_tried_and_finds_better_than_it_began_with(method: str) -> None:
    found = walk(PANEL, card(method=method, trials=60, renewal="yearly", switch_margin=0))
    (row,) = [int(row) for row in np.unique(found._epochs[600:])][-1:]
    stretch = found.run(row, row + 1)[0]
    assert 20 < len(stretch.pool.candidates) <= 61
    few = walk(PANEL, card(method="sobol", trials=10, switch_margin=0)).run(row, row + 1)[0]
    assert found._scores(stretch.pool, np.array([row])).raw.max() > few.score[0]


def test_an_adaptive_search_begins_with_what_was_best_and_keeps_what_is_used() -> None:
    tried = card(method="nsga2", trials=20, renewal="monthly")
    diary, found = Diary(), walk(PANEL, tried)
    diary.go_on(found, 420, 520)
    epochs = [int(row) for row in np.unique(found._epochs[440:520]) if row > 440]
    for epoch in epochs:
        session = PANEL.sessions[epoch].item()
        best, used = diary.best(session), diary.in_use(session)
        (one,) = used
        pool = found.run(epoch, epoch + 1, InUse(Mixture.single(one), True), diary)[0].pool
        assert {one, *best} <= set(pool.candidates)
        assert found.space.default in pool.candidates


def test_constraints_between_parameters_are_kept_by_every_method() -> None:
    for method in ("exhaustive", "sobol", "nsga2", "tpe"):
        tried = card(method=method, trials=30, renewal="yearly").model_copy(update={"constraints": ("top + 2 < 8",)})
        found = walk(PANEL, tried)
        pool = found.run(600, 601)[0].pool
        assert all(found.space.holds(one.model_dump()) is None for one in pool.candidates)


def test_scores_look_at_alike_regimes_as_far_as_the_card_says() -> None:
    with pytest.raises(ValueError, match="need their probabilities"):
        walk(PANEL, card(regime_share=0.1))
    chances = np.random.default_rng(3).dirichlet(np.ones(6) * 0.3, END)
    plain, alike, mixed = (
        walk(PANEL, card(regime_share=share, neighbours=0), probabilities=chances) for share in (0.0, 1.0, 0.25)
    )
    rows = np.array([500, 699])
    pool = plain.fixed
    raw = [found._scores(found.fixed, rows).raw for found in (plain, alike, mixed)]
    traded_at = plain.backtests.traded_at
    weighted = regime_metrics(pool.net_return, pool.turnover, chances, pool.begin, 150, rows, traded_at=traded_at)
    np.testing.assert_array_equal(raw[1], weighted[METRICS.index("sharpe")])
    np.testing.assert_allclose(raw[2], 0.75 * raw[0] + 0.25 * raw[1], rtol=1e-12)
