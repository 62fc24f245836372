"""What `portfolio settings` says: every value once, where each comes from, and what is odd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS, read_environment
from portfolio_pipeline.adapters.settings_in_force import InForce, in_force
from portfolio_pipeline.cli.commands import portfolio
from portfolio_pipeline.core.effective.values import Effective
from portfolio_pipeline.core.risk.presets import PRESETS, TABLE, figures
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.defs.reporting.settings import settings as settings_job
from portfolio_pipeline.reports.settings_page import markdown_page

SHIPPED: dict[str, Any] = yaml.safe_load(SHIPPED_SETTINGS.read_text(encoding="utf-8"))
BARE = {name: SHIPPED[name] for name in ("benchmark", "universe")}
CARD = """\
name: mine
type: momentum
description: mine
symbols: {only: [SPY, QQQ]}
stage: candidate
sizing: {maximum_weight: 0.04}
"""


def home(folder: Path, **written: Any) -> InForce:
    folder.mkdir(exist_ok=True)
    (folder / "portfolio.yaml").write_text(yaml.safe_dump({**BARE, **written}), encoding="utf-8")
    (folder / "strategies").mkdir(exist_ok=True)
    (folder / "strategies" / "mine.yaml").write_text(CARD, encoding="utf-8")
    variables = {"DAGSTER_HOME": str(folder), "OPTIMIZATION_WORKERS": "1", "DATABASE_URL": "postgresql://me:secret@h/d"}
    return in_force(read_environment(variables), variables)


def by_key(found: InForce) -> dict[str, Effective]:
    values = {value.key: value for value in found.values}
    assert len(values) == len(found.values)
    return values


def test_each_value_says_whether_file_preset_default_card_or_environment_gave_it(tmp_path: Path) -> None:
    found = by_key(home(tmp_path, limits={"symbol": 0.11, "top_five": None}, costs={"commission_bps": 0.5}))
    told = {
        key: (found[key].value, found[key].origin, found[key].otherwise, found[key].changed)
        for key in (
            *("limits.symbol", "limits.sector", "limits.top_five", "limits.net", "costs.commission_bps", "preset"),
            *("mine.sizing.maximum_weight", "mine.sizing.maximum_drawdown", "mine.rebalance", "mine.stage"),
            *("trend_bonds.sizing.maximum_weight", "OPTIMIZATION_WORKERS", "TRADING_MODE", "DATABASE_URL"),
        )
    }
    workers = told.pop("OPTIMIZATION_WORKERS")
    assert told == {
        "limits.symbol": (0.11, "file", 0.10, True),
        "limits.sector": (0.35, "preset", 0.35, False),
        "limits.top_five": (None, "file", 0.40, True),
        "limits.net": (1.0, "preset", 1.0, False),
        "costs.commission_bps": (0.5, "file", 0.5, False),
        "preset": ("moderate", "default", "moderate", False),
        "mine.sizing.maximum_weight": (0.04, "card", 0.35, True),
        "mine.sizing.maximum_drawdown": (0.10, "preset", 0.10, False),
        "mine.rebalance": ("weekly", "default", "weekly", False),
        "mine.stage": ("candidate", "card", "active", True),
        # 0.40 on the shipped card, more than the house allows: the house's figure is in force.
        "trend_bonds.sizing.maximum_weight": (0.35, "preset", 0.35, False),
        "TRADING_MODE": ("SIMULATED", "default", "SIMULATED", False),
        "DATABASE_URL": ("postgresql", "environment", "duckdb", True),
    }
    assert workers[:2] == (1, "environment")
    assert "secret" not in str(found)


@pytest.mark.parametrize("preset", PRESETS)
def test_with_nothing_written_every_cell_of_the_preset_is_in_force_and_nothing_has_changed(
    tmp_path: Path, preset: Any
) -> None:
    values = by_key(home(tmp_path, preset=preset))
    assert {key: values[key].value for key in TABLE} == figures(preset)
    assert {values[key].origin for key in TABLE} == {"preset"}
    of_settings = {key: one for key, one in values.items() if key.split(".")[0] in Settings.model_fields}
    assert [key for key, one in of_settings.items() if one.changed] == []


def test_every_key_that_may_be_written_is_told(tmp_path: Path) -> None:
    sections = {value.key.split(".")[0] for value in home(tmp_path).values}
    assert set(Settings.model_fields) <= sections
    assert {"mine", "trend_bonds"} <= sections


def test_units_come_with_the_values(tmp_path: Path) -> None:
    found = by_key(home(tmp_path))
    assert {
        key: found[key].unit
        for key in (
            *("limits.symbol", "limits.volatility", "limits.strategy_positions", "limits.order_notional"),
            *("allocation.minimum", "allocation.volatility_target", "allocation.window_sessions"),
            *("costs.half_spread_bps", "simulated_broker.initial_cash", "mine.sizing.maximum_weight", "promotion"),
        )
    } == {
        "limits.symbol": "fraction of equity",
        "limits.volatility": "volatility",
        "limits.strategy_positions": "count",
        "limits.order_notional": "currency",
        "allocation.minimum": "fraction",
        "allocation.volatility_target": "fraction a year",
        "allocation.window_sessions": "sessions",
        "costs.half_spread_bps": "hundredths of a percent",
        "simulated_broker.initial_cash": "currency",
        "mine.sizing.maximum_weight": "fraction",
        "promotion": "",
    }


@pytest.mark.parametrize(
    ("written", "entry", "told"),
    [
        ({"limits": {"sector": None}}, "limits.sector", "switched off"),
        ({"limits": {"top_five": 0.6}}, "limits.top_five", "0.6 is more than 5 x limits.symbol, 0.1: it is never"),
        ({"limits": {"symbol": 0.5, "sector": 0.6}}, "limits.symbol", "0.5 is above limits.top_five, 0.4"),
        ({"limits": {"strategy_drawdown": 0.2}}, "limits.strategy_drawdown", "0.2 is above limits.drawdown, 0.15"),
        ({"limits": {"correlation_alert": 0.9}}, "limits.correlation_alert", "the alert comes after"),
        ({"limits": {"symbol": 0.01}}, "limits.symbol", "31 of at most 0.01: 69% stays in cash"),
        ({"allocation": {"volatility_target": 0.3}}, "allocation.volatility_target", "above limits.volatility, 0.25"),
        ({"allocation": {"maximum": 0.1}}, "allocation.maximum", "of 5 active strategies add up to 0.5"),
        (
            {"allocation": {"method": "static", "static": {"trend_bonds": 0.3, "momentum_equities": 0}}},
            *("allocation.static", "does not name diversified_core, "),
        ),
        ({"costs": {"commission_bps": 0, "half_spread_bps": 0, "slippage_bps": 0}}, "costs", "costs nothing"),
        ({"preset": "conservative"}, "trend_bonds.sizing.maximum_weight", "7 symbols of at most 0.05: 65% of its"),
        ({"preset": "conservative"}, "trend_commodities.sizing.stop", "0.12 is wider than limits.position_stop, 0.08"),
    ],
)
def test_what_is_odd_though_allowed_is_told_with_its_figures(
    tmp_path: Path, written: dict[str, Any], entry: str, told: str
) -> None:
    found = {one.entry: one.told for one in home(tmp_path, **written).oddities}
    assert told in found[entry]


def test_nothing_is_odd_about_the_shipped_settings(tmp_path: Path) -> None:
    assert in_force(read_environment({"DAGSTER_HOME": str(tmp_path)}), {}).oddities == ()


def test_the_command_says_the_same_in_a_table_and_as_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home(tmp_path, limits={"symbol": 0.11, "sector": None})
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    said = CliRunner().invoke(portfolio, ["settings", "--changed"], catch_exceptions=False).output
    rows = {line.split()[0]: line.split() for line in said.splitlines() if line and line[0] != " "}
    assert rows["limits.symbol"] == ["limits.symbol", "0.11", "fraction", "of", "equity", "file", "0.1"]
    assert "limits.gross" not in rows
    assert "Odd: limits.sector is switched off: nothing is limited" in said
    columns = [line.index("file") for line in said.splitlines() if " file" in line]
    assert len(set(columns)) == 1
    written = CliRunner().invoke(portfolio, ["settings", "--json"], catch_exceptions=False).output
    document = json.loads(written)
    assert (document["document"], document["error"], document["preset"]) == ("settings", None, "moderate")
    (symbol,) = [one for one in document["values"] if one["key"] == "limits.symbol"]
    assert symbol == {
        "key": "limits.symbol",
        "value": 0.11,
        "unit": "fraction of equity",
        "origin": "file",
        "otherwise": 0.1,
        "changed": True,
    }
    assert "limits.gross" in {one["key"] for one in document["values"]}


def test_the_job_of_the_web_ui_shows_the_same_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home(tmp_path, limits={"symbol": 0.11})
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    done = settings_job.execute_in_process(instance=dg.DagsterInstance.ephemeral())
    assert done.success
    (event,) = [one for one in done.all_events if one.is_successful_output]
    page = event.step_output_data.metadata["settings"].value
    assert page == markdown_page(in_force(), changed=False)
    assert "| limits.symbol | 0.11 | fraction of equity | file | 0.1 |" in page
