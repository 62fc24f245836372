"""The presets: every figure of the table arrives where it is used, what is written wins, and slips are refused."""

from __future__ import annotations

from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
import yaml

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.possible import require_possible
from portfolio_pipeline.core.risk.presets import PRESETS, TABLE, figures
from portfolio_pipeline.core.settings import Settings, load_settings

BOOK: dict[str, Any] = {
    "benchmark": "AAA",
    "universe": [{"symbol": "AAA", "asset_class": "equity", "group": "g", "name": "A"}],
}
# As the requirements have it: percents, and a column for each preset.
REQUIRED = """
limits.gross                  1.0   2.0   2.0   1.5
limits.drawdown               10%   15%   25%   12%
limits.strategy_drawdown      7%    10%   18%   8%
allocation.volatility_target  10%   20%   28%   12%
limits.volatility             12%   25%   35%   15%
limits.symbol                 7%    10%   20%   5%
limits.top_five               30%   40%   60%   30%
limits.strategy_symbol        5%    35%   50%   10%
limits.strategy_gross         1.0   1.5   2.0   1.0
limits.correlation_alert      .60   .70   .80   .65
limits.correlation            .70   .80   .90   .75
limits.diversification        1.3   1.2   1.0   1.3
limits.value_at_risk          1.5%  2.5%  4%    1.5%
limits.position_stop          8%    12%   20%   10%
allocation.minimum            5%    5%    10%   5%
allocation.maximum            25%   30%   50%   25%
limits.strategy_positions     20    30    50    40
limits.sector                 25%   35%   50%   25%
responses.recovery            3%    5%    8%    4%
"""
# What the requirements leave open: it tells the presets apart where nothing is borrowed.
OWN = """
limits.net                      60%   100%  100%  80%
limits.asset_class.equity       40%   70%   100%  50%
limits.asset_class.bond         60%   70%   100%  60%
limits.asset_class.commodity    15%   35%   50%   20%
limits.asset_class.real_estate  10%   25%   40%   15%
allocation.method               inverse_volatility inverse_volatility equal inverse_volatility
"""


def read(cell: str) -> float | str:
    return cell if "_" in cell or cell.isalpha() else float(cell.rstrip("%")) / (100 if "%" in cell else 1)


CELLS = [
    (key, preset, read(cell))
    for key, *cells in map(str.split, [*REQUIRED.strip().splitlines(), *OWN.strip().splitlines()])
    for preset, cell in zip(("conservative", "moderate", "aggressive", "institutional"), cells, strict=True)
]


def value(settings: Settings, key: str) -> Any:
    section, *path = key.split(".")
    return reduce(getitem, path, getattr(settings, section).model_dump())


def test_the_table_has_every_row_that_is_required_and_no_other() -> None:
    assert set(TABLE) == {key for key, _, _ in CELLS}


@pytest.mark.parametrize(("key", "preset", "expected"), CELLS)
def test_a_cell_is_what_the_settings_say_when_nothing_is_written(key: str, preset: str, expected: float | str) -> None:
    assert value(Settings.model_validate({**BOOK, "preset": preset}), key) == pytest.approx(expected)


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_wins_over_the_preset_and_changes_no_other_key(preset: Any) -> None:
    written = {**BOOK, "preset": preset, "limits": {"symbol": 0.11}, "allocation": {"maximum": 0.61}}
    found = Settings.model_validate(written)
    assert (found.limits.value("symbol"), found.allocation.maximum) == (0.11, 0.61)
    others = {key: cell for key, cell in figures(preset).items() if key not in ("limits.symbol", "allocation.maximum")}
    assert {key: value(found, key) for key in others} == others


def test_who_writes_the_limit_of_one_class_writes_those_of_all() -> None:
    own = Settings.model_validate({**BOOK, "preset": "conservative", "limits": {"asset_class": {"equity": 0.9}}})
    assert own.limits.value("asset_class") == {"equity": 0.9}


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_borrows(preset: Any) -> None:
    found = Settings.model_validate({**BOOK, "preset": preset})
    assert (value(found, "limits.net") <= 1.0, value(found, "limits.short")) == (True, 0.0)


def test_moderate_is_meant_where_none_is_named_and_a_limit_may_be_written_away() -> None:
    found = Settings.model_validate({**BOOK, "limits": {"top_five": None}})
    assert (found.preset, found.limits.value("sector"), found.limits.value("top_five")) == ("moderate", 0.35, None)


