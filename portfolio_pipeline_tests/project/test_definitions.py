"""The definitions load in every way people start them, and hold what the design says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.definitions import defs
from portfolio_pipeline.partitions import ONE_RUN, SESSIONS

ROOT = Path(__file__).resolve().parents[2]
STRATEGIES = ("diversified_core", "momentum_equities", "reversion_equities", "trend_bonds", "trend_commodities")
PER_STRATEGY = ("optimized_parameters", "strategy_targets", "strategy_honesty")
GROUPS = {
    "market": {"prices", "features", "regimes"},
    "portfolio": {"strategy_stages", "strategy_weights", "aggregated_targets", "risk"},
    "execution": {"orders", "submissions", "fills", "positions"},
    "reporting": {"metrics"},
    **{strategy: {f"{strategy}/{noun}" for noun in PER_STRATEGY} for strategy in STRATEGIES},
}
ASSETS = set().union(*GROUPS.values())
# What the user asked for, in the order of a day.
CHAIN = (
    *("prices", "features", "{strategy}/optimized_parameters", "{strategy}/strategy_targets"),
    *("{strategy}/strategy_honesty", "strategy_stages", "strategy_weights"),
    *("aggregated_targets", "risk", "orders", "submissions", "fills", "positions", "metrics"),
)
CHECKS = {
    "prices": {
        *("bars_are_healthy", "no_restatements", "the_past_is_as_it_was", "every_symbol_has_history"),
        *("most_of_the_universe_is_there", "bars_are_consistent", "the_source_can_be_read"),
        "the_session_has_prices",
        "vendors_agree",
    },
    "features": {"features_have_bars", "features_follow_from_prices"},
    "regimes": {"regime_is_stable"},
    "strategy_stages": {"cards_are_as_the_rule_says"},
    "strategy_weights": {"shares_within_limits", "states_follow_from_paper"},
    "aggregated_targets": {
        *("targets_within_limits", "targets_obey_the_states", "targets_cover_the_universe"),
        "targets_come_from_strategies",
    },
    "risk": {"figures_within_limits", "components_add_up", "correlations_are_as_they_were"},
    "orders": {
        *("orders_within_limits", "nothing_is_open_with_the_broker"),
        "planned_with_what_the_session_before_was",
    },
    "submissions": {"every_order_was_sent", "refused_orders_were_not_sent"},
    "fills": {"fills_have_orders", "fills_add_up_to_orders", "orders_are_not_overfilled"},
    "positions": {"books_add_up_to_account", "positions_tie_to_broker", "trades_explain_the_books"},
    "metrics": {"account_is_what_its_returns_say"},
    **{f"{strategy}/optimized_parameters": {"parameters_in_range"} for strategy in STRATEGIES},
    **{f"{strategy}/strategy_targets": {"targets_within_strategy_limits"} for strategy in STRATEGIES},
    **{f"{strategy}/strategy_honesty": {"results_are_believed"} for strategy in STRATEGIES},
}
BLOCKING = {
    *("most_of_the_universe_is_there", "parameters_in_range", "targets_within_strategy_limits"),
    *("shares_within_limits", "targets_within_limits", "targets_cover_the_universe"),
    *("states_follow_from_paper", "targets_obey_the_states"),
    *("orders_within_limits", "books_add_up_to_account"),
}
MARTS = {
    "account_risk",
    "adverse_excursions",
    "best_parameters",
    "best_set_per_regime",
    "current_book",
    "data_quality_summary",
    "execution_costs",
    "execution_costs_by_session",
    "execution_costs_by_strategy",
    "execution_costs_by_symbol",
    "gap_by_strategy",
    "honesty_by_strategy",
    "orders_and_fills",
    "parameter_changes",
    "parameter_history",
    "parameter_values",
    "pareto_sets",
    "performance_by_strategy",
    "share_changes",
    "stage_changes",
    "round_trips",
    "trade_statistics",
    "value_at_risk_tests",
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


def test_every_asset_but_views_has_sessions_and_all_have_one_run_owner_group_kinds_description_and_schema() -> None:
    for key, asset in repository().assets_defs_by_key.items():
        spec = asset.get_asset_spec(key)
        assert asset.partitions_def == (None if key.to_user_string() in MARTS else SESSIONS), key
        assert asset.backfill_policy == ONE_RUN, key
        assert spec.owners, key
        assert spec.description, key
        assert spec.kinds, key
        assert spec.group_name, key
        assert spec.metadata["dagster/column_schema"].columns, key


def test_the_daily_job_asks_every_check_but_whether_it_came_in_time() -> None:
    names = {node.name for node in repository().get_job("daily").nodes}
    assert "metrics" in names
    assert "metrics_newest_session_is_there" not in names
    assert "newest_session_is_there" in {key.name for key in repository().asset_graph.asset_check_keys}


def test_no_asset_depends_on_itself() -> None:
    for key, asset in repository().assets_defs_by_key.items():
        assert key not in {dep.asset_key for dep in asset.get_asset_spec(key).deps}


def test_each_strategy_is_a_group_beside_market_portfolio_execution_and_reporting() -> None:
    found: dict[str, set[str]] = {}
    for key, asset in repository().assets_defs_by_key.items():
        found.setdefault(str(asset.get_asset_spec(key).group_name), set()).add(key.to_user_string())
    assert found == {**GROUPS, "reporting": GROUPS["reporting"] | MARTS}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_chain_of_a_day_is_a_path_in_the_graph(strategy: str) -> None:
    graph = repository().asset_graph
    path = [dg.AssetKey.from_user_string(noun.format(strategy=strategy)) for noun in CHAIN]
    broken = [
        f"{after.to_user_string()} does not follow {before.to_user_string()}"
        for before, after in pairwise(path)
        if before not in graph.get_ancestor_asset_keys(after)
    ]
    assert broken == []


def check_specs() -> list[dg.AssetCheckSpec]:
    return [spec for asset in repository().assets_defs_by_key.values() for spec in asset.check_specs]


def test_the_checks_are_these() -> None:
    found: dict[str, set[str]] = {}
    for spec in check_specs():
        found.setdefault(spec.asset_key.to_user_string(), set()).add(spec.name)
    promised = {"grain_is_unique", "nothing_is_missing", "values_are_in_range"}
    assert {asset: checks for asset, checks in found.items() if asset not in MARTS} == CHECKS
    assert all("grain_is_unique" in found[mart] <= promised for mart in MARTS)


def test_every_check_is_asked_in_the_step_of_its_asset_recorded_per_session_unless_of_a_view_and_explained() -> None:
    of_steps = {spec.key for spec in check_specs()}
    assert {key.name for key in repository().asset_checks_defs_by_key.keys() - of_steps} == {"newest_session_is_there"}
    for spec in check_specs():
        assert spec.partitions_def == (None if spec.asset_key.to_user_string() in MARTS else SESSIONS), spec.key
        assert spec.description, spec.key


def test_what_is_about_to_be_traded_is_guarded_by_blocking_checks() -> None:
    assert {spec.name for spec in check_specs() if spec.blocking} == BLOCKING


def test_schedule_sensors_and_job_are_there_and_running() -> None:
    found = repository()
    assert [schedule.name for schedule in found.schedule_defs] == ["after_the_close"]
    assert {sensor.name for sensor in found.sensor_defs} >= {
        "failed_runs",
        "failed_checks",
        "killed_runs",
        "late_sessions",
        "changed_risk_states",
        "said_by_hand",
        "intraday_marks",
        "interrupted_days",
    }
    job = found.get_job("daily")
    assert set(job.asset_layer.executable_asset_keys) == set(found.assets_defs_by_key)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "backtest",
            "search",
            "sensitivity",
            "settings",
            "what_if",
            "construct_positions",
            "allocate_by_hand",
            "costs",
        ),
        *("order_by_hand", "cancel_by_hand", "approve_orders"),
    ],
)
def test_a_question_is_a_job_beside_the_chain(name: str) -> None:
    job = repository().get_job(name)
    assert not job.asset_layer.executable_asset_keys
    assert job.partitions_def is None


def test_every_table_of_a_noun_is_declared() -> None:
    declared = {table.name for table in TABLES}
    assert {name.split("/")[-1] for name in ASSETS} - declared == {"risk"}  # risk fills risk_metrics and risk_breaches


def test_no_edge_has_an_offset_so_that_a_backfill_of_the_chain_is_one_run() -> None:
    for key, asset in repository().assets_defs_by_key.items():
        assert [dep.asset_key for dep in asset.get_asset_spec(key).deps if dep.partition_mapping is not None] == [], key


def dagsters_own_sessions() -> dg.TimeWindowPartitionsDefinition:
    return dg.TimeWindowPartitionsDefinition(
        start=SESSIONS.start.strftime("%Y-%m-%d"),
        fmt=SESSIONS.fmt,
        cron_schedule=SESSIONS.cron_schedule,
        timezone=SESSIONS.timezone,
        end_offset=SESSIONS.end_offset,
        exclusions=SESSIONS.exclusions,
    )


def test_the_sessions_that_there_are_to_dagster_are_remembered_until_one_more_has_closed() -> None:
    found = []
    for now in (datetime(2024, 7, 3, 18, tzinfo=UTC), datetime(2024, 7, 3, 21, tzinfo=UTC)):
        with dg.partition_loading_context(now):
            SESSIONS.get_partition_keys().clear()  # type: ignore[attr-defined]  # what was handed out is not what is kept
            found.append(SESSIONS.get_partition_keys())
            assert found[-1] == dagsters_own_sessions().get_partition_keys()
    assert [keys[-1] for keys in found] == ["2024-07-02", "2024-07-03"]


def test_a_range_of_sessions_is_to_dagster_what_its_own_definition_makes_of_it() -> None:
    """Worked out once a process, and the same; what is written down of it anybody's Dagster can read."""
    keys = dg.PartitionKeyRange("2023-11-20", "2024-01-05")
    own = dagsters_own_sessions()
    told: Callable[[object], str] = dg.serialize_value  # type: ignore[assignment]
    expected = own.empty_subset().with_partition_key_range(own, keys)
    for _ in range(2):
        found = SESSIONS.empty_subset().with_partition_key_range(SESSIONS, keys)
        assert list(found.get_partition_keys()) == list(expected.get_partition_keys())
        assert told(found) == told(expected)
    grown = found.with_partition_key_range(SESSIONS, dg.PartitionKeyRange("2024-01-08", "2024-01-10"))
    assert len(grown) == len(found) + 3
    assert told(SESSIONS.empty_subset()) == told(own.empty_subset())
