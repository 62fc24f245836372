"""Back-tests of many sets at once: whichever way they are played, they earn what the specification says."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.adapters.compute.threads import Threads
from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.features.family import Family
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.search.evaluation import Backtests
from portfolio_pipeline.core.simulation.simulation import TradePrices, simulate_plainly
from portfolio_pipeline.core.strategies.exposure import decisions
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.strategies.types.momentum import Momentum
from portfolio_pipeline_tests.core.markets import market
from portfolio_pipeline_tests.core.searches import COST_RATE, card

ALL = tuple(ParameterSpace.of(Momentum.Parameters, {}).grid())
SIZINGS: tuple[dict[str, Any], ...] = (
    {},
    {"maximum_weight": 1.0},
    {"maximum_weight": 0.15},
    {"maximum_gross": 0.5},
    {"volatility_target": 0.1},
    {"by": "volatility"},
    {"crowding_penalty": 0.5},
    {"stop": 0.1},
    {"adjust": "daily"},
)


class SpreadOut:
    """Momentum that offers target weights alone."""

    name: ClassVar[str] = Momentum.name
    description: ClassVar[str] = Momentum.description
    inputs: ClassVar[tuple[Family, ...]] = Momentum.inputs
    Parameters: ClassVar[type[Parameters]] = Momentum.Parameters
    window, target_weights = Momentum.window, Momentum.target_weights


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 50),
    st.sampled_from([0.0, 0.02, 0.2]),
    st.lists(st.sampled_from(ALL), min_size=1, max_size=30, unique=True),
    st.sampled_from(["daily", "weekly", "monthly"]),
    st.sampled_from(SIZINGS),
)
def test_sets_played_from_shared_tables_earn_to_the_bit_what_their_weights_earn(
    seed: int, missing: float, sets: list[Any], rebalance: str, sizing: dict[str, Any]
) -> None:
    panel = market(420, 8, seed, missing=missing)
    one = card(sizing=sizing).model_copy(update={"rebalance": rebalance})
    backtests = Backtests(Momentum(), Inputs(panel), one, COST_RATE, fan_out=Threads(2).map)
    compact = backtests.of(sets)
    spread_out = Backtests(SpreadOut(), Inputs(panel), one, COST_RATE).of(sets)
    for found, expected in zip(compact, spread_out, strict=True):
        np.testing.assert_array_equal(found, expected)
    inputs, rows = Inputs(panel), np.flatnonzero(due(panel.sessions, one.rebalance))
    decided = decisions(inputs, one.sizing, rows, Momentum().target_weights(inputs, sets[0], rows))
    plain = simulate_plainly(TradePrices.of(panel), decided, COST_RATE)
    np.testing.assert_allclose(compact[0][0], plain.net_return, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(compact[1][0], plain.turnover[backtests.traded_at], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("sizing", "direction", "played_as_selections"),
    [
        ({}, "long_only", True),
        ({"maximum_weight": 0.15}, "long_only", True),
        ({"maximum_gross": 0.5}, "long_only", False),
        ({"volatility_target": 0.1}, "long_only", False),
        ({"stop": 0.1}, "long_only", False),
        ({}, "long_short", False),
    ],
)
def test_a_card_is_played_from_shared_tables_where_equal_parts_stay_equal(
    sizing: dict[str, Any], direction: str, played_as_selections: bool
) -> None:
    asked = []

    class Watched(Momentum):
        def target_weights(self, *arguments: Any, **options: Any) -> np.ndarray:
            asked.append(arguments)
            return super().target_weights(*arguments, **options)

    one = card(sizing=sizing).model_copy(update={"direction": direction})
    Backtests(Watched(), Inputs(market()), one, COST_RATE).of(ALL[:3])
    assert (not asked) == played_as_selections
