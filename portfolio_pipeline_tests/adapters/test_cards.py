"""Cards as files: the ones of the house, new ones, and what a person is told of a wrong one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from portfolio_pipeline.adapters.card_files import card_names
from portfolio_pipeline.adapters.cards import COMPONENT, load_cards, read_card, write_card
from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS, Environment, read_environment
from portfolio_pipeline.components.strategy import StrategyComponent
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.core.strategies.card import Symbols
from portfolio_pipeline.core.strategies.parameters import Choices, ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

SETTINGS = load_settings(SHIPPED_SETTINGS)

GOOD = f"""\
type: {COMPONENT}
attributes:
  name: mine
  type: momentum
  description: mine
  symbols:
    only: [SPY, QQQ]
  rebalance: weekly
  parameters:
    top: 3
  sizing:
    maximum_weight: 0.4
  search:
    objective: sharpe
  constraints:
    - slow >= 2 * fast
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine" / "defs.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def home(folder: Path, settings: str = "") -> Environment:
    """A home with settings of its own: the shipped ones and `settings`."""
    if settings:
        (folder / "portfolio.yaml").write_text(
            SHIPPED_SETTINGS.read_text().replace("shipped_strategies: all\n", settings)
        )
    return read_environment({"DAGSTER_HOME": str(folder)})


def own_card(folder: Path, name: str, text: str) -> Path:
    path = folder / "strategies" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


BARE = GOOD.split("attributes:\n")[1].replace("\n  ", "\n").removeprefix("  ")


def test_the_house_has_five_cards_over_four_types_in_the_order_of_their_names() -> None:
    cards = load_cards()
    names = [card.name for card in cards]
    assert names == sorted(names)
    assert names == ["diversified_core", "momentum_equities", "reversion_equities", "trend_bonds", "trend_commodities"]
    assert {card.type for card in cards} == {"momentum", "trend", "mean_reversion", "diversified"} < set(STRATEGY_TYPES)


def test_a_card_is_read_and_its_universe_follows_the_settings(tmp_path: Path) -> None:
    card = read_card(written(tmp_path, GOOD), SETTINGS)
    assert card.universe(SETTINGS) == ("SPY", "QQQ")
    bonds = card.model_copy(update={"symbols": Symbols(asset_classes=("bond",))}).universe(SETTINGS)
    assert bonds == tuple(symbol for symbol in SETTINGS.symbols if SETTINGS.asset_classes[symbol] == "bond")


