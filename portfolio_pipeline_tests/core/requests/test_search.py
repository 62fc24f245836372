"""Searches on request against plain sums over the returns of the sets, and against another future."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.performance.metrics import performance
from portfolio_pipeline.core.requests.search import (
    FEWEST_HELD_OUT,
    Found,
    cut_of,
    request_id,
    request_row,
    search_once,
    trial_rows,
)
from portfolio_pipeline.core.search import Walk, evaluation
from portfolio_pipeline_tests.core.markets import market, with_another_future
from portfolio_pipeline_tests.core.searches import card, walk

PANEL = market()
LAST = len(PANEL.sessions) - 1
SMALL: dict[str, Any] = {"slow": [84, 126], "trend_window": [50, 100], "top": [2, 4]}


def tried(**search: Any) -> Any:
    rule: dict[str, Any] = {"rule": "surface_mixture", "mixture": 3, "trust": 0.5, "trials": 24}
    return card(SMALL, **rule | search)


def asked(walk: Walk, first: int, last: int) -> SessionRange:
    days = walk.sessions
    return SessionRange(days[first].item(), days[last].item())


def found(panel: PricePanel = PANEL, *, first: int = 0, last: int = LAST, held: float = 0.25, **search: Any) -> Found:
    searching = walk(panel, tried(**search), first=first)
    return search_once(searching, asked(searching, first, last), cut_of(searching, first, last, held))


def returns(one: Found, text: str, first: int, last: int) -> np.ndarray:
    net, _ = one.walk.backtests.of(one.pool.candidates)
    series: np.ndarray = net[one.pool.texts.index(text), first : last + 1]
    return series


def last_of(figures: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(values[-1]) for name, values in figures.items()}


def test_every_set_is_told_with_its_figures_on_the_searched_sessions_and_on_those_held_out() -> None:
    one = found(first=300)
    rows = trial_rows(one, "a")
    assert sorted(rows["parameters"]) == sorted(one.pool.texts)
    for trial in rows.itertuples():
        for text, first, last in (
            (trial.metrics, one.cut.begin, one.cut.searched),
            (trial.held_out_metrics, one.cut.searched + 1, LAST),
        ):
            told = json.loads(str(text))
            plain = last_of(performance(returns(one, str(trial.parameters), first, last)))
            assert told["sharpe"] == pytest.approx(plain["sharpe"], abs=1e-9)
            assert told["return"] == pytest.approx(plain["annual_return"], abs=1e-9)
            assert told["max_drawdown"] == pytest.approx(plain["max_drawdown"], abs=1e-9)


def test_what_the_rule_would_use_is_the_mean_of_its_members() -> None:
    one = found()
    shares = trial_rows(one, "a").set_index("parameters")["share"]
    assert shares.sum() == pytest.approx(1.0)
    used = sum(
        share * returns(one, str(text), one.cut.searched + 1, LAST) for text, share in shares.items() if share > 0.0
    )
    told = json.loads(str(request_row(one, "a", "")["held_out_metrics"]))
    assert told["sharpe"] == pytest.approx(performance(used)["sharpe"][-1], abs=1e-9)


def test_scores_count_from_the_first_session_that_is_asked_for() -> None:
    one = found(first=350, rule="best_neighbourhood", window_sessions=600, neighbours=0)
    assert one.cut.begin == 350
    for trial in trial_rows(one, "a").itertuples():
        mine = returns(one, str(trial.parameters), 350, one.cut.searched)
        assert trial.score == pytest.approx(performance(mine)["sharpe"][-1], abs=1e-9)


def test_the_best_is_first_and_the_default_is_among_them() -> None:
    one = found()
    rows = trial_rows(one, "a")
    assert rows["plateau_score"].is_monotonic_decreasing
    assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
    assert rows.loc[rows["is_default"], "parameters"].tolist() == [one.walk.space.default.to_json()]
    assert request_row(one, "a", "")["parameters"] == rows["parameters"].iloc[0]


@pytest.mark.parametrize(
    "search",
    [
        {},
        {"rule": "best_neighbourhood", "holdout_sessions": 10},
        {"method": "nsga2", "objective": ["return", "drawdown"], "renewal": "monthly", "trials": 6},
        {"method": "sobol", "trials": 5},
    ],
)
def test_what_is_held_out_changes_nothing_of_what_is_chosen(search: dict[str, Any]) -> None:
    one = found(first=100, **search)
    other = found(with_another_future(PANEL, one.cut.searched), first=100, **search)
    before, after = trial_rows(one, "a"), trial_rows(other, "a")
    seen = ["rank", "parameters", "score", "plateau_score", "share", "is_default", "metrics"]
    assert before[seen].equals(after[seen])
    assert not before["held_out_metrics"].equals(after["held_out_metrics"])
    rows = request_row(one, "a", ""), request_row(other, "a", "")
    told = ("reason", "parameters", "metrics", "deflated_sharpe", "overfitting", "effective_trials", "compared")
    assert [rows[0][name] for name in told] == [rows[1][name] for name in told]


def test_the_choice_and_scores_are_those_of_the_chain_at_that_session() -> None:
    one = found()
    daily = walk(PANEL, tried())
    (stretch,) = daily.run(one.cut.searched, one.cut.searched + 1)
    assert stretch.choices[0] == one.choice
    assert stretch.newest.tobytes() == one.scores.smoothed[0].tobytes()
    places = stretch.ranking.place
    assert stretch.ranking.score.tobytes() == one.scores.raw[0][places].tobytes()


def test_every_set_that_was_evaluated_counts_as_tried() -> None:
    one = found(method="tpe", trials=8, renewal="monthly")
    row = request_row(one, "a", "")
    assert row["compared"] == one.walk.backtests.evaluated >= len(one.pool.candidates)


def test_a_set_that_was_forgotten_and_evaluated_anew_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_REMEMBERED", 0.0)
    one = found(method="tpe", trials=8, renewal="monthly")
    assert request_row(one, "a", "")["compared"] == len(one.pool.candidates) < one.walk.backtests.evaluated


def test_without_anything_held_out_nothing_is_told_of_it() -> None:
    one = found(held=0.0)
    row = request_row(one, "a", "")
    assert one.cut.searched == LAST
    assert row["held_out_sessions"] == 0
    assert row["held_out_metrics"] is None
    assert all(math.isnan(float(str(row[name]))) for name in ("best_difference", "rank_correlation"))
    assert trial_rows(one, "a")["held_out_metrics"].isna().all()


@pytest.mark.parametrize("held", [0.0, 0.1, 0.25, 0.6])
def test_a_range_is_refused_exactly_as_long_as_a_part_of_it_is_too_short(held: float) -> None:
    searching = walk(PANEL, tried(), first=300)

    def cut(last: int) -> bool:
        """Whether it is cut; then both parts are long enough."""
        try:
            found = cut_of(searching, 300, last, held)
        except DataError:
            return False
        assert found.searched >= searching.first_scored
        assert found.held_out >= FEWEST_HELD_OUT or held == 0.0
        assert found.begin == 300
        return True

    lasts = [last for last in range(290, LAST + 1) if cut(last)]
    assert lasts == list(range(lasts[0], LAST + 1))
    # Two sessions fewer, for parts are whole: then one of them is too short.
    count = lasts[0] - 300 - 1
    assert (1.0 - held) * count < 126 or held * count < FEWEST_HELD_OUT


def test_a_request_is_named_by_what_is_asked_and_by_the_data_that_answers_it() -> None:
    def name(panel: PricePanel = PANEL, first: int = 0, held: float = 0.25, **search: Any) -> str:
        searching = walk(panel, tried(**search), first=first)
        return request_id(searching, asked(searching, first, LAST), held, None)

    restated = PANEL.close.copy()
    restated[10, 0] *= 1.001
    others = [
        name(first=1),
        name(held=0.5),
        name(objective="return"),
        name(trials=25),
        name(replace(PANEL, close=restated)),
    ]
    assert name() == name()
    assert len({name(), *others}) == 1 + len(others)
