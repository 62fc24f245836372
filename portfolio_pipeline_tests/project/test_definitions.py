"""The definitions load in every way people start them, and hold what the design says."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import dagster as dg
import pytest

from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.definitions import defs
from portfolio_pipeline.partitions import ONE_RUN, SESSIONS

ROOT = Path(__file__).resolve().parents[2]
STRATEGIES = ("diversified_core", "momentum_equities", "reversion_equities", "trend_bonds", "trend_commodities")
PER_STRATEGY = ("optimized_parameters", "strategy_targets", "strategy_honesty")
ASSETS = {
    *("prices", "features", "regimes", "strategy_weights", "aggregated_targets", "risk"),
    *("orders", "submissions", "fills", "positions", "metrics"),
    *(f"{noun}/{strategy}" for noun in PER_STRATEGY for strategy in STRATEGIES),
}
MARTS = {
    "best_parameters",
    "current_book",
    "data_quality_summary",
    "honesty_by_strategy",
    "orders_and_fills",
    "parameter_changes",
    "parameter_history",
    "parameter_values",
    "pareto_sets",
    "performance_by_strategy",
}
WAYS = {
    "dagster dev": ["-m", "dagster", "definitions", "validate", "-m", "portfolio_pipeline.definitions"],
    "workspace.yaml": ["-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
    "dg": ["-c", "from dagster_dg_cli.cli import main; main()", "list", "defs", "--json"],
}


@cache
def repository() -> dg.RepositoryDefinition:
    return defs().get_repository_def()


@pytest.mark.parametrize("way", WAYS)
def test_the_definitions_load(way: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *WAYS[way]],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "aggregated_targets" in done.stdout or "Validation successful" in done.stdout + done.stderr


def test_the_assets_are_these() -> None:
    assert {key.to_user_string() for key in repository().assets_defs_by_key} == ASSETS | MARTS


def test_every_asset_has_sessions_one_run_owner_group_kinds_description_schema_and_freshness() -> None:
    for key, asset in repository().assets_defs_by_key.items():
        spec = asset.get_asset_spec(key)
        assert asset.partitions_def == SESSIONS, key
        assert asset.backfill_policy == ONE_RUN, key
        assert spec.owners, key
        assert spec.description, key
        assert spec.kinds, key
        assert spec.group_name in {"market_data", "research", "strategies", "portfolio", "execution", "reporting"}, key
        assert spec.metadata["dagster/column_schema"].columns, key
        assert spec.freshness_policy is not None, key


def test_no_asset_depends_on_itself() -> None:
    for key, asset in repository().assets_defs_by_key.items():
        assert key not in {dep.asset_key for dep in asset.get_asset_spec(key).deps}


def test_every_check_is_recorded_per_session() -> None:
    specs = [spec for checks in repository().asset_checks_defs_by_key.values() for spec in checks.check_specs]
    assert [spec.key for spec in specs if spec.partitions_def != SESSIONS] == []


def test_what_is_about_to_be_traded_is_guarded_by_blocking_checks() -> None:
    blocking = {
        spec.asset_key.to_user_string()
        for checks in repository().asset_checks_defs_by_key.values()
        for spec in checks.check_specs
        if spec.blocking
    }
    assert {"aggregated_targets", "orders"} <= blocking


def test_schedule_sensors_and_job_are_there_and_running() -> None:
    found = repository()
    assert [schedule.name for schedule in found.schedule_defs] == ["after_the_close"]
    assert {sensor.name for sensor in found.sensor_defs} >= {"failed_runs", "failed_checks"}
    job = found.get_job("daily")
    assert set(job.asset_layer.executable_asset_keys) == set(found.assets_defs_by_key)


def test_a_backtest_is_a_job_beside_the_chain() -> None:
    job = repository().get_job("backtest")
    assert not job.asset_layer.executable_asset_keys
    assert job.partitions_def is None


def test_every_table_of_a_noun_is_declared() -> None:
    declared = {table.name for table in TABLES}
    assert {name.split("/")[0] for name in ASSETS} - declared == {"risk"}  # risk fills risk_metrics


def test_no_edge_has_an_offset_so_that_a_backfill_of_the_chain_is_one_run() -> None:
    for key, asset in repository().assets_defs_by_key.items():
        assert [dep.asset_key for dep in asset.get_asset_spec(key).deps if dep.partition_mapping is not None] == [], key
