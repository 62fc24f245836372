"""Parameters with ranges: how a type declares them, how a card narrows or fixes them, and how they are listed.

A type declares a frozen class of `Parameters` whose fields carry a `Range` or `Choices`; what must hold between several
parameters is a validator of that class. Choosing between parameter sets is `core.search`'s work.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError, model_validator

from portfolio_pipeline.core.settings import Section

Value = int | float | str | bool


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high` in steps."""

    low: float
    high: float
    step: float

    @property
    def values(self) -> tuple[Value, ...]:
        whole = all(float(bound).is_integer() for bound in (self.low, self.high, self.step))
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        numbers = [round(self.low + k * self.step, 10) for k in range(count)]
        return tuple(int(number) if whole and isinstance(self.low, int) else float(number) for number in numbers)

    def holds(self, value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} in steps of {self.step:g}"


@dataclass(frozen=True)
class Choices:
    """One of the listed values."""

    values: tuple[Value, ...]

    def holds(self, value: object) -> bool:
        return any(type(value) is type(one) and value == one for one in self.values)

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


def choices(*values: Value) -> Choices:
    return Choices(values)


class Parameters(Section):
    """Base of the types' parameter classes: frozen, no other names, every value within its declared range."""

    @classmethod
    def domains(cls) -> dict[str, Range | Choices]:
        """The declared range of each parameter."""
        return {
            name: next(item for item in field.metadata if isinstance(item, Range | Choices))
            for name, field in cls.model_fields.items()
        }

    @classmethod
    def defaults(cls) -> dict[str, Value]:
        return {name: field.default for name, field in cls.model_fields.items()}

    @model_validator(mode="after")
    def _within_ranges(self) -> Self:
        for name, domain in self.domains().items():
            if not domain.holds(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected {domain}")
        return self

    def to_json(self) -> str:
        return json.dumps(self.model_dump(), sort_keys=True)


class ParameterError(ValueError):
    """An override on a card that the type does not allow; `parameter` says which."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True)
class ParameterSpace:
    """The values each parameter may take for one strategy, in order, and the default of each."""

    model: type[Parameters]
    values: Mapping[str, tuple[Value, ...]]
    default: Parameters

    @classmethod
    def of(cls, model: type[Parameters], overrides: Mapping[str, Any]) -> ParameterSpace:
        """The type's space, narrowed by a card: `name: value` fixes; a list or low/high/step narrows; default sets."""
        domains, defaults = model.domains(), model.defaults()
        values = {name: domain.values for name, domain in domains.items()}
        for name, override in overrides.items():
            if name not in domains:
                raise ParameterError(name, f"unknown parameter, expected one of {', '.join(domains)}")
            values[name], defaults[name] = _narrowed(name, override, domains[name], defaults[name])
        try:
            default = model.model_validate(defaults)
        except ValidationError as error:
            first = next(iter(overrides), "parameters")
            raise ParameterError(first, f"{error.errors()[0]['msg']} (at the defaults; set them to fit)") from None
        return cls(model, values, default)

    @property
    def size(self) -> int:
        """How many combinations there are, before constraints."""
        return math.prod(len(values) for values in self.values.values())

    def parameters(self, values: Mapping[str, Value]) -> Parameters | None:
        """The parameter set, or None when a constraint between parameters forbids it."""
        try:
            return self.model.model_validate(dict(values))
        except ValidationError:
            return None

    def grid(self) -> Iterator[Parameters]:
        """Every allowed combination, in the order of the values."""
        for combination in itertools.product(*self.values.values()):
            parameters = self.parameters(dict(zip(self.values, combination, strict=True)))
            if parameters is not None:
                yield parameters

    def order(self, parameters: Parameters) -> tuple[int, ...]:
        """Where a set stands in the grid; values outside it come last."""
        given = parameters.model_dump()
        return tuple(
            values.index(given[name]) if given[name] in values else len(values) for name, values in self.values.items()
        )

    def holds(self, parameters: Mapping[str, Value]) -> str | None:
        """What is wrong with a parameter set of this space; None when nothing is."""
        allowed = self.parameters(parameters)
        if allowed is None or set(parameters) != set(self.values):
            return "forbidden by the type"
        outside = [
            name
            for name, value in parameters.items()
            if value not in self.values[name] and value != getattr(self.default, name)
        ]
        return f"{', '.join(outside)} outside the card's range" if outside else None


def _narrowed(name: str, override: Any, domain: Range | Choices, default: Value) -> tuple[tuple[Value, ...], Value]:
    def checked(value: Any) -> Value:
        if not domain.holds(value) or (isinstance(default, int) and value != int(value)):
            raise ParameterError(name, f"{value!r} is not allowed, expected {domain}")
        return type(default)(value)

    if isinstance(override, dict):
        allowed = {"choices", "default"} | ({"low", "high", "step"} if isinstance(domain, Range) else set())
        unknown = set(override) - allowed
        if unknown:
            raise ParameterError(name, f"unknown key {min(unknown)!r}, expected some of {', '.join(sorted(allowed))}")
        if "choices" in override:
            values = tuple(checked(value) for value in override["choices"])
        elif isinstance(domain, Range):
            low, high = checked(override.get("low", domain.low)), checked(override.get("high", domain.high))
            step = override.get("step", domain.step)
            if isinstance(step, bool) or not isinstance(step, int | float) or step <= 0:
                raise ParameterError(name, f"step is {step!r}, expected a number above 0")
            if low > high:  # type: ignore[operator]
                raise ParameterError(name, f"low {low} is above high {high}")
            values = tuple(type(default)(value) for value in Range(low, high, step).values)  # type: ignore[arg-type]
        else:
            values = domain.values
        if "default" in override:
            return values, checked(override["default"])
    elif isinstance(override, list | tuple):
        values = tuple(checked(value) for value in override)
    else:
        return (checked(override),), checked(override)
    if not values:
        raise ParameterError(name, "no value is left")
    if default in values or isinstance(default, str | bool):
        return values, default if default in values else values[0]
    return values, min(values, key=lambda value: abs(value - default))  # type: ignore[operator]