def test_the_shipped_settings_keep_their_own_figures() -> None:
    shipped, written = load_settings(SHIPPED_SETTINGS), yaml.safe_load(SHIPPED_SETTINGS.read_text(encoding="utf-8"))
    assert written["preset"] == "moderate"
    own = {f"{section}.{name}": said for section in ("limits", "allocation") for name, said in written[section].items()}
    own |= {f"limits.asset_class.{name}": said for name, said in written["limits"]["asset_class"].items()}
    expected = figures("moderate") | {key: said for key, said in own.items() if key in TABLE}
    assert {key: value(shipped, key) for key in TABLE} == expected
    assert expected["limits.gross"] == 1.0
    assert expected["limits.symbol"] == 0.2
    assert expected["allocation.volatility_target"] == 0.1


@pytest.mark.parametrize(
    ("preset", "active", "written", "told"),
    [
        ("aggressive", 11, {}, r"entry=allocation.minimum, found=11 x 0.1 = 1.1 of the active strategies"),
        ("aggressive", 10, {}, None),
        ("moderate", 21, {}, r"found=21 x 0.05 = 1.05"),
        ("moderate", 20, {}, None),
        ("conservative", 3, {"fully_invested": True}, r"entry=allocation.maximum, found=3 x 0.25 = 0.75"),
        ("conservative", 4, {"fully_invested": True}, None),
        ("aggressive", 3, {"maximum": 0.3, "fully_invested": True}, r"found=3 x 0.3 = 0.9"),
    ],
)
def test_shares_of_a_preset_that_so_many_strategies_cannot_have_together_are_refused_with_the_sum(
    preset: str, active: int, written: dict[str, Any], told: str | None
) -> None:
    names = [f"s{place}" for place in range(active)]
    allocation = Settings.model_validate({**BOOK, "preset": preset, "allocation": written}).allocation
    if told is None:
        require_possible(names, names, allocation)
        return
    with pytest.raises(ConfigurationError, match=f"ALLOCATION_IMPOSSIBLE: .*{told}.*its preset says"):
        require_possible(names, names, allocation)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "preset: moderat",
            r"entry=preset, found=moderat, expected=one of conservative, .* \(did you mean moderate\?\)",
        ),
        ("preset: 2", "entry=preset, found=2, expected=one of conservative"),
        ("preset: [moderate]", "entry=preset, found=.*expected=one of conservative"),
        ("limits: {drawdown: 15}", r"entry=limits.drawdown, found=15, expected=0 to 1 .*did you mean 0.15"),
        ("limits: {strategy_drawdown: 10}", "entry=limits.strategy_drawdown, found=10, .*0.10"),
        ("limits: {volatility: 25}", "entry=limits.volatility, found=25, .*0.25"),
        ("limits: {value_at_risk: 2.5}", "entry=limits.value_at_risk, found=2.5, .*0.025"),
        ("limits: {top_five: 40}", "entry=limits.top_five, found=40, .*0.40"),
        ("limits: {sector: 35}", "entry=limits.sector, found=35, .*0.35"),
        ("limits: {strategy_symbol: 35}", "entry=limits.strategy_symbol, found=35, .*0.35"),
        ("limits: {strategy_gross: 150}", "entry=limits.strategy_gross, found=150, .*1.50"),
        ("limits: {strategy_positions: 0}", "entry=limits.strategy_positions, found=0, expected=0 to 500"),
        ("limits: {position_stop: 12}", "entry=limits.position_stop, found=12, .*0.12"),
        ("limits: {correlation: 80}", "entry=limits.correlation, found=80, .*0.80"),
        ("limits: {correlation_alert: 70}", "entry=limits.correlation_alert, found=70, .*0.70"),
        ("limits: {diversification: 120}", "entry=limits.diversification, found=120, expected=0 to 10"),
        ("limits: {sektor: 0.3}", r"entry=limits.sektor, .*did you mean sector\?"),
        ("limits: 3", "entry=limits, found=3, expected=entries of its own"),
        ("allocation: {minimum: 0.35}", "minimum 0.35 is above maximum 0.3"),
    ],
)
def test_a_slip_is_refused_where_it_stands(tmp_path: Path, written: str, told: str) -> None:
    path = tmp_path / "portfolio.yaml"
    path.write_text(f"{yaml.safe_dump(BOOK)}{written}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        load_settings(path)