@pytest.mark.parametrize(
    ("good", "wrong", "line", "words"),
    [
        ("rebalance: weekly", "rebalnce: weekly", 8, "did you mean rebalance?"),
        ("rebalance: weekly", "rebalance: yearly", 8, "one of daily, weekly, monthly"),
        ("rebalance: weekly", "rebalance: weakly", 8, "did you mean weekly?"),
        ("rebalance: weekly", "stage: inactive", 8, "one of candidate, active, paused (did you mean active?)"),
        ("slow >= 2 * fast", "slow >= 2 * fats", 16, "fats is no parameter (did you mean fast?)"),
        ("slow >= 2 * fast", "slow >= 4 * fast", 16, "slow >= 4 * fast does not hold (slow 210, fast 63) at the"),
        ("slow >= 2 * fast", "slow >= 40 * fast", 16, "leaves no parameter set"),
        ("slow >= 2 * fast", "os.system('true')", 16, "expected a comparison such as"),
        ("slow >= 2 * fast", "3", 16, "found=3, expected=a text"),
        ("maximum_weight: 0.4", "maximum_wight: 0.4", 12, "did you mean maximum_weight?"),
        ("maximum_weight: 0.4", "maximum_weight: 5", 12, "found=5, expected=0 to 1 (a fraction: did you mean 0.05?)"),
        ("maximum_weight: 0.4", "maximum_weight: true", 12, "found=true, expected=a number"),
        (
            "maximum_weight: 0.4",
            "maximum_gross: 100",
            12,
            "found=100, expected=0 to 4 (a fraction: did you mean 1.00?)",
        ),
        (
            "maximum_weight: 0.4",
            "volatility_target: 10",
            12,
            "found=10, expected=0 to 2 (a fraction: did you mean 0.10?)",
        ),
        ("maximum_weight: 0.4", "stop: 15", 12, "found=15, expected=0 to 0.99 (a fraction: did you mean 0.15?)"),
        ("maximum_weight: 0.4", "crowding_penalty: '0.5'", 12, "found=the text '0.5', expected=a number"),
        ("objective: sharpe", "switch_margin: 20", 14, "found=20, expected=0 to 10 (a fraction: did you mean 0.20?)"),
        ("objective: sharpe", "trials: true", 14, "found=true, expected=a whole number"),
        ("objective: sharpe", "objective: {sharpe: yes}", 14, "found=true, expected=a number"),
        ("rebalance: weekly", "honesty: {maximum_overfitting: 30}", 8, "did you mean 0.30?"),
        (
            "rebalance: weekly",
            "honesty: {minimum_efficiency: 0.3}",
            8,
            "honesty.minimum_efficiency, found=0.3, why=verdicts no longer ask for it: leave this entry out",
        ),
        (
            "rebalance: weekly",
            "honesty: {believed_at: 30}",
            8,
            "honesty.believed_at, found=30, why=believed_at, 30, is above promoted_at, 20",
        ),
        ("type: momentum", "type: momentums", 4, "one of momentum, trend, mean_reversion, diversified"),
        ("name: mine", "name: yours", 3, "mine, the name of the card's folder"),
        ("top: 3", "tops: 3", 10, "unknown parameter, expected=one of fast, slow, slow_share, top"),
        ("top: 3", "top: 99", 10, "2 to 8 in steps of 1"),
        ("[SPY, QQQ]", "[SPY, QQQQ]", 7, "did you mean QQQ?"),
        ("only: [SPY, QQQ]", "asset_classes: [crypto]", 7, "equity"),
        ("objective: sharpe", "objective: sharp", 14, "search.objective, found=sharp, expected=one of sharpe, return"),
        ("objective: sharpe", "objective: {sharpe: 0.5, dradown: 1}", 14, "found=dradown, expected=one of sharpe, "),
        (
            "objective: sharpe",
            "objective: {sharpe: 0.5, calmar: 0}",
            14,
            "search.objective.calmar, found=0, expected=more than 0",
        ),
        ("objective: sharpe", "objective: [sharpe, calmer]", 14, "did you mean calmar?"),
        (
            "objective: sharpe",
            "objective: [sharpe]",
            14,
            "search.objective, found=['sharpe'], expected=2 or more of them",
        ),
        ("objective: sharpe", "holdout_sessions: 3", 14, "0, or 5 sessions or more"),
        ("objective: sharpe", "objective: 3", 14, "search.objective, found=3, expected=one of sharpe"),
        ("objective: sharpe", "objective: {sharpe: .inf}", 14, "search.objective.sharpe, found=inf, expected=a number"),
        ("objective: sharpe", "window_sessions: 1000000000000", 14, "expected=10,000 or less"),
        ("objective: sharpe", "trials: 1000000000", 14, "expected=20,000 or less"),
        ("maximum_weight: 0.4", "volatility_window: 1000000000000", 12, "expected=10,000 or less"),
        ("maximum_weight: 0.4", "maximum_gross: .nan", 12, "found=nan, expected=a number that is finite"),
        ("rebalance: weekly", "transition_sessions: 1000000000000000000000", 8, "expected=10,000 or less"),
        (
            "rebalance: weekly",
            "honesty: {walk_forward_sessions: 100}",
            8,
            "found=100, why=fewest_sessions, 126, is more than walk_forward_sessions",
        ),
        ("rebalance: weekly", "owner: ''", 8, "found=nothing, expected=a text that is not empty"),
        ("  description: mine\n", "", 2, "entry=description, found=nothing, expected=an entry of this name"),
        ("name: mine", "name: account", 3, "any name but account, reserve and unclaimed, which are books of the house"),
        ("name: mine", "name: reserve", 3, "any name but account, reserve and unclaimed, which are books of the house"),
    ],
)
def test_a_wrong_card_is_refused_with_file_line_and_what_was_expected(
    tmp_path: Path, good: str, wrong: str, line: int, words: str
) -> None:
    path = written(tmp_path, GOOD.replace(good, wrong))
    with pytest.raises(ConfigurationError, match="CARD_WRONG") as refusal:
        read_card(path, SETTINGS)
    assert f"{path}:{line}," in str(refusal.value)
    assert words in str(refusal.value)


