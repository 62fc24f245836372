"""Strategy cards as files: reading them, saying where one is wrong, writing a new one.

A card is `defs/strategies/<name>/defs.yaml`. What may stand on it is declared in `core.strategies.card`, what a type's
parameters may be in the type. Making assets of a card is `strategy`'s work.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT, PROJECT_ROOT, read_environment
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.settings import Settings, load_settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import ParameterError, ParameterSpace, Range
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

CARDS = PACKAGE_ROOT / "defs" / "strategies"
COMPONENT = "portfolio_pipeline.components.strategy.StrategyComponent"
_FILE = "defs.yaml"


def load_cards(folder: Path = CARDS) -> tuple[StrategyCard, ...]:
    """Every card, in the order of the names; the first wrong one is refused with file, line and what was expected."""
    settings = house_settings()
    return tuple(read_card(path, settings) for path in sorted(folder.glob(f"*/{_FILE}")))


def house_settings() -> Settings:
    """The settings that cards are checked against."""
    return _settings(read_environment().portfolio_config)


def read_card(path: Path, settings: Settings) -> StrategyCard:
    """One card, checked as a whole."""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except OSError as error:
        raise ConfigurationError(
            "CARD_UNREADABLE", found=path, why=error.strerror, remedy="Make it readable."
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{_shown(path)}:{mark.line + 1}" if mark else _shown(path)
        raise ConfigurationError("CARD_NOT_YAML", found=where, remedy="Mend the indentation or quotes.") from None

    def wrong(location: Sequence[object], found: object, expected: str) -> ConfigurationError:
        where = f"{_shown(path)}:{_line(root, ('attributes', *location))}"
        name = ".".join(map(str, location)) or "attributes"
        return ConfigurationError(
            "CARD_WRONG", at=where, entry=name, found=found, expected=expected, remedy="Mend this line of the card."
        )

    if not isinstance(document, dict) or not isinstance(document.get("attributes"), dict):
        raise wrong((), "no attributes", f"`type: {COMPONENT}` and the card under `attributes:`")
    try:
        card = StrategyCard.model_validate(document["attributes"])
    except ValidationError as refusal:
        first = refusal.errors()[0]
        raise wrong(first["loc"], _found(first), _expected(first)) from None
    if card.name != path.parent.name:
        raise wrong(("name",), card.name, f"{path.parent.name}, the name of the card's folder")
    for location, found, expected in _against_the_house(card, settings):
        raise wrong(location, found, expected)
    return card


def _against_the_house(card: StrategyCard, settings: Settings) -> Iterator[tuple[tuple[object, ...], object, str]]:
    """What a card by itself cannot know: types, their parameters, the universe."""
    strategy = STRATEGY_TYPES.get(card.type)
    if strategy is None:
        yield ("type",), card.type, "one of " + ", ".join(STRATEGY_TYPES)
        return
    try:
        ParameterSpace.of(strategy.Parameters, card.parameters)
    except ParameterError as error:
        yield ("parameters", error.parameter), card.parameters.get(error.parameter), str(error)
    for place, symbol in enumerate(card.symbols.only):
        if symbol not in settings.symbols:
            yield (
                ("symbols", "only", place),
                symbol,
                f"a symbol of the settings' universe{_near(symbol, settings.symbols)}",
            )
    if not card.universe(settings):
        yield ("symbols",), ", ".join(card.symbols.asset_classes), "an asset class that the settings' universe holds"


def write_card(name: str, strategy_type: str, folder: Path = CARDS) -> Path:
    """Write a card with everything a person may want to change; a taken or wrong name or unknown type is refused."""
    strategy = STRATEGY_TYPES.get(strategy_type)
    if strategy is None:
        raise ConfigurationError(
            "STRATEGY_TYPE_UNKNOWN",
            found=strategy_type,
            expected=", ".join(STRATEGY_TYPES),
            remedy="Choose one of these.",
        )
    try:
        StrategyCard(name=name, type=strategy_type, description="new", symbols={"asset_classes": ("equity",)})  # type: ignore[arg-type]
    except ValidationError:
        raise ConfigurationError(
            "STRATEGY_NAME_WRONG",
            found=name,
            expected="2 to 41 of a-z, 0-9 and _, a letter first; not account or reserve, which are books of the house",
            remedy="Choose another name.",
        ) from None
    path = folder / name / _FILE
    if path.exists():
        raise ConfigurationError(
            "STRATEGY_EXISTS", found=_shown(path), remedy="Choose another name, or edit this card."
        )
    defaults, domains = strategy.Parameters.defaults(), strategy.Parameters.domains()
    ranges = "\n".join(
        f"    {name}: {_as_override(domain)}  # default {defaults[name]}" for name, domain in domains.items()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        _NEW_CARD.format(
            name=name, type=strategy_type, component=COMPONENT, description=strategy.description, ranges=ranges
        ),
        encoding="utf-8",
    )
    return path


_NEW_CARD = """\
# A strategy. Its assets appear in the UI as optimized_parameters/{name} and strategy_targets/{name}.
type: {component}

attributes:
  name: {name}
  type: {type}
  description: {description}
  owner: portfolio
  symbols:
    asset_classes: [equity]  # of equity, bond, commodity, real_estate; or name symbols: `only: [SPY, QQQ]`
  rebalance: weekly  # daily, weekly (first session of the week) or monthly (first of the month)
  direction: long_only  # or long_short
  # Each is searched over its range, which may be narrowed; `name: value` fixes one; left out, it has its whole range.
  parameters:
{ranges}
  search:
    objective: sharpe  # sharpe, return, sortino, calmar or drawdown
    window_sessions: 504  # how far back a score looks
    trials: 40  # parameter sets that are compared
    cadence: daily  # how often parameters are chosen anew: daily, weekly or monthly
    switch_margin: 0.1  # how much better others have to be, as a share of their score
  sizing:
    volatility_target: 0.10  # a year; leave out for weights as they come
    volatility_window: 60
    maximum_weight: 0.35  # of the strategy's capital in one symbol
    maximum_gross: 1.0
"""


def _as_override(domain: Any) -> str:
    if isinstance(domain, Range):
        return f"{{low: {domain.low}, high: {domain.high}, step: {domain.step}}}"
    return f"[{', '.join(map(str, domain.values))}]"


def _line(root: yaml.Node | None, location: Sequence[object]) -> int:
    """The line of the deepest entry of `location` that is there."""
    node, line = root, 1
    for part in location:
        found: tuple[yaml.Node, yaml.Node] | None = None
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _found(error: Mapping[str, Any]) -> object:
    return (
        "nothing"
        if error["type"] == "missing"
        else error["loc"][-1]
        if error["type"] == "extra_forbidden"
        else error["input"]
    )


def _expected(error: Mapping[str, Any]) -> str:
    if error["type"] != "extra_forbidden":
        return str(error["msg"])
    model: Any = StrategyCard
    for part in error["loc"][:-1]:
        model = model.model_fields[part].annotation
    return f"one of {', '.join(model.model_fields)}{_near(str(error['loc'][-1]), model.model_fields)}"


def _near(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else str(path)


@cache
def _settings(path: Path) -> Settings:
    return load_settings(path)
