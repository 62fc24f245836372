"""What was typed for a search becomes a space and a rule, or one message."""

from __future__ import annotations

from typing import Any

import pytest

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.requests.asked import SearchRequest, asked_card, asked_space, card_space, space_entries
from portfolio_pipeline.core.strategies.card import Search, StrategyCard

CARD = StrategyCard.model_validate(
    {
        "name": "tested",
        "type": "momentum",
        "description": "for tests",
        "symbols": {"asset_classes": ["equity"]},
        "parameters": {"fast": {"low": 21, "high": 105, "step": 42, "default": 63}, "slow": [126, 252], "top": 3},
        "constraints": ["slow >= 2 * fast"],
        "search": {"objective": "sharpe", "cadence": "weekly"},
    }
)


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("fast=21:63:21", (21, 42, 63)),
        ("fast=21:105", (21, 63, 105)),  # the card's own step
        ("fast=42, 21", (21, 42)),
        ("fast=30", (30,)),
        ("slow=168:252:84", (168, 252)),
        ("slow_share=0:1:0.5", (0.0, 0.5, 1.0)),
        ("trend_filter=symbol,market", ("symbol", "market")),
        ("top=2:4", (2, 3, 4)),  # the type's step: the card fixes it
    ],
)
def test_values_are_read_as_the_parameter_has_them(typed: str, values: tuple[Any, ...]) -> None:
    name = typed.partition("=")[0]
    space = asked_space(CARD, space_entries([typed]))
    assert space.values[name] == values
    assert [type(value) for value in space.values[name]] == [type(getattr(space.default, name))] * len(values)


def test_what_is_not_asked_for_is_as_the_card_has_it() -> None:
    of_card, space = card_space(CARD), asked_space(CARD, {"top": "2:4"})
    assert {name: values for name, values in space.values.items() if name != "top"} == {
        name: values for name, values in of_card.values.items() if name != "top"
    }
    assert [one.text for one in space.constraints] == ["slow >= 2 * fast"]
    assert space.default == of_card.default


def test_values_may_be_written_as_on_a_card() -> None:
    written = {"fast": {"low": 21, "high": 63, "step": 21}, "top": 4, "slow": [252]}
    typed = {"fast": "21:63:21", "top": "4", "slow": "252"}
    assert asked_space(CARD, written).values == asked_space(CARD, typed).values


def test_the_default_moves_to_the_nearest_value_that_is_left() -> None:
    assert asked_space(CARD, {"fast": "21:42:21"}).default.model_dump()["fast"] == 42
    assert asked_space(CARD, {"fast": "21:105:42"}).default.model_dump()["fast"] == 63


@pytest.mark.parametrize(
    ("given", "reason", "said"),
    [
        ({"fats": "1"}, "PARAMETER_UNKNOWN", "Did you mean fast?"),
        ({"fast": "soon"}, "PARAMETER_WRONG", "found=fast=soon, expected=21 to 105"),
        ({"fast": "21:soon"}, "PARAMETER_WRONG", "Write it like fast=21:105:21"),
        ({"fast": "2.5"}, "PARAMETER_WRONG", "found=fast=2.5"),
        ({"slow_share": "nan"}, "PARAMETER_WRONG", "found=slow_share=nan"),
        ({"fast": "1:2:3:4"}, "SPACE_WRONG", "expected=low:high or low:high:step"),
        ({"fast": "63:21"}, "SPACE_WRONG", "low 63 is above high 21"),
        ({"fast": "21:63:0"}, "SPACE_WRONG", "expected a whole number above 0"),
        ({"fast": "21,21"}, "SPACE_WRONG", "the same value stands there twice"),
        ({"fast": "9000"}, "SPACE_WRONG", "9000 is not allowed"),
        ({"fast": "105", "slow": "126"}, "SPACE_WRONG", "leaves no parameter set of these ranges"),
        ({"trend_filter": "sideways"}, "SPACE_WRONG", "expected one of"),
        ({"fast": []}, "SPACE_WRONG", "no value is left"),
    ],
)
def test_values_that_cannot_be_are_one_message(given: dict[str, Any], reason: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refused:
        asked_space(CARD, given)
    assert said in str(refused.value)


@pytest.mark.parametrize("texts", [["fast"], ["=1"], ["fast="], [""], ["fast=1", "fast=2"]])
def test_a_text_that_gives_no_values_is_refused(texts: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        space_entries(texts)


@pytest.mark.parametrize(
    ("typed", "objective"),
    [
        ("", "sharpe"),
        ("calmar", "calmar"),
        ("sharpe=0.7, drawdown=0.3", {"sharpe": 0.7, "drawdown": 0.3}),
        ("return,drawdown", ("return", "drawdown")),
    ],
)
def test_an_objective_is_one_goal_some_with_weights_or_several_at_once(typed: str, objective: object) -> None:
    assert asked_card(CARD, SearchRequest(objective=typed)).search.objective == objective


def test_nothing_but_what_is_asked_for_differs_from_the_card_and_it_is_searched_at_once() -> None:
    asked = asked_card(CARD, SearchRequest(rule="best_neighbourhood", method="sobol", trials=7))
    changed = {"rule": "best_neighbourhood", "method": "sobol", "trials": 7, "cadence": "daily"}
    assert asked.search == Search.model_validate(CARD.search.model_dump() | changed)
    assert asked.model_copy(update={"search": CARD.search}) == CARD


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (SearchRequest(objective="sharp"), "SEARCH_WRONG: at=objective, found=sharp"),
        (SearchRequest(objective="sharpe=much"), "found=the text 'much', expected=a number"),
        (SearchRequest(objective="sharpe=1,"), "SEARCH_WRONG"),
        (SearchRequest(rule="luck"), "expected=one of surface_mixture, best_neighbourhood"),
        (SearchRequest(method="magic"), "SEARCH_WRONG: at=method"),
        (SearchRequest(trials=0), "expected=1 or more"),
        (SearchRequest(held_out=1.0), "HELD_OUT_WRONG: found=1.0"),
        (SearchRequest(held_out=float("nan")), "HELD_OUT_WRONG"),
    ],
)
def test_a_rule_that_cannot_be_is_one_message(request_: SearchRequest, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        asked_card(CARD, request_)
    assert said in str(refused.value)