@pytest.mark.parametrize("text", ["", "type: x\n", "attributes: 3\n", "- 1\n"])
def test_a_file_that_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"CARD_WRONG.*attributes"):
        read_card(written(tmp_path, text), SETTINGS)


def test_a_card_that_is_no_yaml_is_refused_with_the_line_where_reading_stopped(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"CARD_NOT_YAML: found=.*defs\.yaml:8"):
        read_card(written(tmp_path, GOOD.replace("[SPY, QQQ]", "[SPY, QQQ")), SETTINGS)


@pytest.mark.parametrize("name", sorted(STRATEGY_TYPES))
def test_a_new_card_loads_and_names_every_parameter_with_its_range(tmp_path: Path, name: str) -> None:
    path = write_card("my_own", name, home(tmp_path))
    card = read_card(path, SETTINGS)
    model = STRATEGY_TYPES[name].Parameters
    assert ParameterSpace.of(model, card.parameters).values == ParameterSpace.of(model, {}).values
    assert set(card.parameters) == set(model.model_fields)
    lines = path.read_text(encoding="utf-8").splitlines()
    for parameter, domain in model.domains().items():
        line = next(line for line in lines if line.startswith(f"  {parameter}: "))
        named = domain.values if isinstance(domain, Choices) else (domain.low, domain.high, domain.step)
        assert all(str(value).lower() in line for value in named), line
    assert card.search.model_dump() == type(card.search)().model_dump()


@pytest.mark.parametrize(
    ("name", "strategy_type", "words"),
    [
        ("taken", "trend", "STRATEGY_EXISTS"),
        ("trend_bonds", "trend", "STRATEGY_EXISTS"),
        ("Mine", "trend", "STRATEGY_NAME_WRONG"),
        ("reserve", "trend", "STRATEGY_NAME_WRONG: found=reserve, .* books of the house"),
        ("mine", "trendy", "STRATEGY_TYPE_UNKNOWN"),
    ],
)
def test_a_new_card_takes_no_name_that_is_taken_or_wrong(
    tmp_path: Path, name: str, strategy_type: str, words: str
) -> None:
    path = write_card("taken", "trend", home(tmp_path))
    before = path.read_text()
    with pytest.raises(ConfigurationError, match=words):
        write_card(name, strategy_type, home(tmp_path))
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_component_takes_every_attribute_a_card_may_have(tmp_path: Path) -> None:
    component = StrategyComponent.resolve_from_yaml(write_card("my_own", "trend", home(tmp_path)).read_text())
    assert component.name == "my_own"
    assert set(StrategyComponent.model_fields) == set(type(load_cards()[0]).model_fields)


def test_dagster_names_file_and_line_of_a_misspelt_attribute() -> None:
    with pytest.raises(Exception, match=r"extra|Extra") as refusal:
        StrategyComponent.resolve_from_yaml("name: a_b\ntype: trend\ndescription: x\nsymbols: {}\nrebalnce: weekly\n")
    assert "5" in str(refusal.value)
    assert issubclass(StrategyComponent, dg.Component)


def test_a_card_of_the_home_stands_beside_the_shipped_ones_in_the_order_of_the_names(tmp_path: Path) -> None:
    own_card(tmp_path, "mine", BARE)
    names = [card.name for card in load_cards(home(tmp_path))]
    assert names == sorted(names)
    assert set(names) == {card.name for card in load_cards()} | {"mine"}
    assert card_names(home(tmp_path)) == tuple(names)


def test_a_wrong_card_of_the_home_is_refused_as_a_shipped_one_is(tmp_path: Path) -> None:
    path = own_card(tmp_path, "mine", BARE.replace("weekly", "weakly"))
    with pytest.raises(ConfigurationError, match="CARD_WRONG") as refusal:
        load_cards(home(tmp_path))
    assert f"{path}:6, entry=rebalance" in str(refusal.value)
    assert "did you mean weekly?" in str(refusal.value)


@pytest.mark.parametrize("text", ["", "- 1\n", "3\n"])
def test_a_file_of_the_home_that_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    own_card(tmp_path, "mine", text)
    with pytest.raises(ConfigurationError, match=r"CARD_WRONG.*attributes"):
        load_cards(home(tmp_path))


def test_a_card_of_the_home_carries_the_name_of_its_file(tmp_path: Path) -> None:
    own_card(tmp_path, "yours", BARE)
    with pytest.raises(ConfigurationError, match=r"found=mine, expected=yours, the name of the card's file"):
        load_cards(home(tmp_path))


