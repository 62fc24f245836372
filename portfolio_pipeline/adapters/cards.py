"""Strategy cards as files: reading them, saying where one is wrong, writing a new one.

Where they are is in `card_files`. What may stand on a card is declared in `core.strategies.card`, what a type's
parameters may be in the type. Making assets of a card is the work of `components.strategy`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from portfolio_pipeline.adapters.card_files import SHIPPED_FILE, card_files, home_cards
from portfolio_pipeline.adapters.environment import PROJECT_ROOT, Environment, read_environment
from portfolio_pipeline.adapters.settings import active_settings, version
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.registry import near, one_of
from portfolio_pipeline.core.sections import parse_yaml
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import Choices, ParameterError, ParameterSpace, Range, Value
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

COMPONENT = "portfolio_pipeline.components.strategy.StrategyComponent"


def load_cards(environment: Environment | None = None) -> tuple[StrategyCard, ...]:
    """Every card, in the order of the names; the first wrong one is refused with file, line and what was expected."""
    environment = environment or read_environment()
    return tuple(_read_once(path, environment) for path in card_files(environment).values())


def load_card(name: str) -> StrategyCard:
    """One card by its name."""
    environment = read_environment()
    return _read_once(card_files(environment)[name], environment)


def _read_once(path: Path, environment: Environment) -> StrategyCard:
    return _read(path, version(path), environment, version(environment.portfolio_config))


@lru_cache(maxsize=256)
def _read(path: Path, version: int, environment: Environment, settings_version: int) -> StrategyCard:
    return read_card(path, active_settings(environment))


def read_card(path: Path, settings: Settings) -> StrategyCard:
    """One card, checked as a whole."""
    shipped = path.name == SHIPPED_FILE
    try:
        document, root = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "CARD_UNREADABLE", found=path, why=error.strerror, remedy="Make it readable."
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{_shown(path)}:{mark.line + 1}" if mark else _shown(path)
        raise ConfigurationError("CARD_NOT_YAML", found=where, remedy="Mend the indentation or quotes.") from None

    outer = ("attributes",) if shipped else ()

    def wrong(location: Sequence[object], found: object, expected: str) -> ConfigurationError:
        where = f"{_shown(path)}:{_line(root, (*outer, *location))}"
        name = ".".join(map(str, location)) or "attributes"
        return ConfigurationError(
            "CARD_WRONG", at=where, entry=name, found=found, expected=expected, remedy="Mend this line of the card."
        )

    attributes = document.get("attributes") if shipped and isinstance(document, dict) else document
    if not isinstance(attributes, dict):
        form = f"`type: {COMPONENT}` and the card under `attributes:`" if shipped else "`name: …`, `type: …` and so on"
        raise wrong((), "no attributes", form)
    try:
        card = StrategyCard.model_validate(attributes)
    except ValidationError as refusal:
        first = refusal.errors()[0]
        raise wrong(_location(attributes, first), _found(first), _expected(first)) from None
    name = path.parent.name if shipped else path.stem
    if card.name != name:
        raise wrong(("name",), card.name, f"{name}, the name of the card's {'folder' if shipped else 'file'}")
    for location, found, expected in _against_the_house(card, settings):
        raise wrong(location, found, expected)
    return card


def _against_the_house(card: StrategyCard, settings: Settings) -> Iterator[tuple[tuple[object, ...], object, str]]:
    """What a card by itself cannot know: types, their parameters, the universe."""
    strategy = STRATEGY_TYPES.get(card.type)
    if strategy is None:
        yield ("type",), card.type, one_of(card.type, STRATEGY_TYPES)
        return
    try:
        ParameterSpace.of(strategy.Parameters, card.parameters, card.constraints)
    except ParameterError as error:
        entries: Any = card.parameters if error.location[0] == "parameters" else dict(enumerate(card.constraints))
        yield error.location, entries.get(error.location[1]), str(error)
    for place, symbol in enumerate(card.symbols.only):
        if symbol not in settings.symbols:
            yield (
                ("symbols", "only", place),
                symbol,
                f"a symbol of the settings' universe{near(symbol, settings.symbols)}",
            )
    if not card.universe(settings):
        yield ("symbols",), ", ".join(card.symbols.asset_classes), "an asset class that the settings' universe holds"


def write_card(name: str, strategy_type: str, environment: Environment | None = None) -> Path:
    """Write a card with everything a person may want to change; a taken or wrong name or unknown type is refused."""
    environment = environment or read_environment()
    strategy = STRATEGY_TYPES.get(strategy_type)
    if strategy is None:
        raise ConfigurationError(
            "STRATEGY_TYPE_UNKNOWN",
            found=strategy_type,
            expected=one_of(strategy_type, STRATEGY_TYPES),
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
    taken = card_files(environment).get(name)
    if taken is not None:
        raise ConfigurationError(
            "STRATEGY_EXISTS", found=_shown(taken), remedy="Choose another name, or edit this card."
        )
    path = home_cards(environment) / f"{name}.yaml"
    defaults, domains = strategy.Parameters.defaults(), strategy.Parameters.domains()
    ranges = "\n".join(
        f"  {name}: {_as_override(domain)}  # default {_in_yaml(defaults[name])}" for name, domain in domains.items()
    )
    always = "".join(f"; always: {text}" for text in strategy.Parameters.constraints)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        _NEW_CARD.format(
            name=name,
            type=strategy_type,
            description=strategy.description,
            ranges=ranges,
            always=always,
        ),
        encoding="utf-8",
    )
    return path


_NEW_CARD = """\
# A strategy. Its assets appear in the UI as the group {name}: {name}/optimized_parameters, {name}/strategy_targets, ...
name: {name}
type: {type}
description: {description}
owner: portfolio
symbols:
  asset_classes: [equity]  # of equity, bond, commodity, real_estate; or name symbols: `only: [SPY, QQQ]`
