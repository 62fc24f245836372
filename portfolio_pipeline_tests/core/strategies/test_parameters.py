"""Parameter spaces: what a card may override, and what is refused."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError, model_validator

from portfolio_pipeline.core.strategies import parameters as p
from portfolio_pipeline.core.strategies.parameters import ParameterError, ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.strategies.types.momentum import MomentumParameters


class Toy(p.Parameters):
    """One parameter of each kind."""

    constraints: ClassVar[tuple[str, ...]] = ("fast < slow",)

    fast: Annotated[int, p.Range(20, 80, 20)] = 40
    slow: Annotated[int, p.Range(60, 120, 20)] = 100
    share: Annotated[float, p.Range(0.0, 1.0, 0.5)] = 0.5
    kind: Annotated[Literal["up", "down"], p.choices("up", "down")] = "up"
    stops: Annotated[bool, p.flag()] = False


@pytest.mark.parametrize("name", sorted(STRATEGY_TYPES))
def test_every_type_has_ranges_that_hold_its_defaults(name: str) -> None:
    space = ParameterSpace.of(STRATEGY_TYPES[name].Parameters, {})
    assert all(getattr(space.default, parameter) in values for parameter, values in space.values.items())
    assert space.holds(space.default.model_dump()) is None


def test_the_grid_holds_each_allowed_combination_once() -> None:
    space = ParameterSpace.of(Toy, {"share": 0.5, "kind": "down"}, ("slow != 60", "2 * fast <= slow"))
    grid = list(space.grid())
    expected = [(f, s, b) for f in (20, 40, 60, 80) for s in (80, 100, 120) for b in (False, True) if 2 * f <= s]
    assert [(one.fast, one.slow, one.stops) for one in grid] == expected  # type: ignore[attr-defined]
    assert [space.order(one) for one in grid] == sorted(space.order(one) for one in grid)


def test_what_has_one_value_is_fixed_and_the_rest_is_optimised() -> None:
    space = ParameterSpace.of(Toy, {"share": 0.5, "kind": ["down"], "slow": {"low": 100, "high": 110, "step": 20}})
    assert space.fixed == ("slow", "share", "kind")
    assert space.optimisable == ("fast", "stops")


class Decided(p.Parameters):
    """A choice that no search makes of itself."""

    kind: Annotated[Literal["up", "down", "even"], p.decided("up", "down", "even")] = "up"


@pytest.mark.parametrize(
    ("on_the_card", "values", "default"),
    [
        ({}, ("up",), "up"),
        ({"kind": "down"}, ("down",), "down"),
        ({"kind": {"default": "even"}}, ("even",), "even"),
        ({"kind": ["even", "down"]}, ("even", "down"), "even"),
        ({"kind": {"choices": ["down", "up"], "default": "up"}}, ("down", "up"), "up"),
    ],
)
def test_what_a_card_decides_is_searched_only_where_it_lists_several(
    on_the_card: dict[str, Any], values: tuple[str, ...], default: str
) -> None:
    space = ParameterSpace.of(Decided, on_the_card)
    assert (space.values["kind"], space.default.kind) == (values, default)  # type: ignore[attr-defined]


def test_numbers_on_a_card_are_put_in_order_and_choices_left_in_theirs() -> None:
    space = ParameterSpace.of(Toy, {"fast": [60, 20, 40], "kind": ["up", "down"]})
    assert space.values["fast"] == (20, 40, 60)
    assert space.values["kind"] == ("up", "down")


NUMBERS = st.one_of(st.integers(-10, 130), st.floats(-1, 130), st.sampled_from([20, 40.0, 60, 100, 0.5, 1]))


@given(
    values=st.fixed_dictionaries(
        {
            "fast": NUMBERS,
            "slow": NUMBERS,
            "share": NUMBERS,
            "kind": st.sampled_from(["up", "down", "left"]),
            "stops": st.booleans(),
        },
        optional={"other": st.just(1)},
    )
)
def test_a_set_is_allowed_exactly_when_its_class_and_the_cards_constraints_allow_it(values: dict[str, Any]) -> None:
    space = ParameterSpace.of(Toy, {"fast": [20, 40]}, ("slow - fast >= 40",))
    try:
        expected: Toy | None = Toy.model_validate(values)
    except ValidationError:
        expected = None
    if expected is not None and expected.slow - expected.fast < 40:
        expected = None
    found = space.parameters(values)
    assert found == expected
    assert found is None or [type(value) for value in found.model_dump().values()] == [int, int, float, str, bool]


def test_a_type_that_checks_more_than_it_declares_is_asked_every_time() -> None:
    class Odd(Toy):
        @model_validator(mode="after")
        def _odd(self) -> Self:
            if self.stops and self.kind == "up":
                raise ValueError("no stops on the way up")
            return self

    space = ParameterSpace.of(Odd, {})
    assert space.parameters(space.default.model_dump() | {"stops": True}) is None
    assert all(one.kind == "down" for one in space.grid() if one.stops)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("overrides", "constraints", "location", "words"),
    [
        ({}, ("slow > fast", "fats < slow"), ("constraints", 1), "fats is no parameter (did you mean fast?), expected"),
        ({}, ("fast < slow < 90",), ("constraints", 0), "does not hold (fast 40, slow 100) at the defaults; set them"),
        ({}, ("fast < slow / 2", "slow >= 90 * fast"), ("constraints", 1), "slow >= 90 * fast leaves no parameter set"),
        ({}, ("kind < 3",), ("constraints", 0), "only numbers can be compared, and kind is none"),
        ({}, ("stops == 1",), ("constraints", 0), "only numbers can be compared, and stops is none"),
        ({"kind": "up", "slow": 60, "fast": 80}, (), ("parameters", "slow"), "fast < slow leaves no parameter set"),
        ({"slow": {"choices": [60, 80], "default": 60}, "fast": 60}, (), ("parameters", "slow"), "set them to fit"),
    ],
)
def test_constraints_that_cannot_hold_are_refused_where_they_can_be_mended(
    overrides: dict[str, Any], constraints: tuple[str, ...], location: tuple[object, ...], words: str
) -> None:
    with pytest.raises(ParameterError) as refusal:
        ParameterSpace.of(Toy, overrides, constraints)
    assert refusal.value.location == location
    assert words in str(refusal.value)


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
        ({"top": {"low": 3, "step": 0.5}}, "top", "step is 0.5, expected a whole number above 0"),
        ({"slow_share": {"step": 1e-9}}, "slow_share", "step is 1e-09, expected one that makes at most 1000 values"),
        ({"slow_share": {"high": 1e-9, "step": 1e-11}}, "slow_share", "step is 1e-11, expected one that makes"),
        ({"top": {"choices": [3], "low": 2}}, "top", "choices beside low, high or step"),
        ({"top": {"choices": 3}}, "top", "choices are 3, expected a list"),
        ({"top": {"choices": [], "default": 3}}, "top", "no value is left"),
        ({"top": {3: 4}}, "top", "unknown key '3'"),
        ({"top": [3, 4, 3]}, "top", "twice"),
        ({"top": []}, "top", "no value is left"),
        ({"trend_filter": "sometimes"}, "trend_filter", "one of none, symbol, market, both"),
        ({"fast": 105, "slow": 84}, "fast", "fast < slow leaves no parameter set"),
    ],
)
def test_what_a_type_does_not_allow_is_refused_by_name(overrides: dict[str, Any], parameter: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words) as refusal:
        ParameterSpace.of(MomentumParameters, overrides)
    assert refusal.value.parameter == parameter


@pytest.mark.parametrize("step", [200, 10**400])
def test_a_step_beyond_the_range_leaves_its_lower_end(step: int) -> None:
    assert ParameterSpace.of(MomentumParameters, {"fast": {"step": step}}).values["fast"] == (21,)


@pytest.mark.parametrize("step", [0.3, 7.0, float("inf")])
def test_a_parameter_of_any_step_is_a_number_within_its_range(step: float) -> None:
    values = ParameterSpace.of(MomentumParameters, {"slow_share": {"step": step}}).values["slow_share"]
    assert values == {0.3: (0.0, 0.3, 0.6, 0.9)}.get(step, (0.0,))


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
    narrower = ParameterSpace.of(MomentumParameters, {}, ("slow >= 2 * fast",))
    assert narrower.holds(json.loads(text) | {"fast": 105, "slow": 126}) == (
        "slow >= 2 * fast does not hold (slow 126, fast 105)"
    )
