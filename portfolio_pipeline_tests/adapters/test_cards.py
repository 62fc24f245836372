"""Cards as files: the ones of the house, new ones, and what a person is told of a wrong one."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

from portfolio_pipeline.adapters.cards import COMPONENT, read_card, write_card
from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.components.strategy import StrategyComponent, load_cards
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.core.strategies.card import Symbols
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

SETTINGS = load_settings(PACKAGE_ROOT / "portfolio.yaml")

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
    maximum_weight: 0.5
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
        ("rebalance: weekly", "stage: inactive", 8, "one of candidate, active (did you mean active?)"),
        ("slow >= 2 * fast", "slow >= 2 * fats", 16, "fats is no parameter (did you mean fast?)"),
        ("slow >= 2 * fast", "slow >= 4 * fast", 16, "slow >= 4 * fast does not hold (slow 210, fast 63) at the"),
        ("slow >= 2 * fast", "slow >= 40 * fast", 16, "leaves no parameter set"),
        ("slow >= 2 * fast", "os.system('true')", 16, "expected a comparison such as"),
        ("slow >= 2 * fast", "3", 16, "Input should be a valid string"),
        ("maximum_weight: 0.5", "maximum_wight: 0.5", 12, "did you mean maximum_weight?"),
        ("maximum_weight: 0.5", "maximum_weight: 5", 12, "less than or equal to 1"),
        ("type: momentum", "type: momentums", 4, "one of momentum, trend, mean_reversion, diversified"),
        ("name: mine", "name: yours", 3, "mine, the name of the card's folder"),
        ("top: 3", "tops: 3", 10, "unknown parameter"),
        ("top: 3", "top: 99", 10, "2 to 8 in steps of 1"),
        ("[SPY, QQQ]", "[SPY, QQQQ]", 7, "did you mean QQQ?"),
        ("only: [SPY, QQQ]", "asset_classes: [crypto]", 7, "equity"),
        ("objective: sharpe", "objective: sharp", 14, "search.objective, found=sharp, expected=one of sharpe, return"),
        ("objective: sharpe", "objective: {sharpe: 0.5, dradown: 1}", 14, "found=dradown, expected=one of sharpe, "),
        (
            "objective: sharpe",
            "objective: {sharpe: 0.5, calmar: 0}",
            14,
            "search.objective.calmar, found=0, expected=I",
        ),
        ("objective: sharpe", "objective: [sharpe, calmer]", 14, "did you mean calmar?"),
        ("objective: sharpe", "objective: [sharpe]", 14, "search.objective, found=['sharpe'], expected=Tuple should"),
        ("objective: sharpe", "holdout_sessions: 3", 14, "0, or 5 sessions or more"),
        ("objective: sharpe", "objective: 3", 14, "search.objective, found=3, expected=one of sharpe"),
        ("objective: sharpe", "objective: {sharpe: .inf}", 14, "search.objective.sharpe, found=inf, expected=Input"),
        ("objective: sharpe", "window_sessions: 1000000000000", 14, "less than or equal to 10000"),
        ("objective: sharpe", "trials: 1000000000", 14, "less than or equal to 20000"),
        ("maximum_weight: 0.5", "volatility_window: 1000000000000", 12, "less than or equal to 10000"),
        ("maximum_weight: 0.5", "maximum_gross: .nan", 12, "finite number"),
        ("rebalance: weekly", "transition_sessions: 1000000000000000000000", 8, "less than or equal to 10000"),
        ("rebalance: weekly", "honesty: {walk_forward_sessions: 100}", 8, "fewest_sessions 126 within walk_forward"),
        ("rebalance: weekly", "owner: ''", 8, "at least 1 character"),
        ("  description: mine\n", "", 2, "Field required"),
        ("name: mine", "name: account", 3, "any name but account and reserve, which are books of the house"),
        ("name: mine", "name: reserve", 3, "any name but account and reserve, which are books of the house"),
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
    path = write_card("my_own", name, tmp_path)
    card = read_card(path, SETTINGS)
    model = STRATEGY_TYPES[name].Parameters
    assert ParameterSpace.of(model, card.parameters).values == ParameterSpace.of(model, {}).values
    assert set(card.parameters) == set(model.model_fields)
    assert card.search.model_dump() == type(card.search)().model_dump()


@pytest.mark.parametrize(
    ("name", "strategy_type", "words"),
    [
        ("taken", "trend", "STRATEGY_EXISTS"),
        ("Mine", "trend", "STRATEGY_NAME_WRONG"),
        ("reserve", "trend", "STRATEGY_NAME_WRONG: found=reserve, .* books of the house"),
        ("mine", "trendy", "STRATEGY_TYPE_UNKNOWN"),
    ],
)
def test_a_new_card_takes_no_name_that_is_taken_or_wrong(
    tmp_path: Path, name: str, strategy_type: str, words: str
) -> None:
    before = write_card("taken", "trend", tmp_path).read_text()
    with pytest.raises(ConfigurationError, match=words):
        write_card(name, strategy_type, tmp_path)
    assert (tmp_path / "taken" / "defs.yaml").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_the_component_takes_every_attribute_a_card_may_have(tmp_path: Path) -> None:
    text = write_card("my_own", "trend", tmp_path).read_text()
    component = StrategyComponent.resolve_from_yaml(yaml.safe_dump(yaml.safe_load(text)["attributes"]))
    assert component.name == "my_own"
    assert set(StrategyComponent.model_fields) == set(type(load_cards()[0]).model_fields)


def test_dagster_names_file_and_line_of_a_misspelt_attribute() -> None:
    with pytest.raises(Exception, match=r"extra|Extra") as refusal:
        StrategyComponent.resolve_from_yaml("name: a_b\ntype: trend\ndescription: x\nsymbols: {}\nrebalnce: weekly\n")
    assert "5" in str(refusal.value)
    assert issubclass(StrategyComponent, dg.Component)
