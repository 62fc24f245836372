"""What a back-test is asked for, in words: which sessions, and which parameter sets, beside the card's default.

Here: reading what was typed, and refusing it in a way that says what is allowed. Values are those of the type, not only
those of the card: a report may look where the search does not. Playing the sets is the work of `report`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError

from portfolio_pipeline.core.calendar.sessions import SessionRange, sessions_between
from portfolio_pipeline.core.errors import ConfigurationError, DataError, SessionError
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace, Value

Assignments = Mapping[str, object]
"""Values by parameter name, as typed or as they are."""
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class BacktestRequest:
    """`first` and `last` are any dates, None for what is stored; each of `sets` is compared with the default."""

    first: date | None = None
    last: date | None = None
    sets: tuple[Assignments, ...] = ()


def assignments(texts: Iterable[str]) -> dict[str, str]:
    """`name=value` each, or several with commas between them."""
    found: dict[str, str] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise ConfigurationError(
                "ASSIGNMENT_WRONG", found=part or "nothing", expected="name=value", remedy="Write it like fast=20."
            )
        if name in found:
            raise ConfigurationError("PARAMETER_TWICE", found=name, remedy="Give it once in each set.")
        found[name] = value
    return found


def named_card(cards: Iterable[StrategyCard], name: str) -> StrategyCard:
    """The card of that name."""
    by_name = {card.name: card for card in cards}
    if name not in by_name:
        raise ConfigurationError(
            "STRATEGY_UNKNOWN", found=name, expected=", ".join(by_name), remedy=did_you_mean(name, by_name)
        )
    return by_name[name]


def parameters_of(space: ParameterSpace, given: Assignments) -> Parameters:
    """The card's default with the given values in it."""
    domains, values = space.model.domains(), space.default.model_dump()
    for name, value in given.items():
        if name not in domains:
            raise ConfigurationError(
                "PARAMETER_UNKNOWN", found=name, expected=", ".join(domains), remedy=did_you_mean(name, domains)
            )
        read = value_of(value, values[name])
        if read is None or not domains[name].holds(read):
            raise ConfigurationError(
                "PARAMETER_WRONG",
                found=f"{name}={value}",
                expected=domains[name],
                remedy=f"The card's default is {getattr(space.default, name)}.",
            )
        values[name] = read
    why, parameters = None, None
    try:
        parameters = space.model.model_validate(values)
    except ValidationError as refusal:
        why = str(refusal.errors()[0]["msg"]).removeprefix("Value error, ")
    why = why or next((one.broken_by(values) for one in space.constraints if not one.holds(values)), None)
    if why is not None or parameters is None:
        raise ConfigurationError(
            "PARAMETERS_FORBIDDEN",
            found=label(given),
            why=why,
            remedy=f"What is not given is at the card's default: {label(space.default.model_dump())}.",
        )
    return parameters


def label(values: Assignments) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def range_of(request: BacktestRequest, stored: SessionRange | None, suggested: date | None = None) -> SessionRange:
    """The sessions of the stored history that lie between the two dates; from `suggested` on where none is given."""
    if stored is None:
        raise DataError("PRICES_MISSING", found="none", remedy="Load some first: portfolio up.")
    last = request.last or stored.last
    first = request.first or (suggested if suggested is not None and suggested <= last else stored.first)
    if first > last:
        raise SessionError("EMPTY_SESSION_RANGE", first=first, last=last, remedy="Swap the two dates.")
    sessions = sessions_between(first, last)
    if not sessions:
        raise SessionError("NO_SESSION", first=first, last=last, remedy="The exchange was closed: widen the range.")
    wanted = SessionRange(sessions[0], sessions[-1])
    if wanted.first < stored.first or wanted.last > stored.last:
        raise DataError(
            "PRICES_MISSING",
            found=stored,
            expected=wanted,
            remedy="Choose sessions within what is stored, or load more: portfolio up, portfolio backfill.",
        )
    return wanted


def outside_card(space: ParameterSpace, parameters: Parameters) -> list[str]:
    """What the search could not have chosen."""
    return [
        f"{name}={value}"
        for name, value in parameters.model_dump().items()
        if value not in space.values[name] and value != getattr(space.default, name)
    ]


def value_of(given: object, default: Value) -> Value | None:
    """What was typed as a value of the default's type; None when it is none."""
    text = str(given).strip()
    if isinstance(default, bool):
        return text.lower() in _YES if text.lower() in _YES + _NO else None
    try:
        return type(default)(text)
    except ValueError:
        return None


def did_you_mean(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else "Choose one of these."
