"""How often the honesty checks are wrong: real strategies, searched as every day, on many markets of noise and effect.

One market is luck; what is promised is how often a worthless strategy is believed, and a real effect is not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core import search
from portfolio_pipeline.core.honesty import assess
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.paper import follow, return_rows
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline_tests.core.planted_markets import random_walks

SYMBOLS = tuple(f"S{place:02d}" for place in range(12))
SESSIONS, COST = 1_000, 0.00025
MOMENTUM = {
    "type": "momentum",
    "direction": "long_short",
    "parameters": {"slow": [84, 126], "trend_filter": "none", "trend_window": 50},
    "sizing": {"maximum_weight": 0.5},
}


def card(**changes: object) -> StrategyCard:
    return StrategyCard.model_validate(
        {
            "name": "tested",
            "description": "for tests",
            "symbols": {"only": SYMBOLS},
            "search": {"trials": 100, "window_sessions": 252, "cadence": "weekly"},
        }
        | changes
    )


def verdicts_on(seed: int, persistence: float, direction: str) -> np.ndarray:
    """Search, trade on paper and judge as the assets do: what is said of each of the last 500 sessions."""
    judged, panel = (
        card(**MOMENTUM | {"direction": direction}),
        random_walks(SYMBOLS, SESSIONS, seed, persistence=persistence),
    )
    strategy = STRATEGY_TYPES[judged.type]
    space = ParameterSpace.of(strategy.Parameters, judged.parameters, judged.constraints)
    stretches = search.Walk(space, search.Backtests(strategy, Inputs(panel), judged, COST)).run(0, SESSIONS)
    chosen = search.chosen_rows(stretches, panel.sessions, judged.name, "sharpe", None)
    used = [mixture for stretch in stretches for mixture in stretch.mixtures]
    played = follow(strategy, judged, panel, SYMBOLS, used, chosen["changed"].tolist(), None, COST)
    history = pd.concat(
        [
            chosen[["session", "changed"]],
            return_rows(judged, panel.sessions, played, np.zeros(len(panel.sessions)))[["net_return"]],
            search.statistics_rows(stretches, panel.sessions, judged).drop(columns=["session", "strategy"]),
        ],
        axis=1,
    )
    verdicts: np.ndarray = assess(judged, history, 500)["verdict"].to_numpy()
    return verdicts


@pytest.mark.parametrize("direction", ["long_short", "long_only"])
def test_a_search_over_pure_noise_is_seldom_believed(direction: str) -> None:
    verdicts = np.array([verdicts_on(seed, 0.0, direction) for seed in range(40)])
    assert np.mean(verdicts[:, -1] == "believed") <= 0.10
    assert np.mean(verdicts == "believed") <= 0.05


def test_a_planted_effect_is_mostly_believed() -> None:
    verdicts = np.array([verdicts_on(seed, 0.2, "long_short") for seed in range(30)])
    assert np.mean(verdicts[:, -1] == "believed") >= 0.80
    assert np.mean(verdicts == "doubted") <= 0.05
