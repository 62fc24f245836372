"""Parameter spaces: what a card may override, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from portfolio_pipeline.core.strategies.momentum import MomentumParameters
from portfolio_pipeline.core.strategies.parameters import ParameterError, ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.strategies.trend import TrendParameters


@pytest.mark.parametrize("name", sorted(STRATEGY_TYPES))
def test_every_type_has_ranges_that_hold_its_defaults(name: str) -> None:
    space = ParameterSpace.of(STRATEGY_TYPES[name].Parameters, {})
    assert all(getattr(space.default, parameter) in values for parameter, values in space.values.items())
    assert space.holds(space.default.model_dump()) is None


def test_the_grid_holds_each_allowed_combination_once() -> None:
    space = ParameterSpace.of(TrendParameters, {"volatility_window": 60})
    grid = list(space.grid())
    expected = [(f, s, n) for f in (20, 40, 60, 80) for s in (80, 120, 160, 200, 240) for n in (1, 2, 3) if f < s]
    assert [(p.fast, p.slow, p.speeds) for p in grid] == expected  # type: ignore[attr-defined]
    assert [space.order(p) for p in grid] == sorted(space.order(p) for p in grid)


def test_a_card_fixes_narrows_and_sets_defaults() -> None:
    overrides = {
        "top": 3,
        "slow": {"low": 100, "high": 200, "step": 50},
        "trend_filter": ["both"],
        "fast": {"default": 21},
    }
    space = ParameterSpace.of(MomentumParameters, overrides)
    assert space.values["top"] == (3,)
    assert space.values["slow"] == (100, 150, 200)
    assert space.default.model_dump() | {"trend_window": 0, "slow_share": 0} == {
        "fast": 21, "slow": 200, "top": 3, "trend_filter": "both", "trend_window": 0, "slow_share": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "parameter", "words"),
    [
        ({"tpo": 3}, "tpo", "expected one of fast, slow"),
        ({"top": 30}, "top", "2 to 8 in steps of 1"),
        ({"top": 2.5}, "top", "not allowed"),
        ({"top": True}, "top", "not allowed"),
        ({"top": "3"}, "top", "not allowed"),
        ({"top": {"low": 6, "high": 3}}, "top", "low 6 is above high 3"),
        ({"top": {"low": 3, "step": 0}}, "top", "above 0"),
        ({"top": {"lo": 3}}, "top", "unknown key 'lo'"),
        ({"top": []}, "top", "no value is left"),
        ({"trend_filter": "sometimes"}, "trend_filter", "one of none, symbol, market, both"),
        ({"fast": 105, "slow": 84}, "fast", "fast 105 is not below slow 84"),
    ],
)
def test_what_a_type_does_not_allow_is_refused_by_name(overrides: dict[str, Any], parameter: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words) as refusal:
        ParameterSpace.of(MomentumParameters, overrides)
    assert refusal.value.parameter == parameter


def test_a_parameter_set_outside_the_ranges_cannot_exist() -> None:
    with pytest.raises(ValidationError, match="top is 99, expected 2 to 8"):
        MomentumParameters(top=99)


def test_a_set_survives_its_way_through_json_and_is_told_from_those_of_other_cards() -> None:
    space = ParameterSpace.of(MomentumParameters, {"top": [3, 4]})
    text = space.default.to_json()
    assert space.parameters(json.loads(text)) == space.default
    assert space.holds(json.loads(text) | {"top": 8}) == "top outside the card's range"
    assert space.holds(json.loads(text) | {"fast": 0}) == "forbidden by the type"
    assert space.holds({"top": 3}) == "forbidden by the type"
