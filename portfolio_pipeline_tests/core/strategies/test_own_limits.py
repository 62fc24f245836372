"""A card is never looser than the house: what is refused, what it trades instead, and how many symbols it keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from portfolio_pipeline.core.market.indicators import inputs_of
from portfolio_pipeline.core.risk.presets import PRESETS, TABLE, figures
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.strategies.card import Sizing
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.own_limits import TIGHTENED, looser, within
from portfolio_pipeline.core.strategies.paper import PaperState
from portfolio_pipeline.core.strategies.sizing import capped_only, keep_largest
from portfolio_pipeline.core.strategies.transitions import wanted
from portfolio_pipeline.core.strategies.types.momentum import Momentum
from portfolio_pipeline_tests.core.markets import market
from portfolio_pipeline_tests.core.strategies.test_transitions import CHANGED, FIRST, SETS, card, play

HOUSE = Limits(strategy_symbol=0.35, strategy_gross=1.5, strategy_positions=4, strategy_drawdown=0.10, volatility=0.25)


@pytest.mark.parametrize(
    ("entry", "tight", "loose"),
    [
        ("maximum_weight", 0.35, 0.36),
        ("maximum_gross", 1.5, 1.6),
        ("maximum_positions", 4, 5),
        ("maximum_drawdown", 0.10, 0.11),
        ("volatility_target", 0.25, 0.26),
    ],
)
def test_an_entry_up_to_the_limit_stands_and_a_looser_one_is_told_with_both_figures(
    entry: str, tight: float, loose: float
) -> None:
    allowed, passed = (Sizing.model_validate({entry: value}) for value in (tight, loose))
    assert list(looser(allowed, HOUSE)) == []
    assert getattr(within(allowed, HOUSE, 31), entry) == tight
    assert list(looser(passed, HOUSE)) == [(entry, loose, TIGHTENED[entry], tight)]
    assert getattr(within(passed, HOUSE, 31), entry) == tight
    assert list(looser(passed, Limits())) == []


def test_what_a_card_leaves_out_is_the_limit_but_borrowing_and_scaling_are_asked_for() -> None:
    found = within(Sizing(), HOUSE, 31)
    assert (found.maximum_weight, found.maximum_positions, found.maximum_drawdown) == (0.35, 4, 0.10)
    assert (found.maximum_gross, found.volatility_target) == (1.0, None)
    assert within(Sizing(), Limits(), 31) == Sizing()
    assert within(Sizing(), HOUSE, 4).maximum_positions is None  # it has no more symbols than that


@pytest.mark.parametrize("preset", PRESETS)
def test_every_limit_on_strategies_of_a_preset_is_in_force_on_a_card_that_would_be_looser(preset: Any) -> None:
    own: dict[str, Any] = {key: figures(preset)[f"limits.{key}"] for key in TIGHTENED.values()}
    loosest = Sizing(
        maximum_weight=1.0, maximum_gross=4.0, maximum_positions=500, maximum_drawdown=1.0, volatility_target=2.0
    )
    found = within(loosest, Limits(**own), 400)
    for entry, key in TIGHTENED.items():
        assert getattr(found, entry) == own[key]
    assert {f"limits.{key}" for key in TIGHTENED.values()} <= set(TABLE)


@given(
    weights=arrays(np.float64, (3, 7), elements=st.sampled_from([-0.3, -0.1, 0.0, 0.1, 0.2, 0.3])),
    most=st.integers(1, 8),
)
@settings(deadline=None)
def test_the_largest_are_kept_and_of_equal_ones_the_earlier(weights: np.ndarray, most: int) -> None:
    found = weights.copy()
    keep_largest(found, most)
    for before, after in zip(weights, found, strict=True):
        order = pd.Series(np.abs(before)).sort_values(ascending=False, kind="stable").index[:most]
        expected = np.where(np.isin(np.arange(7), order), before, 0.0)
        np.testing.assert_array_equal(after, expected)


def test_the_mean_of_a_mixture_holds_no_more_symbols_than_one_set_may() -> None:
    panel = market(missing=0.02)
    many = Mixture(tuple(SETS), (0.25, 0.25, 0.25, 0.25))
    one = card(sizing="at decisions")
    limited = one.model_copy(update={"sizing": one.sizing.model_copy(update={"maximum_positions": 3})})
    inputs = inputs_of(panel, "momentum")
    free, _ = wanted(Momentum(), one, inputs, [many] * 60, [False] * 60)
    held, _ = wanted(Momentum(), limited, inputs, [many] * 60, [False] * 60)
    assert (free != 0).sum(axis=1).max() > 3
    assert (held != 0).sum(axis=1).max() == 3
    assert not capped_only(limited.sizing)


def test_a_range_gives_the_bits_of_its_sessions_when_the_number_of_symbols_is_limited() -> None:
    panel, one = market(missing=0.02), card(5, "daily with stop", "long_short")
    limited = one.model_copy(update={"sizing": one.sizing.model_copy(update={"maximum_positions": 2})})
    parts, before = [], None
    for row in range(FIRST, FIRST + 40):
        parts.append(play(panel, limited, row, row, before))
        before = PaperState.of_rows(parts[-1]["book"], parts[-1]["targets"])
    for name, rows in play(panel, limited, FIRST, FIRST + 39).items():
        joined = pd.concat([part[name] for part in parts], ignore_index=True)
        pd.testing.assert_frame_equal(joined, rows, check_exact=True, obj=name)
    assert CHANGED[0]
