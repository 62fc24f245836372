"""Strategy cards as files: reading them, saying where one is wrong, writing a new one.

Where they are is in `card_files`. What may stand on a card is declared in `core.strategies.card`, what a type's
parameters may be in the type. Making assets of a card is the work of `components.strategy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from portfolio_pipeline.adapters.card_files import SHIPPED_FILE, card_files, home_cards
from portfolio_pipeline.adapters.environment import PROJECT_ROOT, Environment, read_environment
from portfolio_pipeline.adapters.settings import active_settings, version
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.mistakes import Mistake, first_mistake, read_written, wrong
from portfolio_pipeline.core.portfolio.allocation.possible import require_possible
from portfolio_pipeline.core.registry import near, one_of
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.own_limits import looser, within
from portfolio_pipeline.core.strategies.parameters import Choices, ParameterError, ParameterSpace, Range, Value
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

COMPONENT = "portfolio_pipeline.components.strategy.StrategyComponent"


def load_cards(environment: Environment | None = None) -> tuple[StrategyCard, ...]:
    """Every card, in the order of the names; the first wrong one is refused with file, line and what was expected.

    So are settings of the allocation that these strategies cannot have together.
    """
    environment = environment or read_environment()
    cards = tuple(_read_once(path, environment) for path in card_files(environment).values())
    active = [card.name for card in cards if card.stage == "active"]
    require_possible([card.name for card in cards], active, active_settings(environment).allocation)
    return cards


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
    written = read_written(path, "CARD", "Make it readable.")
    outer = ("attributes",) if shipped else ()

    def refused(mistake: Mistake) -> Exception:
        there = replace(mistake, at=(*outer, *mistake.at))
        return wrong("CARD", _shown(path), written, there, outer=len(outer), remedy="Mend this line of the card.")

    document = written.document
    attributes = document.get("attributes") if shipped and isinstance(document, dict) else document
    if not isinstance(attributes, dict):
        form = f"`type: {COMPONENT}` and the card under `attributes:`" if shipped else "`name: …`, `type: …` and so on"
        raise refused(Mistake((), "no attributes", form))
    try:
        card = StrategyCard.model_validate(attributes)
    except ValidationError as refusal:
        raise refused(first_mistake(refusal, attributes, StrategyCard)) from None
    name = path.parent.name if shipped else path.stem
    if card.name != name:
        of = "folder" if shipped else "file"
        raise refused(Mistake(("name",), card.name, f"{name}, the name of the card's {of}"))
    for mistake in _against_the_house(card, settings, shipped=shipped):
        raise refused(mistake)
    sizing = within(card.sizing, settings.limits, len(card.universe(settings)))
    return card.model_copy(update={"sizing": sizing})


def _against_the_house(card: StrategyCard, settings: Settings, *, shipped: bool) -> Iterator[Mistake]:
    """What a card by itself cannot know: types, their parameters, the universe, limits.

    Limits cut a card that comes with the package, for it has to serve under every preset; your own is refused.
    """
    strategy = STRATEGY_TYPES.get(card.type)
    if strategy is None:
        yield Mistake(("type",), card.type, one_of(card.type, STRATEGY_TYPES))
        return
    try:
        ParameterSpace.of(strategy.Parameters, card.parameters, card.constraints)
    except ParameterError as error:
        yield _of_parameters(card, error)
    for place, symbol in enumerate(card.symbols.only):
        if symbol not in settings.symbols:
            expected = f"a symbol of the settings' universe{near(symbol, settings.symbols)}"
            yield Mistake(("symbols", "only", place), symbol, expected)
    if not card.universe(settings):
        classes = ", ".join(card.symbols.asset_classes)
        yield Mistake(("symbols",), classes, "an asset class that the settings' universe holds")
    for one in () if shipped else looser(card.sizing, settings.limits):
        expected = f"at most limits.{one.key}, {one.limit:g}: a card may be tighter than the house, never looser"
        yield Mistake(("sizing", one.entry), one.found, expected)


def _of_parameters(card: StrategyCard, error: ParameterError) -> Mistake:
    entries: Any = card.parameters if error.location[0] == "parameters" else dict(enumerate(card.constraints))
    why, _, expected = str(error).partition(", expected ")
    return Mistake(error.location, entries.get(error.location[1]), expected, why)


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
    path = _free_path(name, environment)
    defaults, domains = strategy.Parameters.defaults(), strategy.Parameters.domains()
    ranges = "\n".join(f"  {name}: {_on_a_card(domain, defaults[name])}" for name, domain in domains.items())
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


def write_card_text(name: str, text: str, environment: Environment | None = None) -> Path:
    """Write a card that somebody else has worded; a taken or wrong name is refused."""
    path = _free_path(name, environment or read_environment())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _free_path(name: str, environment: Environment) -> Path:
    """Where a card of this name would stand; refused where the name cannot be one, or is somebody's."""
    try:
        StrategyCard(name=name, type="momentum", description="new", symbols={"asset_classes": ("equity",)})  # type: ignore[arg-type]
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
    return home_cards(environment) / f"{name}.yaml"


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
  rule: surface_mixture  # several sets together, by scores that a surface over the parameters smooths
  half_life_sessions: 504  # a score looks at all the past; what is so much older counts half
  mixture: 8  # sets that are used together
  trust: 1.5  # standard errors by which they have to have been better than the default to replace it wholly
  renewed_share: 0.25  # a mixture is left when more of it would be others
  trials: 40  # parameter sets that are compared; a grid of up to 256 is compared whole
  cadence: daily  # how often parameters are chosen anew: daily, weekly or monthly
  window_sessions: 504  # over which drawdowns, activity and the statistics of the search are measured
  fewest_active: 0.1  # sets that earned or lost anything on fewer of the sessions count as the worst; 0 lets them
  # method: auto  # exhaustive, sobol, nsga2 or tpe; auto compares small grids whole, else sobol
  # renewal: quarterly  # how often nsga2 and tpe draw new sets: monthly, quarterly or yearly
  # rule: best_neighbourhood  # one set alone, by its neighbourhood's score over window_sessions; with its own keys:
  # switch_margin: 0.1, neighbours: 6, cost_sessions: 63, holdout_sessions: 63
  # regime_share: 0.5  # part of the score that weighs past sessions by how alike their market regime was
