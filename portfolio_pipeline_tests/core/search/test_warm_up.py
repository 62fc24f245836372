"""How many sessions a card needs: with so many its choice is the one that any longer history leads to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from portfolio_pipeline.core.calendar.beginnings import WarmUp
from portfolio_pipeline.core.search.warm_up import sessions_to_choose, warm_up_needed
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline_tests.core.markets import closes_only
from portfolio_pipeline_tests.core.searches import card, walk

MOVES = np.random.default_rng(3).normal(0.0004, 0.012, (900, 5))
PANEL = closes_only(50.0 * np.cumprod(1.0 + MOVES, axis=0))
SMALL = {"slow": 84, "trend_window": 50}


@pytest.mark.parametrize(
    ("rebalance", "sizing", "search"),
    [
        ("weekly", {}, {}),
        ("monthly", {"volatility_target": 0.1, "volatility_window": 200}, {}),
        ("daily", {"by": "volatility"}, {"holdout_sessions": 21}),
        ("weekly", {"stop": 0.05}, {"method": "sobol", "trials": 5}),
    ],
)
@pytest.mark.parametrize("row", [640, 877, 899])
def test_after_so_many_sessions_the_choice_is_as_with_any_longer_history(
    rebalance: str, sizing: dict[str, Any], search: dict[str, Any], row: int
) -> None:
    tried = card(SMALL, sizing, **search).model_copy(update={"rebalance": rebalance})
    needed = sessions_to_choose(tried)
    long, short = PANEL.rows(0, row + 1), PANEL.rows(row + 1 - needed, row + 1)
    assert len(short.sessions) < len(long.sessions)
    (known,) = walk(long, tried).run(row, row + 1)
    (found,) = walk(short, tried).run(needed - 1, needed)
    np.testing.assert_allclose(found.newest, known.newest, atol=1e-4)  # costs of the first trades still tell a little
    assert found.in_use == known.in_use
    assert found.in_use.settled


def test_with_one_session_fewer_the_scores_are_others() -> None:
    tried = card(SMALL).model_copy(update={"rebalance": "daily"})
    fewer = sessions_to_choose(tried) - 1
    (known,) = walk(PANEL, tried).run(899, 900)
    (found,) = walk(PANEL.rows(900 - fewer, 900), tried).run(fewer - 1, fewer)
    assert np.abs(found.newest - known.newest).max() > 1e-3


def test_every_part_of_a_card_that_looks_back_counts() -> None:
    plain = sessions_to_choose(card(SMALL))
    assert plain == 85 + 4 + 1 + 150  # 84 sessions back, up to four until Monday, the next open, the window
    assert sessions_to_choose(card(SMALL, holdout_sessions=30)) == plain + 30
    assert sessions_to_choose(card(SMALL, {"volatility_target": 0.1, "volatility_window": 100})) == plain + 101 - 85
    assert sessions_to_choose(card(SMALL, regime_share=0.5)) == plain + 252 - 85
    assert sessions_to_choose(card(SMALL, window_sessions=400)) == plain + 250
    assert sessions_to_choose(card({**SMALL, "trend_window": 200, "trend_filter": "none"})) == plain


def test_a_home_needs_what_its_most_demanding_card_needs_and_paper_sessions_behind_it() -> None:
    daily, weekly = card(SMALL), card(SMALL, window_sessions=300, cadence="weekly")
    assert warm_up_needed([daily, weekly], 63) == WarmUp(sessions_to_choose(weekly) + 130, 130)
    assert warm_up_needed([daily], 63) == WarmUp(sessions_to_choose(daily) + 126, 126)
    assert warm_up_needed([daily], 200) == WarmUp(sessions_to_choose(daily) + 200, 200)
    assert warm_up_needed([_patient(daily)], 63).on_paper == 300
    assert warm_up_needed([], 63) == WarmUp(63, 63)


def _patient(one: StrategyCard) -> StrategyCard:
    return one.model_copy(update={"honesty": one.honesty.model_copy(update={"fewest_sessions": 300})})
