"""Parameters with ranges: how a type declares them, how a card narrows or fixes them, and how they are listed.

A type declares a frozen class of `Parameters` whose fields carry a `Range` or `Choices` (`choices`, `flag`), and what
has to hold between them as `constraints`; a card may narrow the one and add to the other. Reading constraints is the
work of `constraints`, choosing between parameter sets that of `core.search`.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Self

from pydantic import ValidationError, model_validator

from portfolio_pipeline.core.registry import one_of
from portfolio_pipeline.core.sections import Section
from portfolio_pipeline.core.strategies.constraints import Constraint, ConstraintWrongError, constraint

Value = int | float | str | bool
MOST_VALUES = 1_000  # of one parameter on a card: a step that is a slip of the pen would fill the memory


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
    """One of the listed values; with `searched` off, the default unless a card says otherwise."""

    values: tuple[Value, ...]
    searched: bool = True

    def holds(self, value: object) -> bool:
        return any(type(value) is type(one) and value == one for one in self.values)

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


def choices(*values: Value) -> Choices:
    return Choices(values)


def decided(*values: Value) -> Choices:
    """What whoever writes the card decides: a search chooses between several only where the card lists them."""
    return Choices(values, searched=False)


def flag() -> Choices:
    """Off or on."""
    return Choices((False, True))


class Parameters(Section):
    """Base of the types' parameter classes: frozen, no other names, within the declared ranges and constraints."""

    constraints: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @cache
    def domains(cls) -> dict[str, Range | Choices]:
        """The declared range of each parameter."""
        return {
            name: next(item for item in field.metadata if isinstance(item, Range | Choices))
            for name, field in cls.model_fields.items()
        }

    @classmethod
    def defaults(cls) -> dict[str, Value]:
        return {name: field.default for name, field in cls.model_fields.items()}

    @classmethod
    @cache
    def own_constraints(cls) -> tuple[Constraint, ...]:
        return tuple(cls.constraint(text) for text in cls.constraints)

    @classmethod
    def constraint(cls, text: str) -> Constraint:
        """A constraint between these parameters."""
        numeric = [name for name, domain in cls.domains().items() if isinstance(domain, Range)]
        return constraint(text, numeric, [name for name in cls.domains() if name not in numeric])

    @model_validator(mode="after")
    def _within_ranges(self) -> Self:
        for name, domain in self.domains().items():
            if not domain.holds(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected {domain}")
        broken = _first_broken(self.own_constraints(), self.__dict__)
        if broken:
            raise ValueError(broken)
        return self

    def to_json(self) -> str:
        return json.dumps(self.__dict__, sort_keys=True)


class ParameterError(ValueError):
    """Something on a card that the type does not allow; `location` says where on the card, `parameter` which one."""

    def __init__(self, parameter: str, message: str, location: tuple[object, ...] | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.location = location or ("parameters", parameter)


@dataclass(frozen=True)
class ParameterSpace:
    """The values each parameter may take for one strategy, in order, and the default of each."""

    model: type[Parameters]
    values: Mapping[str, tuple[Value, ...]]
    default: Parameters
    constraints: tuple[Constraint, ...] = ()  # of the card, beside those of the type

    @classmethod
    def of(
        cls, model: type[Parameters], overrides: Mapping[str, Any], constraints: Sequence[str] = ()
    ) -> ParameterSpace:
        """The type's space, narrowed by a card: `name: value` fixes; a list or low/high/step narrows; default sets."""
        domains, defaults = model.domains(), model.defaults()
        everything = {name: _searched(domain, defaults[name]) for name, domain in domains.items()}
        values, default = _all_narrowed(domains, everything, defaults, overrides)
        added = tuple(_read(model, text, place) for place, text in enumerate(constraints))
        return cls(model, values, _allowed_default(model, values, default, added, overrides), added)

    def narrowed(self, overrides: Mapping[str, Any]) -> ParameterSpace:
        """With other values of some parameters, written as on a card: any that the type allows. The default stays, or
        moves to the nearest value there is."""
        values, default = _all_narrowed(self.model.domains(), self.values, self.default.model_dump(), overrides)
        allowed = _allowed_default(self.model, values, default, self.constraints, overrides)
        return ParameterSpace(self.model, values, allowed, self.constraints)

    @property
    def size(self) -> int:
        """How many combinations there are, before constraints."""
        return math.prod(len(values) for values in self.values.values())

    @property
    def optimisable(self) -> tuple[str, ...]:
        """The parameters with more than one value."""
        return tuple(name for name, values in self.values.items() if len(values) > 1)

    @property
    def fixed(self) -> tuple[str, ...]:
        """The parameters with one value."""
        return tuple(name for name, values in self.values.items() if len(values) == 1)

    @cached_property
    def _places(self) -> dict[str, dict[Value, int]]:
        return {name: {value: place for place, value in enumerate(values)} for name, values in self.values.items()}

    @cached_property
    def _listed(self) -> dict[str, dict[Value, Value]]:
        """Each listed value by itself: finds 3 for 3.0, as validation would."""
        return {name: {value: value for value in values} for name, values in self.values.items()}

    @cached_property
    def _all_constraints(self) -> tuple[Constraint, ...]:
        return (*self.model.own_constraints(), *self.constraints)

    @cached_property
    def _declared_only(self) -> bool:
        """Whether the type checks nothing beside its ranges and constraints."""
        return set(self.model.__pydantic_decorators__.model_validators) == {"_within_ranges"}

    def parameters(self, values: Mapping[str, Value]) -> Parameters | None:
        """The parameter set, or None when its type or a constraint forbids it.

        A search asks this of thousands of sets. Values listed for this space lie in the type's ranges, so that only
        constraints are left to check; everything else is validated as a whole.
        """
        listed = self._listed
        if self._declared_only and len(values) == len(listed):
            try:
                known = {name: allowed[values[name]] for name, allowed in listed.items()}
            except (KeyError, TypeError):
                pass  # a name or value that is not listed
            else:
                kept = all(one.holds(known) for one in self._all_constraints)
                return self.model.model_construct(None, **known) if kept else None
        try:
            parameters = self.model.model_validate(dict(values))
        except ValidationError:
            return None
        return parameters if all(one.holds(parameters.__dict__) for one in self.constraints) else None

    def grid(self) -> Iterator[Parameters]:
        """Every allowed combination, in the order of the values."""
        for combination in itertools.product(*self.values.values()):
            parameters = self.parameters(dict(zip(self.values, combination, strict=True)))
            if parameters is not None:
                yield parameters

    def order(self, parameters: Parameters) -> tuple[int, ...]:
        """Where a set stands in the grid; values outside it come last."""
        given = parameters.__dict__
        return tuple([places.get(given[name], len(places)) for name, places in self._places.items()])

    def holds(self, parameters: Mapping[str, Value]) -> str | None:
        """What is wrong with a parameter set of this space; None when nothing is."""
        if set(parameters) != set(self.values):
            return "forbidden by the type"
        try:
            allowed = self.model.model_validate(dict(parameters))
        except ValidationError:
            return "forbidden by the type"
        broken = _first_broken(self.constraints, allowed.__dict__)
        if broken:
            return broken
        outside = [
            name
            for name, value in parameters.items()
            if value not in self.values[name] and value != getattr(self.default, name)
        ]
        return f"{', '.join(outside)} outside the card's range" if outside else None


def _searched(domain: Range | Choices, default: Value) -> tuple[Value, ...]:
    return domain.values if isinstance(domain, Range) or domain.searched else (default,)


def _all_narrowed(
    domains: Mapping[str, Range | Choices],
    values: Mapping[str, tuple[Value, ...]],
    defaults: Mapping[str, Value],
    overrides: Mapping[str, Any],
) -> tuple[dict[str, tuple[Value, ...]], dict[str, Value]]:
    left, moved = dict(values), dict(defaults)
    for name, override in overrides.items():
        if name not in domains:
            raise ParameterError(name, f"unknown parameter, expected {one_of(name, domains)}")
        left[name], moved[name] = _narrowed(name, override, domains[name], moved[name])
    return left, moved


def _allowed_default(
    model: type[Parameters],
    values: Mapping[str, Sequence[Value]],
    default: Mapping[str, Value],
    of_card: Sequence[Constraint],
    overrides: Mapping[str, Any],
) -> Parameters:
    _require_a_set(values, default, model.own_constraints(), of_card, overrides)
    try:
        return model.model_validate(dict(default))
    except ValidationError as error:
        first = next(iter(overrides), "parameters")
        raise ParameterError(first, f"{_said(error)} (at the defaults; set them to fit)") from None


def _first_broken(constraints: Sequence[Constraint], values: Mapping[str, Any]) -> str | None:
    return next((one.broken_by(values) for one in constraints if not one.holds(values)), None)


def _said(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")


def _read(model: type[Parameters], text: str, place: int) -> Constraint:
    try:
        return model.constraint(text)
    except ConstraintWrongError as error:
        raise ParameterError("constraints", str(error), ("constraints", place)) from None


def _require_a_set(
    values: Mapping[str, Sequence[Value]],
    defaults: Mapping[str, Value],
    of_type: Sequence[Constraint],
    of_card: Sequence[Constraint],
    overrides: Mapping[str, Any],
) -> None:
    """Refuse constraints that leave no set or are broken by the defaults, at the line that can mend it."""
    everything = (*of_type, *of_card)
    broken = next((one for one in everything if not one.holds(defaults)), None)
    if broken is None:
        return
    if broken in of_card:
        location: tuple[object, ...] = ("constraints", of_card.index(broken))
    else:
        mine = [name for name in overrides if name in broken.names]
        location = ("parameters", (mine or [*overrides, broken.names[0]])[0])
    names = [name for name in values if any(name in one.names for one in everything)]
    combinations = itertools.product(*(values[name] for name in names))
    left = (dict(zip(names, combination, strict=True)) for combination in combinations)
    if any(all(one.holds(known) for one in everything) for known in left):
        raise ParameterError(
            str(location[1]), f"{broken.broken_by(defaults)} at the defaults; set them to fit", location
        )
    raise ParameterError(str(location[1]), f"{broken.text} leaves no parameter set of these ranges", location)


def _narrowed(name: str, override: Any, domain: Range | Choices, default: Value) -> tuple[tuple[Value, ...], Value]:
    """The values a card leaves of a type's range, and the default among them."""

    def checked(value: Any) -> Value:
        if not domain.holds(value) or (isinstance(default, int) and value != int(value)):
            raise ParameterError(name, f"{value!r} is not allowed, expected {domain}")
        return type(default)(value)

    def listed(given: Any) -> tuple[Value, ...]:
        """Numbers in their order, whatever order they were written in: sets beside each other are to be neighbours."""
        if not isinstance(given, list | tuple):
            raise ParameterError(name, f"choices are {given!r}, expected a list")
        values = [checked(value) for value in given]
        if not values:
            raise ParameterError(name, "no value is left")
        if len(set(values)) < len(values):
            raise ParameterError(name, "the same value stands there twice")
        return tuple(sorted(values) if isinstance(domain, Range) else values)

    def ranged(low: Any, high: Any, step: Any) -> tuple[Value, ...]:
        whole = isinstance(default, int)
        if isinstance(step, bool) or not isinstance(step, int if whole else int | float) or not step > 0:
            raise ParameterError(name, f"step is {step!r}, expected a {'whole ' if whole else ''}number above 0")
        low, high = checked(low), checked(high)
        if low > high:
            raise ParameterError(name, f"low {low} is above high {high}")
        if step > high - low:
            return (low,)
        values = () if high - low > MOST_VALUES * step else Range(low, high, step).values
        if not 0 < len(set(values)) == len(values):
            raise ParameterError(name, f"step is {step!r}, expected one that makes at most {MOST_VALUES} values")
        return tuple(type(default)(value) for value in values)

    if isinstance(override, list | tuple):
        values = listed(override)
    elif not isinstance(override, dict):
        return (checked(override),), checked(override)
    else:
        ends = {"low", "high", "step"} if isinstance(domain, Range) else set()
        unknown = sorted(set(map(str, override)) - ends - {"choices", "default"})
        if unknown:
            expected = ", ".join(sorted(ends | {"choices", "default"}))
            raise ParameterError(name, f"unknown key {unknown[0]!r}, expected some of {expected}")
        if "choices" in override and ends & set(override):
            raise ParameterError(name, "choices beside low, high or step, expected one or the other")
        if "choices" in override:
            values = listed(override["choices"])
        elif isinstance(domain, Range):
            values = ranged(*(override.get(end, getattr(domain, end)) for end in ("low", "high", "step")))
        else:
            values = _searched(domain, checked(override.get("default", default)))
        if "default" in override:
            return values, checked(override["default"])
    if default in values or isinstance(default, str | bool):
        return values, default if default in values else values[0]
    return values, min(values, key=lambda value: abs(value - default))  # type: ignore[operator]