def test_a_card_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    path = own_card(tmp_path, "mine", BARE)
    before = load_cards(home(tmp_path))
    assert all(card is again for card, again in zip(before, load_cards(home(tmp_path)), strict=True))
    path.write_text(BARE.replace("description: mine", "description: changed"))
    os.utime(path, ns=(1, 1))
    assert "changed" in {card.description for card in load_cards(home(tmp_path))}


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("all", ("diversified_core", "momentum_equities", "reversion_equities", "trend_bonds", "trend_commodities")),
        ("none", ()),
        ("[trend_bonds, diversified_core]", ("diversified_core", "trend_bonds")),
    ],
)
def test_the_settings_say_which_shipped_cards_are_there(tmp_path: Path, setting: str, names: tuple[str, ...]) -> None:
    assert card_names(home(tmp_path, f"shipped_strategies: {setting}\n")) == names


def test_a_shipped_card_that_there_is_not_cannot_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"shipped_strategies: trend_bond, .*did you mean trend_bonds\?"):
        card_names(home(tmp_path, "shipped_strategies: [trend_bond]\n"))


def test_a_name_stands_for_one_card_unless_the_shipped_one_is_left_out(tmp_path: Path) -> None:
    own_card(tmp_path, "trend_bonds", BARE.replace("name: mine", "name: trend_bonds"))
    with pytest.raises(ConfigurationError, match=r"STRATEGY_NAME_TAKEN: .*shipped_strategies"):
        load_cards(home(tmp_path))
    cards = load_cards(home(tmp_path, "shipped_strategies: [trend_commodities]\n"))
    assert [(card.name, card.type) for card in cards] == [("trend_bonds", "momentum"), ("trend_commodities", "trend")]


def test_the_names_alone_do_not_import_what_strategies_compute_with() -> None:
    code = "import sys, portfolio_pipeline.adapters.card_files as c; c.card_names(); print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("sizing", "told"),
    [
        (
            "maximum_weight: 0.45",
            "entry=sizing.maximum_weight, found=0.45, .* limits.strategy_symbol, 0.4:",
        ),
        ("maximum_gross: 1.6", "entry=sizing.maximum_gross, found=1.6, expected=at most limits.strategy_gross, 1.5:"),
        ("maximum_positions: 41", "entry=sizing.maximum_positions, found=41, .* limits.strategy_positions, 40:"),
        ("maximum_drawdown: 0.11", "entry=sizing.maximum_drawdown, found=0.11, .* limits.strategy_drawdown, 0.1:"),
        ("volatility_target: 0.3", "entry=sizing.volatility_target, found=0.3, .* limits.volatility, 0.25:"),
        ("maximum_drawdown: 8", r"entry=sizing.maximum_drawdown, found=8, .*did you mean 0.08\?"),
        ("maximum_positions: 2.5", "entry=sizing.maximum_positions, found=2.5, expected=a whole number"),
    ],
)
def test_a_card_of_the_home_that_is_looser_than_the_house_is_refused_with_both_figures(
    tmp_path: Path, sizing: str, told: str
) -> None:
    text = "\n".join(line.removeprefix("  ") for line in GOOD.splitlines()[2:])
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("maximum_weight: 0.4", sizing) + "\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        read_card(path, SETTINGS)


@pytest.mark.parametrize("preset", ["conservative", "aggressive", "institutional"])
def test_the_shipped_cards_serve_under_every_preset_within_its_limits(tmp_path: Path, preset: str) -> None:
    settings = yaml.safe_load(SHIPPED_SETTINGS.read_text(encoding="utf-8"))
    del settings["limits"]["strategy_symbol"], settings["allocation"]["minimum"], settings["allocation"]["maximum"]
    (tmp_path / "portfolio.yaml").write_text(yaml.safe_dump({**settings, "preset": preset}), encoding="utf-8")
    environment = read_environment({"DAGSTER_HOME": str(tmp_path)})
    limit = load_settings(environment.portfolio_config).limits.value("strategy_symbol")
    assert isinstance(limit, float)
    found = {card.name: card.sizing.maximum_weight for card in load_cards(environment)}
    assert max(found.values()) <= limit
    assert found["reversion_equities"] == min(0.25, limit)
