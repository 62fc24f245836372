"""Old logs of runs are forgotten; what the web UI shows as the state of each session stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import update

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import session_check
from portfolio_pipeline.core.tables import PRICES
from portfolio_pipeline.dagster_home.prepare import prepare_dagster_home
from portfolio_pipeline.dagster_home.private.storages import (
    AssetCheckExecutionsTable,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
)
from portfolio_pipeline.dagster_home.retention import LOGS_KEPT, forget_old_logs
from portfolio_pipeline_tests.fakes.clock import FixedClock

FIRST, SECOND = "2024-01-02", "2024-01-03"


@session_check()
def bars_look_healthy() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@session_asset(table=PRICES, group="market", checks=(bars_look_healthy,))
def prices() -> Stored:
    return Stored(7)


CHECK = dg.AssetCheckKey(prices.key, "bars_look_healthy")


@pytest.fixture(params=["sqlite", "postgres"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    if request.param == "postgres":
        monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres_url"))
    prepare_dagster_home(tmp_path, postgres=request.param == "postgres")
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def job(tmp_path: Path) -> dg.JobDefinition:
    warehouse = open_warehouse(f"duckdb:///{tmp_path / 'portfolio.duckdb'}")
    warehouse.prepare()
    resources = {"warehouse": warehouse, "clock": FixedClock(datetime(2024, 3, 1, tzinfo=UTC))}
    chain = dg.Definitions(assets=[prices], jobs=[dg.define_asset_job("daily")], resources=resources)
    return chain.resolve_job_def("daily")


def aged(instance: dg.DagsterInstance, by: timedelta) -> None:
    """As if everything so far had happened earlier."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    past = datetime.now(UTC).replace(tzinfo=None) - by
    with storage.index_connection() as connection:
        connection.execute(update(SqlEventLogStorageTable).values(timestamp=past))
        connection.execute(update(AssetCheckExecutionsTable).values(create_timestamp=past))


def newest_run_of(instance: dg.DagsterInstance, session: str) -> list[str]:
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=prices.key, asset_partitions=[session]), limit=10
    )
    return [record.run_id for record in found.records]


def test_logs_past_their_time_go_and_each_sessions_newest_state_stays(
    instance: dg.DagsterInstance, job: dg.JobDefinition
) -> None:
    replaced = job.execute_in_process(instance=instance, partition_key=FIRST).run_id
    newest = job.execute_in_process(instance=instance, partition_key=FIRST).run_id
    aged(instance, LOGS_KEPT + timedelta(days=1))
    fresh = job.execute_in_process(instance=instance, partition_key=SECOND).run_id
    told = len(instance.all_logs(fresh))
    assert newest_run_of(instance, FIRST) == [newest, replaced]

    forgotten = forget_old_logs(instance, datetime.now(UTC))

    assert forgotten
    assert newest_run_of(instance, FIRST) == [newest]
    assert newest_run_of(instance, SECOND) == [fresh]
    assert instance.get_materialized_partitions(prices.key) == {FIRST, SECOND}
    assert instance.all_logs(replaced) == []
    assert [event.dagster_event_type for event in instance.all_logs(newest)] == [
        dg.DagsterEventType.ASSET_MATERIALIZATION
    ]
    assert len(instance.all_logs(fresh)) == told
    verdicts = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=10)
    assert [verdict.run_id for verdict in verdicts] == [fresh, newest]
    assert {run.run_id for run in instance.get_runs()} == {replaced, newest, fresh}


def test_it_is_asked_once_a_week(instance: dg.DagsterInstance, job: dg.JobDefinition) -> None:
    job.execute_in_process(instance=instance, partition_key=FIRST)
    now = datetime.now(UTC)
    assert forget_old_logs(instance, now) == 0
    aged(instance, LOGS_KEPT + timedelta(days=1))
    assert forget_old_logs(instance, now + timedelta(days=6)) is None
    assert (forget_old_logs(instance, now + timedelta(days=7)) or 0) > 0