rebalance: weekly  # daily, weekly (first session of the week) or monthly (first of the month)
direction: long_only  # or long_short
stage: candidate  # computed and judged, but without capital; make it active when you believe it
# Each is searched over its range, which may be narrowed; `name: value` fixes one; left out, it has its whole range.
parameters:
{ranges}
# constraints: ["name < other", "other >= 2 * name"]  # between parameters{always}
# transition_sessions: 5  # over how many sessions a change of parameters is phased in; 1 if left out
search:
  objective: sharpe  # sharpe, return, sortino, calmar or drawdown
  # objective: {{sharpe: 0.7, drawdown: 0.3}}  # their weighted sum
  # objective: [sharpe, calmar]  # several at once, by the mean of a set's ranks
  window_sessions: 504  # how far back a score looks
  trials: 40  # parameter sets that are compared
  cadence: daily  # how often parameters are chosen anew: daily, weekly or monthly
  switch_margin: 0.1  # how much better others have to be, as a share of their score
  fewest_active: 0.1  # sets that earned or lost anything on fewer of the sessions count as the worst; 0 lets them
  neighbours: 6  # sets that smooth a set's score, so that the luckiest point does not win; 0 lets it
  # method: auto  # exhaustive, sobol, nsga2 or tpe; auto takes every set there is if trials allow it, else sobol
  # renewal: quarterly  # how often nsga2 and tpe draw new sets: monthly, quarterly or yearly
  # holdout_sessions: 63  # newest sessions that the search does not see, and on which a change has to hold
  # regime_share: 0.5  # part of the score that weighs past sessions by how alike their market regime was
sizing:
  by: type  # how weights are spread: as the type gives them, or tilted by volatility or performance
  volatility_target: 0.10  # a year; leave out for weights as they come
  volatility_window: 60
  maximum_weight: 0.35  # of the strategy's capital in one symbol
  maximum_gross: 1.0
  # crowding_penalty: 0.5  # 0 to 1: weight taken from what moves together with the rest
  # adjust: daily  # scale to the volatility at every close, not at decisions alone
  # stop: 0.15  # leave a holding that closes so far below its highest close since the last decision
honesty:
  when_doubted: report  # or no_new_capital
  # minimum_deflated_sharpe, maximum_overfitting, ...: how much it takes to be believed
"""


def _as_override(domain: Range | Choices) -> str:
    if isinstance(domain, Range):
        return f"{{low: {domain.low}, high: {domain.high}, step: {domain.step}}}"
    return f"[{', '.join(map(_in_yaml, domain.values))}]"


def _in_yaml(value: Value) -> str:
    """A value such that YAML reads it back as it is."""
    return yaml.safe_dump(value).splitlines()[0]


def _location(attributes: object, error: Mapping[str, Any]) -> tuple[object, ...]:
    """Where the error stands on the card; pydantic also names the form of a value that it was read as."""
    node, kept = attributes, []
    for part in error["loc"]:
        if (isinstance(node, dict) and part in node) or (isinstance(node, list) and isinstance(part, int)):
            kept.append(part)
            node = node[part]
    return (*kept, error["loc"][-1]) if error["type"] == "missing" else tuple(kept)


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
    if error["type"] == "literal_error":
        return one_of(str(error["input"]), re.findall(r"'([^']*)'", error["ctx"]["expected"]))
    if error["type"] != "extra_forbidden":
        return str(error["msg"]).removeprefix("Value error, ")
    model: Any = StrategyCard
    for part in error["loc"][:-1]:
        model = model.model_fields[part].annotation
    return one_of(str(error["loc"][-1]), model.model_fields)


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else str(path)
