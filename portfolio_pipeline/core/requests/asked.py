"""What is asked for, in words: which sessions, which values of the parameters, by which objective and rule.

A request looks at a card's parameters as the card does, unless it says otherwise: it may look where the search of the
chain does not, as far as the type allows. Searching is the work of `search` and `sensitivity`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import ValidationError

from portfolio_pipeline.core.backtest.request import did_you_mean, value_of
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.mistakes import first_mistake
from portfolio_pipeline.core.strategies.card import Search, StrategyCard
from portfolio_pipeline.core.strategies.parameters import ParameterError, ParameterSpace, Range, Value
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

HELD_OUT = 0.25
MOST_HELD_OUT = 0.8


@dataclass(frozen=True)
class SearchRequest:
    """`first` and `last` are any dates, None for what is stored. What is empty or None is as the card says it.

    `space` has the values of some parameters: as typed (`20:100:20`, `20,40,80`, `20`), or as a card writes them. The
    newest part of the sessions, `held_out`, is not seen by the search, and shows what its findings were worth there.
    """

    first: date | None = None
    last: date | None = None
    objective: str = ""
    space: Mapping[str, object] = field(default_factory=dict)
    rule: str = ""
    method: str = ""
    trials: int | None = None
    held_out: float = HELD_OUT


def space_entries(texts: Iterable[str]) -> dict[str, str]:
    """`name=values` each."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, values = (piece.strip() for piece in text.partition("="))
        if not (name and equals and values):
            raise ConfigurationError(
                "SPACE_WRONG",
                found=text or "nothing",
                expected="name=low:high:step, name=low:high or name=value,value,…",
                remedy="Write it like fast=20:100:20.",
            )
        if name in found:
            raise ConfigurationError("PARAMETER_TWICE", found=name, remedy="Give it once, with all its values.")
        found[name] = values
    return found


def card_space(card: StrategyCard) -> ParameterSpace:
    """What the search of the chain compares for a card."""
    return ParameterSpace.of(STRATEGY_TYPES[card.type].Parameters, card.parameters, card.constraints)


def asked_space(card: StrategyCard, given: Mapping[str, object]) -> ParameterSpace:
    """The card's space with other values of some parameters."""
    space = card_space(card)
    domains = space.model.domains()
    for name in given:
        if name not in domains:
            raise ConfigurationError(
                "PARAMETER_UNKNOWN", found=name, expected=", ".join(domains), remedy=did_you_mean(name, domains)
            )
    entries = {name: _entry(name, one, space, card) for name, one in given.items()}
    try:
        return space.narrowed(entries)
    except ParameterError as error:
        raise ConfigurationError(
            "SPACE_WRONG",
            found=", ".join(f"{name}={value}" for name, value in given.items()),
            why=str(error),
            remedy="What is not given is as on the card: "
            + "; ".join(f"{name} {_listed(values)}" for name, values in space.values.items())
            + ".",
        ) from None


def asked_card(card: StrategyCard, request: SearchRequest) -> StrategyCard:
    """The card with the objective and the rule that are asked for. It is searched whenever it is asked."""
    changed = {"rule": request.rule, "method": request.method, "objective": _objective(request.objective)}
    written = card.search.model_dump() | {name: value for name, value in changed.items() if value}
    if request.trials is not None:
        written["trials"] = request.trials
    try:
        search = Search.model_validate(written | {"cadence": "daily"})
    except ValidationError as refusal:
        mistake = first_mistake(refusal, written, Search)
        told = {"expected": mistake.expected, "why": mistake.why}
        raise ConfigurationError(
            "SEARCH_WRONG",
            at=".".join(map(str, mistake.at)) or "search",
            found=mistake.found,
            **{name: said for name, said in told.items() if said},
            remedy="Leave it out to search as the card does.",
        ) from None
    if not 0.0 <= request.held_out <= MOST_HELD_OUT:
        raise ConfigurationError(
            "HELD_OUT_WRONG",
            found=request.held_out,
            expected=f"a part of the sessions from 0 to {MOST_HELD_OUT:g}",
            remedy=f"Leave it out for {HELD_OUT:g}.",
        )
    return card.model_copy(update={"search": search})


def _objective(text: str) -> Any:
    """One goal, `goal=weight,goal=weight`, or `goal,goal`."""
    parts = [part.strip() for part in text.split(",")]
    if "=" not in text:
        return parts[0] if len(parts) == 1 else parts
    weights: dict[str, object] = {}
    for part in parts:
        goal, _, weight = (piece.strip() for piece in part.partition("="))
        try:
            weights[goal] = float(weight)
        except ValueError:
            weights[goal] = weight or None
    return weights


def _entry(name: str, given: object, space: ParameterSpace, card: StrategyCard) -> object:
    """As a card would write it."""
    if not isinstance(given, str):
        return given
    domain, default = space.model.domains()[name], getattr(space.default, name)

    def read(text: str) -> Value:
        value = value_of(text, default)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            raise ConfigurationError(
                "PARAMETER_WRONG",
                found=f"{name}={given}",
                expected=domain,
                remedy=f"Write it like {name}={_example(domain)}.",
            )
        return value

    if isinstance(domain, Range) and ":" in given:
        ends = [read(part) for part in given.split(":")]
        if len(ends) > 3 or len(ends) < 2:
            raise ConfigurationError(
                "SPACE_WRONG",
                found=f"{name}={given}",
                expected="low:high or low:high:step",
                remedy=f"Write it like {name}={_example(domain)}.",
            )
        entry = dict(zip(("low", "high", "step"), ends, strict=False))
        of_card = card.parameters.get(name)
        if len(ends) == 2 and isinstance(of_card, Mapping) and "step" in of_card:
            entry["step"] = of_card["step"]
        return entry
    return [read(part) for part in given.split(",")]


def _example(domain: object) -> str:
    if isinstance(domain, Range):
        return f"{domain.low:g}:{domain.high:g}:{domain.step:g}"
    return ",".join(map(str, getattr(domain, "values", ())))


def _listed(values: tuple[Value, ...]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"