sizing:
  by: type  # how weights are spread: as the type gives them, or tilted by volatility or performance
  volatility_target: 0.10  # a year; leave out for weights as they come
  volatility_window: 60
  # Tighter than the house's limits (limits.strategy_... in portfolio.yaml), which hold where nothing is written:
  # maximum_weight: 0.35  # of the strategy's capital in one symbol
  # maximum_positions: 20
  # maximum_drawdown: 0.10  # on paper, at which it is stopped
  maximum_gross: 1.0
  # crowding_penalty: 0.5  # 0 to 1: weight taken from what moves together with the rest
  # adjust: daily  # scale to the volatility at every close, not at decisions alone
  # stop: 0.15  # leave a holding that closes so far below its highest close since the last decision
honesty:
  when_doubted: report  # or no_new_capital
  # believed_at: 8  # evidence on paper from which on it is believed, and believed_until: 1 when no longer
  # doubted_at: 10  # evidence of loss, and doubted_until: 2
  # promoted_at: 20  # evidence at which a candidate may be given capital; paused_at: 20 of loss, when it is taken back
  # minimum_deflated_sharpe, maximum_overfitting, ...: what its search has to show while it is young
"""


def _on_a_card(domain: Range | Choices, default: Value) -> str:
    told = _in_yaml(default)
    if isinstance(domain, Range):
        return f"{{low: {domain.low}, high: {domain.high}, step: {domain.step}}}  # default {told}"
    if domain.searched:
        return f"[{', '.join(map(_in_yaml, domain.values))}]  # default {told}"
    others = ", ".join(_in_yaml(value) for value in domain.values if value != default)
    return f"{told}  # also where it is left out; or {others}; a list is searched"


def _in_yaml(value: Value) -> str:
    """A value such that YAML reads it back as it is."""
    return yaml.safe_dump(value).splitlines()[0]


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else str(path)
