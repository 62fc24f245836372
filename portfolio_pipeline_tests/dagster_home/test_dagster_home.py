"""The Dagster home: what dagster.yaml says, and that our event log tells what Dagster's own tells of the same runs."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from portfolio_pipeline.components.session_asset import session_asset, stored
from portfolio_pipeline.core.errors import ConfigurationError, DataError
from portfolio_pipeline.core.tables import FEATURES, PRICES
from portfolio_pipeline.dagster_home.event_log import BatchingPostgresEventLogStorage, BatchingSqliteEventLogStorage
from portfolio_pipeline.dagster_home.prepare import instance_configuration, prepare_dagster_home
from portfolio_pipeline.partitions import SESSIONS, sessions_of

FIRST, LAST, NEXT = "2024-01-02", "2024-01-31", "2024-02-01"
RANGE = {"dagster/asset_partition_range_start": FIRST, "dagster/asset_partition_range_end": LAST}
TOLD = (
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
)


@session_asset(table=PRICES, group="market_data", kinds={"python"})
def prices(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    # Metadata that looks like the event's own text must not confuse how similar events are written.
    odd = {"partition": "2024-01-02", "text": '"partition": "2024-01-02", "timestamp": 1.5', "picture": "x" * 1000}
    return stored(context, sessions_of(context), rows=7, metadata=odd)


@session_asset(table=FEATURES, group="research", kinds={"sql"}, deps=["prices"])
def features(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    sessions = sessions_of(context)
    if sessions.first == sessions.last:
        raise DataError("NO_BARS", found=0)
    return stored(context, sessions, rows=9)


@dg.asset_check(asset=prices, partitions_def=SESSIONS)
def bars_are_healthy(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, metadata={"sessions": str(sessions_of(context))})


CHAIN = dg.Definitions(assets=[prices, features], asset_checks=[bars_are_healthy], jobs=[dg.define_asset_job("daily")])


def run_all(instance: dg.DagsterInstance) -> tuple[str, str]:
    """One run over a range, and one of a single session that fails half-way."""
    job = CHAIN.resolve_job_def("daily")
    of_range = job.execute_in_process(instance=instance, tags=RANGE, raise_on_error=False)
    of_session = job.execute_in_process(instance=instance, partition_key=NEXT, raise_on_error=False)
    return of_range.run_id, of_session.run_id


def told_by(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What can be asked of an instance after `run_all`, without what differs from run to run."""
    runs = run_all(instance)
    key = dg.AssetKey("prices")
    latest = instance.get_latest_materialization_event(key)
    assert latest is not None
    check = dg.AssetCheckKey(key, "bars_are_healthy")
    history = instance.event_log_storage.get_asset_check_execution_history(check, limit=500)
    events = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key), limit=500, ascending=True).records
    return {
        "statuses": [instance.get_run_by_id(run).status for run in runs],  # type: ignore[union-attr]
        "events": [_event(record) for run in runs for record in instance.all_logs(run) if _is_told(record)],
        "across runs": [(event.partition_key, sorted(event.asset_materialization.metadata)) for event in events],  # type: ignore[union-attr]
        "materialized": instance.get_materialized_partitions(key),
        "latest": (latest.asset_materialization.partition, latest.run_id == runs[1]),  # type: ignore[union-attr]
        "versions": len({_version(event) for event in events}),
        "checks": [
            (r.partition, r.status, r.event and _event(r.event)) for r in history if r.status.value != "PLANNED"
        ],
        "latest check": instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check].status,
    }


def _is_told(record: dg.EventLogEntry) -> bool:
    return record.dagster_event is not None and record.dagster_event.event_type in TOLD


def _event(record: dg.EventLogEntry) -> tuple[Any, ...]:
    event = record.get_dagster_event()
    data = event.event_specific_data
    shown = getattr(data, "materialization", data)
    metadata = {name: value.value for name, value in getattr(shown, "metadata", {}).items()}
    return event.event_type_value, event.step_key, event.partition, metadata


def _version(event: Any) -> str:
    return event.asset_materialization.tags["dagster/data_version"]


@pytest.fixture(scope="module")
def expected() -> Iterator[dict[str, Any]]:
    """What Dagster's own storage tells."""
    with dg.instance_for_test() as stock:
        yield told_by(stock)


@pytest.fixture
def sqlite_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "25")  # several batches, the last one not full
    prepare_dagster_home(tmp_path, postgres=False)
    return tmp_path


def test_sqlite_tells_what_dagsters_own_storage_tells(sqlite_home: Path, expected: dict[str, Any]) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        assert isinstance(instance.event_log_storage, BatchingSqliteEventLogStorage)
        assert told_by(instance) == expected


def test_postgres_tells_what_dagsters_own_storage_tells(
    tmp_path: Path, postgres_url: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "25")
    prepare_dagster_home(tmp_path, postgres=True)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.event_log_storage, BatchingPostgresEventLogStorage)
        assert told_by(instance) == expected


def test_what_is_planned_for_a_range_is_one_row_and_no_calendar_is_stored_with_it(sqlite_home: Path) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        run_all(instance)
    with closing(sqlite3.connect(sqlite_home / "dagster" / "event_log" / "index.db")) as index:
        checks = index.execute("select partition, execution_status from asset_check_executions order by id").fetchall()
        largest = index.execute(
            "select max(length(event)) from event_logs where dagster_event_type = 'ASSET_CHECK_EVALUATION_PLANNED'"
        ).fetchone()[0]
    assert checks == [(None, "FAILED"), (NEXT, "FAILED")]
    assert largest < 1_000


def test_what_is_read_in_another_process_is_what_was_written(sqlite_home: Path) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as writer:
        run_all(writer)
        with dg.DagsterInstance.from_config(str(sqlite_home)) as reader:
            assert len(reader.get_materialized_partitions(dg.AssetKey("prices"))) == 22


def test_wiping_the_log_leaves_one_that_can_be_written_again(sqlite_home: Path) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        run_all(instance)
        instance.event_log_storage.wipe()
        assert instance.get_materialized_partitions(dg.AssetKey("prices")) == set()
        run_all(instance)
        assert len(instance.get_materialized_partitions(dg.AssetKey("prices"))) == 22


def test_batches_are_asked_for_by_the_storage_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    prepare_dagster_home(tmp_path, postgres=False)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.event_log_storage, BatchingSqliteEventLogStorage)
        assert int(os.environ["DAGSTER_EVENT_BATCH_SIZE"]) > 0
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)


def test_no_password_is_written_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@host/database")
    prepare_dagster_home(tmp_path, postgres=True)
    written = (tmp_path / "dagster.yaml").read_text()
    assert "secret" not in written
    assert yaml.safe_load(written)["event_log_storage"]["config"] == {"postgres_url": {"env": "DATABASE_URL"}}


def test_one_run_at_a_time_and_no_telemetry(tmp_path: Path) -> None:
    configuration = instance_configuration(tmp_path, postgres=False)
    assert configuration["concurrency"]["runs"]["max_concurrent_runs"] == 1
    assert configuration["telemetry"] == {"enabled": False}
    assert configuration["freshness"] == {"enabled": True}


def test_a_home_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match=r"DAGSTER_HOME_UNUSABLE: found=.*file/home"):
        prepare_dagster_home(tmp_path / "file" / "home", postgres=False)
