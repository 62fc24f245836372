"""Every value in force, with its unit, its origin, and what it would be had nobody written it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import AfterValidator, BaseModel

from portfolio_pipeline.core.risk import presets
from portfolio_pipeline.core.risk.settings import keys
from portfolio_pipeline.core.sections import Bounds
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.own_limits import TIGHTENED, within

Origin = Literal["default", "preset", "file", "environment", "card"]
Plain = float | str | bool | None
_BY_ENDING = {"sessions": "sessions", "_bps": "hundredths of a percent", "cash": "currency", "_trade": "currency"}
_YEARLY = ("risk_free_rate", "volatility_target", "tracking_error")


@dataclass(frozen=True)
class Effective:
    """One value; `otherwise` is that of the preset or the default."""

    key: str
    value: Plain
    unit: str
    origin: Origin
    otherwise: Plain

    @property
    def changed(self) -> bool:
        return self.value != self.otherwise


def settings_values(settings: Settings, written: Mapping[str, Any]) -> list[Effective]:
    """Of portfolio.yaml; `written` is what stands in the file."""
    standard = _flat(_standard(settings))
    return [
        Effective(key, value, _unit(Settings, key), _origin(key, written), standard.get(key))
        for key, value in _flat(_plain_settings(settings)).items()
    ]


def card_values(
    card: StrategyCard, written: Mapping[str, Any], settings: Settings, settings_written: Mapping[str, Any]
) -> list[Effective]:
    """Of one card that has been read; `written` is what stands on it.

    Where the house's limit is in force instead of what the card says, or because it says nothing, the origin is that of
    the limit.
    """
    house = within(type(card.sizing)(), settings.limits, len(card.universe(settings)))
    bare = type(card).model_validate(card.model_dump(include=_NAMED)).model_copy(update={"sizing": house})
    standard = _flat(bare.model_dump())
    by_limit = {f"sizing.{entry}": f"limits.{key}" for entry, key in TIGHTENED.items()}
    found = []
    for key, value in _flat(card.model_dump(exclude={"name", "description"})).items():
        said, limit = _inside(written, key), by_limit.get(key)
        origin: Origin = "default" if said is _NOTHING else "card"
        if limit is not None and not _same(said, value) and value == _inside(settings.limits.model_dump(), limit[7:]):
            origin = _origin(limit, settings_written)
        found.append(Effective(f"{card.name}.{key}", value, _unit(type(card), key), origin, standard.get(key)))
    return found


_NAMED = {"name", "type", "description", "symbols"}
_NOTHING = object()


def _standard(settings: Settings) -> dict[str, Any]:
    """The settings of a file that says nothing but the preset and the universe."""
    said = {"preset": settings.preset, "universe": settings.universe, "benchmark": settings.benchmark}
    return _plain_settings(Settings.model_validate(said)) | {"benchmark": Settings.model_fields["benchmark"].default}


def _plain_settings(settings: Settings) -> dict[str, Any]:
    plain = settings.model_dump()
    return plain | {"universe": f"{len(settings.universe)} symbols"}


def _origin(key: str, written: Mapping[str, Any]) -> Origin:
    if _inside(written, key) is not _NOTHING:
        return "file"
    return "preset" if key in presets.TABLE else "default"


def _inside(written: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(written, Mapping) or part not in written:
            return _NOTHING
        written = written[part]
    return written


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Plain]:
    """By `section.key`; lists and what is empty as words."""
    found: dict[str, Plain] = {}
    for name, value in values.items():
        key = f"{before}{name}"
        if isinstance(value, Mapping) and value and "low" not in value:
            found |= _flat(value, f"{key}.")
        else:
            found[key] = _plain(value)
    return found


def _plain(value: Any) -> Plain:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_plain(one)}" for name, one in value.items()) or "none"
    if isinstance(value, Sequence):
        return ", ".join(str(_plain(one)) for one in value) or "none"
    return str(value)


def _same(written: Any, value: Plain) -> bool:
    return bool(_plain(written) == value)


def _unit(model: type[BaseModel], key: str) -> str:
    name = key.rpartition(".")[2]
    if key.startswith("limits."):
        of = keys().get(key.split(".")[1])
        return of.unit if of is not None else ""
    for ending, unit in _BY_ENDING.items():
        if name.endswith(ending):
            return unit
    fraction = any(bounds.fraction for bounds in _bounds(_annotation(model, key)))
    return ("fraction a year" if name in _YEARLY else "fraction") if fraction else ""


def _annotation(model: Any, key: str) -> Any:
    """What a key is declared as; None where a section has names of its own."""
    kind: Any = model
    for part in key.split("."):
        fields = next((one.model_fields for one in (kind, *get_args(kind)) if hasattr(one, "model_fields")), None)
        if fields is None or part not in fields:
            return kind
        field = fields[part]
        kind = field.annotation if not field.metadata else _Declared(field.annotation, field.metadata)
    return kind


@dataclass(frozen=True)
class _Declared:
    annotation: Any
    metadata: Sequence[Any]


def _bounds(kind: Any) -> Iterator[Bounds]:
    if isinstance(kind, _Declared):
        yield from _bounds(kind.annotation)
        kind = kind.metadata
    parts = kind if isinstance(kind, Sequence) else (*get_args(kind), *getattr(kind, "__metadata__", ()))
    for part in parts:
        if isinstance(part, AfterValidator) and isinstance(part.func, Bounds):
            yield part.func
        elif not isinstance(part, str) and (get_args(part) or hasattr(part, "__metadata__")):
            yield from _bounds(part)
