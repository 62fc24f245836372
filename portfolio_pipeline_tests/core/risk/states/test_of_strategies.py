"""Strategies' states: each by its own paper, and of near-twins the lower-scored takes no new capital."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import sessions_between
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.of_strategies import WINDOW, strategies_path, strategy_rule
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.core.risk.states.standing import Standing

DAYS = sessions_between(date(2020, 1, 2), date(2021, 12, 31))
LIMITS = Limits(strategy_drawdown=0.10, correlation=0.80, correlation_alert=0.70)
NAMES = ("one", "two", "three")


def walk(
    returns: Array, responses: Responses | None = None, before: dict[str, Standing] | None = None, first: int = 0
) -> list[dict[str, Standing]]:
    responses = responses or Responses()
    rules = {name: strategy_rule(LIMITS, responses) for name in NAMES}
    seen = returns[max(0, first - WINDOW + 1) :]
    return strategies_path(before or {}, DAYS[first : len(returns)], seen, seen, NAMES, rules, LIMITS, responses)


@pytest.fixture
def returns() -> Array:
    random = np.random.default_rng(4)
    drawn = random.normal(0.0005, 0.008, (300, 3))
    drawn[:, 1] = drawn[:, 0] + random.normal(-0.001, 0.001, 300)  # moves as the first one, and earns less
    return drawn


def test_only_the_strategy_that_lost_too_much_is_paused(returns: Array) -> None:
    returns = np.random.default_rng(5).normal(0.0005, 0.002, (80, 3))
    returns[40, 2] = -0.15
    path = walk(returns)
    assert path[39]["three"].state == "normal"
    assert path[40]["three"].state == "paused"
    assert path[40]["three"].rule == "strategy_drawdown"
    assert {path[40][name].state for name in ("one", "two")} == {"normal"}


def test_of_near_twins_the_lower_scored_takes_no_new_capital_until_they_are_apart(returns: Array) -> None:
    path = walk(returns)
    late = path[-1]
    held = [one["two"] for one in path if one["two"].rule == "correlation"]
    assert held
    assert all((one.state, one.factor, one.adds) == ("reduced", 1.0, False) for one in held)
    assert late["one"].rule != "correlation"
    assert "one" in held[0].release
    assert all(one["two"].rule != "correlation" for one in path[: WINDOW - 1])
    expected = np.corrcoef(returns[WINDOW - 1 - 62 : WINDOW, 0], returns[WINDOW - 1 - 62 : WINDOW, 1])[0, 1]
    assert held[0].found == pytest.approx(expected)


def test_the_hold_ends_at_the_alert_and_not_at_the_limit() -> None:
    random = np.random.default_rng(8)
    common = random.normal(0, 0.01, 400)
    own = np.concatenate([np.full(100, 0.1), np.linspace(0.1, 3.0, 300)]) * random.normal(0, 0.01, 400)
    returns = np.stack([common + 0.001, common + own, random.normal(0, 0.01, 400)], axis=1)
    responses = Responses(strategy_drawdown="alert_only")
    path = walk(returns, responses)
    held = [one["two"].rule == "correlation" for one in path]
    alike = [
        float(np.corrcoef(returns[stop - WINDOW : stop, 0], returns[stop - WINDOW : stop, 1])[0, 1])
        for stop in range(WINDOW, len(returns))
    ]
    between = [was for was, one in zip(alike, held[WINDOW - 1 :], strict=False) if one and was < 0.80]
    assert between
    assert min(between) > 0.70


def test_the_response_to_twins_may_be_a_pause_or_nothing_but_an_alert(returns: Array) -> None:
    paused = [one["two"] for one in walk(returns, Responses(correlation="pause")) if one["two"].rule == "correlation"]
    assert paused
    assert {one.factor for one in paused} == {0.0}
    told = walk(returns, Responses(correlation="alert_only"))
    assert all(one["two"].rule != "correlation" for one in told)


def test_a_session_at_a_time_gives_the_bits_of_the_range(returns: Array) -> None:
    path = walk(returns)
    before: dict[str, Standing] = {}
    for place in range(len(returns)):
        [after] = walk(returns[: place + 1], before=before, first=place)
        assert after == path[place]
        before = after


def test_who_has_no_return_yet_stands_still_and_is_in_no_pair(returns: Array) -> None:
    returns[:200, 1] = np.nan
    path = walk(returns)
    assert all((one["two"].state, one["two"].equity) == ("normal", 1.0) for one in path[:200])
    assert all(one["two"].rule != "correlation" for one in path[: 200 + WINDOW - 1])


def test_a_card_may_tighten_the_limit_and_never_loosen_it() -> None:
    assert strategy_rule(LIMITS, Responses(), 0.05).limit == 0.05
    assert strategy_rule(LIMITS, Responses(), 0.50).limit == 0.10
