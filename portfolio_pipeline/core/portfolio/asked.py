"""What somebody asks of sharing out capital: `key=value` in the words of the settings, and shares by name.

A key is an entry of `allocation`, or `rebalancing.` and one of that section; its value is written as in portfolio.yaml.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.mistakes import first_mistake, shortened
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.registry import near, one_of
from portfolio_pipeline.core.sections import Section

_Section = TypeVar("_Section", bound=Section)
_LISTS = ("trigger", "members")
"""Entries that are lists, which people write with commas."""


def settings_asked(
    allocation: Allocation, rebalancing: Rebalancing, given: Sequence[str]
) -> tuple[Allocation, Rebalancing]:
    """Both sections with what is given in them."""
    sections: dict[str, dict[str, Any]] = {"allocation": {}, "rebalancing": {}}
    for text in given:
        key, equals, value = (part.strip() for part in text.partition("="))
        section, dot, entry = key.partition(".")
        if section not in sections or not dot:
            section, entry = "allocation", key
        known = (Allocation if section == "allocation" else Rebalancing).model_fields
        if not equals or not value or entry not in known:
            every = [*Allocation.model_fields, *(f"rebalancing.{name}" for name in Rebalancing.model_fields)]
            raise ConfigurationError(
                "SETTING_UNKNOWN" if equals and value else "ASSIGNMENT_WRONG",
                found=text or "nothing",
                expected=f"name=value, of {', '.join(every)}{near(key, every)}",
                remedy="Write it like maximum=0.5 or rebalancing.trigger=month_end,drift.",
            )
        sections[section][entry] = _value(entry, value)
    return _changed(allocation, sections["allocation"]), _changed(rebalancing, sections["rebalancing"])


def shares_asked(text: str, strategies: Sequence[str]) -> dict[str, float]:
    """`a=0.3,b=0.2`: the rest stays in cash."""
    found: dict[str, float] = {}
    for part in (part.strip() for part in text.split(",")):
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            share = float(value)
        except ValueError:
            share = math.nan
        if not 0.0 <= share <= 1.0:
            raise ConfigurationError(
                "SHARE_WRONG", found=part or "nothing", expected="name=0.3, from 0 to 1", remedy="Write a fraction."
            )
        if name not in strategies:
            raise ConfigurationError(
                "STRATEGY_UNKNOWN",
                found=name,
                expected=", ".join(strategies) + near(name, strategies),
                remedy="portfolio strategy list names them all.",
            )
        found[name] = share
    if math.fsum(found.values()) > 1.0 + 1e-9:
        told = " + ".join(f"{share:g}" for share in found.values())
        raise ConfigurationError(
            "SHARES_ABOVE_ONE",
            found=f"{told} = {math.fsum(found.values()):g}",
            expected="at most 1",
            remedy="What is missing to 1 stays in cash.",
        )
    return found


def methods_asked(names: Sequence[str]) -> tuple[str, ...]:
    """Methods by name; `all` for every one but `static`, which takes shares of its own."""
    if tuple(names) == ("all",):
        return tuple(name for name in ALLOCATION_METHODS if name != "static")
    for name in names:
        if name not in ALLOCATION_METHODS:
            raise ConfigurationError(
                "METHOD_UNKNOWN",
                found=name,
                expected=one_of(name, ("all", *ALLOCATION_METHODS)),
                remedy="What each does stands in the README.",
            )
    return tuple(dict.fromkeys(names))


def _value(entry: str, text: str) -> object:
    if entry in _LISTS and not text.startswith("["):
        text = f"[{text}]"
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigurationError(
            "SETTING_WRONG", entry=entry, found=shortened(text), expected="a value as in portfolio.yaml"
        ) from None


def _changed(section: _Section, values: Mapping[str, object]) -> _Section:
    if not values:
        return section
    document = {**section.model_dump(), **values}
    try:
        return type(section).model_validate(document)
    except ValidationError as refusal:
        mistake = first_mistake(refusal, document, type(section))
        raise ConfigurationError(
            "SETTING_WRONG",
            entry=".".join(map(str, mistake.at)) or ", ".join(values),
            found=shortened(mistake.found),
            **{name: said for name, said in (("why", mistake.why), ("expected", mistake.expected)) if said},
            remedy="Nothing was changed: mend what was asked.",
        ) from None
