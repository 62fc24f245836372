"""A home of an earlier version keeps what it knows of its assets, under the keys of today."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from portfolio_pipeline.cli import web_ui
from portfolio_pipeline.dagster_home.carry_over import carry_over_keys
from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home
from portfolio_pipeline.partitions import ONE_RUN, SESSIONS
from portfolio_pipeline.web_ui.guard import Door

OLD, NEW = dg.AssetKey(["strategy_targets", "trend_bonds"]), dg.AssetKey(["trend_bonds", "strategy_targets"])
WEEK = {"dagster/asset_partition_range_start": "2024-01-02", "dagster/asset_partition_range_end": "2024-01-05"}


@dg.asset(key=OLD, partitions_def=SESSIONS, backfill_policy=ONE_RUN, check_specs=[dg.AssetCheckSpec("fine", asset=OLD)])
def before() -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the annotation, and knows it bare
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="fine")])


@dg.asset(partitions_def=SESSIONS, backfill_policy=ONE_RUN)
def prices() -> dg.MaterializeResult:  # type: ignore[type-arg]  # as above
    return dg.MaterializeResult()


@pytest.fixture(params=["sqlite", "postgres"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    postgres = request.param == "postgres"
    if postgres:
        monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres_url"))
    prepare_dagster_home(tmp_path, postgres=postgres)
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        dg.materialize([before, prices], instance=opened, tags=WEEK)
        yield opened


def test_sessions_checks_and_the_newest_materialisation_are_found_under_the_new_key(
    instance: dg.DagsterInstance,
) -> None:
    stored = instance.get_materialized_partitions(OLD)
    assert len(stored) == 4

    assert carry_over_keys(instance) == 1

    assert instance.get_materialized_partitions(NEW) == stored
    latest = instance.get_latest_materialization_event(NEW)
    assert latest is not None
    assert latest.asset_materialization is not None
    assert latest.asset_materialization.asset_key == NEW
    history = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(NEW, "fine"), limit=5)
    assert [record.status.value for record in history] == ["SUCCEEDED"]


def test_nothing_is_left_under_the_old_key_and_other_assets_stay(instance: dg.DagsterInstance) -> None:
    carry_over_keys(instance)

    assert set(instance.all_asset_keys()) == {NEW, dg.AssetKey("prices")}
    assert not instance.get_materialized_partitions(OLD)
    assert len(instance.get_materialized_partitions(dg.AssetKey("prices"))) == 4


def test_a_second_time_there_is_nothing_to_do(instance: dg.DagsterInstance) -> None:
    carry_over_keys(instance)

    assert carry_over_keys(instance) == 0
    assert len(instance.get_materialized_partitions(NEW)) == 4


def test_the_web_ui_shows_it_though_nothing_was_left_to_run(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AboutToStartError(Exception):
        pass

    def starts(*_: object, **__: object) -> None:
        raise AboutToStartError

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(subprocess, "Popen", starts)
    with pytest.raises(AboutToStartError):
        web_ui.serve(tmp_path, Door("127.0.0.1", 3000), claimed=0)

    assert len(instance.get_materialized_partitions(NEW)) == 4
