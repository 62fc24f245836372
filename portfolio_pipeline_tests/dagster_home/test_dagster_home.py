"""The Dagster home: what dagster.yaml says, and that our event log tells what Dagster's own tells of the same runs."""

import os
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import dagster as dg
import pytest
import yaml

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import session_check
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import ConfigurationError, DataError
from portfolio_pipeline.core.tables import PRICES, REGIME_TABLE
from portfolio_pipeline.dagster_home.event_log import BatchingPostgresEventLogStorage, BatchingSqliteEventLogStorage
from portfolio_pipeline.dagster_home.prepare import instance_configuration, prepare_dagster_home
from portfolio_pipeline.dagster_home.range_events import DEFERS_EVENTS
from portfolio_pipeline_tests.fakes.clock import FixedClock

FIRST, LAST, NEXT = "2024-01-02", "2024-01-31", "2024-02-01"
RANGE = {"dagster/asset_partition_range_start": FIRST, "dagster/asset_partition_range_end": LAST}
DEFERRED = {**RANGE, DEFERS_EVENTS: "true"}
TOLD = (
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
)


@session_check()
def bars_look_healthy(sessions: SessionRange) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, metadata={"sessions": str(sessions)})


@session_asset(table=PRICES, group="market", checks=(bars_look_healthy,))
def prices() -> Stored:
    # Metadata that looks like the event's own text must not confuse how similar events are written.
    odd = {"partition": "2024-01-02", "text": '"partition": "2024-01-02", "timestamp": 1.5', "picture": "x" * 1000}
    return Stored(7, odd)


@session_asset(table=REGIME_TABLE, group="market", reads=(PRICES,))
def regimes(sessions: SessionRange) -> Stored:
    if sessions.first == sessions.last:
        raise DataError("NO_BARS", found=0)
    return Stored(9)


ASSETS = [prices.key, regimes.key]
STEPS = ("STEP_START", "STEP_FAILURE", "STEP_SKIPPED")
CHECK = dg.AssetCheckKey(prices.key, "bars_look_healthy")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> dg.JobDefinition:
    return chain_on(tmp_path_factory.mktemp("warehouse"))


def chain_on(folder: Path) -> dg.JobDefinition:
    """Two assets and a check that fails, on a warehouse that stays empty."""
    warehouse = open_warehouse(f"duckdb:///{folder / 'portfolio.duckdb'}")
    warehouse.prepare()
    resources = {"warehouse": warehouse, "clock": FixedClock.after_close(date.fromisoformat(NEXT))}
    chain = dg.Definitions(assets=[prices, regimes], jobs=[dg.define_asset_job("daily")], resources=resources)
    return chain.resolve_job_def("daily")


def run_all(job: dg.JobDefinition, instance: dg.DagsterInstance) -> tuple[str, str]:
    """One run over a range, and one of a single session that fails half-way."""
    of_range = job.execute_in_process(instance=instance, tags=RANGE, raise_on_error=False)
    of_session = job.execute_in_process(instance=instance, partition_key=NEXT, raise_on_error=False)
    return of_range.run_id, of_session.run_id


def told_by(job: dg.JobDefinition, instance: dg.DagsterInstance) -> dict[str, Any]:
    """What can be asked of an instance after `run_all`, without what differs from run to run."""
    runs = run_all(job, instance)
    latest = instance.get_latest_materialization_event(prices.key)
    assert latest is not None
    history = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=500)
    filtered = dg.AssetRecordsFilter(asset_key=prices.key)
    events = instance.fetch_materializations(filtered, limit=500, ascending=True).records
    return {
        "statuses": [instance.get_run_by_id(run).status for run in runs],  # type: ignore[union-attr]
        "events": [_event(record) for run in runs for record in instance.all_logs(run) if _is_told(record)],
        "across runs": [(event.partition_key, sorted(event.asset_materialization.metadata)) for event in events],  # type: ignore[union-attr]
        "materialized": instance.get_materialized_partitions(prices.key),
        "latest": (latest.asset_materialization.partition, latest.run_id == runs[1]),  # type: ignore[union-attr]
        "versions": len({_version(event) for event in events}),
        "checks": [
            (r.partition, r.status, r.event and _event(r.event)) for r in history if r.status.value != "PLANNED"
        ],
        "latest check": instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK])[CHECK].status,
    }


def asked_after_a_range(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the pages of assets and checks ask of an instance after one run over a range."""
    answers: dict[str, Any] = {}
    for key in ASSETS:
        everything = dg.AssetRecordsFilter(asset_key=key)
        some = dg.AssetRecordsFilter(asset_key=key, asset_partitions=["2024-01-05", LAST])
        (record,) = instance.get_asset_records([key])
        last = record.asset_entry.last_materialization
        assert last is not None
        answers[key.to_user_string()] = {
            "materialized": instance.get_materialized_partitions(key),
            "latest": _event(last),
            "in order": _partitions(instance, everything, ascending=True),
            "newest first": _partitions(instance, everything, ascending=False)[0],
            "of some": sorted(_partitions(instance, some, ascending=True)),
            "of each": set(instance.event_log_storage.get_latest_storage_id_by_partition(key, _MATERIALIZED)),
            "told of an earlier one": _event(
                instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key, asset_partitions=[FIRST]), limit=1)
                .records[0]
                .event_log_entry
            )[2],
        }
    check = instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK])[CHECK]
    answers["check"] = (check.status, check.partition, check.event and _event(check.event))
    return answers


_MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION


def _partitions(instance: dg.DagsterInstance, wanted: dg.AssetRecordsFilter, *, ascending: bool) -> list[str | None]:
    return [one.partition_key for one in instance.fetch_materializations(wanted, 500, ascending=ascending).records]


def _is_told(record: dg.EventLogEntry) -> bool:
    return record.dagster_event is not None and record.dagster_event.event_type in TOLD


def _event(record: dg.EventLogEntry) -> tuple[Any, ...]:
    event = record.get_dagster_event()
    data = event.event_specific_data
    shown = getattr(data, "materialization", data)
    metadata = {name: value.value for name, value in getattr(shown, "metadata", {}).items()}
    return event.event_type_value, event.step_key, event.partition, metadata


def _version(event: Any) -> str:
    version: str = event.asset_materialization.tags["dagster/data_version"]
    return version


@pytest.fixture(scope="module")
def expected(job: dg.JobDefinition) -> dict[str, Any]:
    """What Dagster's own storage tells."""
    with dg.instance_for_test() as stock:
        return told_by(job, stock)


@pytest.fixture(scope="module")
def expected_of_range(job: dg.JobDefinition) -> dict[str, Any]:
    """What Dagster's own storage answers after Dagster's own way of recording a range."""
    with dg.instance_for_test() as stock:
        assert job.execute_in_process(instance=stock, tags=RANGE).success
        return asked_after_a_range(stock)


@pytest.fixture
def sqlite_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "25")  # several batches, the last one not full
    prepare_dagster_home(tmp_path, postgres=False)
    return tmp_path


@pytest.fixture
def postgres_home(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "25")
    prepare_dagster_home(tmp_path, postgres=True)
    return tmp_path


def test_sqlite_tells_what_dagsters_own_storage_tells(
    job: dg.JobDefinition, sqlite_home: Path, expected: dict[str, Any]
) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        assert isinstance(instance.event_log_storage, BatchingSqliteEventLogStorage)
        assert told_by(job, instance) == expected


def test_postgres_tells_what_dagsters_own_storage_tells(
    job: dg.JobDefinition, postgres_home: Path, expected: dict[str, Any]
) -> None:
    with dg.DagsterInstance.from_config(str(postgres_home)) as instance:
        assert isinstance(instance.event_log_storage, BatchingPostgresEventLogStorage)
        assert told_by(job, instance) == expected


def test_what_is_planned_for_a_range_is_one_row_and_no_calendar_is_stored_with_it(
    job: dg.JobDefinition, sqlite_home: Path
) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        run_all(job, instance)
    with closing(sqlite3.connect(sqlite_home / "dagster" / "event_log" / "index.db")) as index:
        checks = index.execute("select partition, execution_status from asset_check_executions order by id").fetchall()
        planned = index.execute(
            "select distinct dagster_event_type from event_logs where dagster_event_type like '%_PLANNED'"
        ).fetchall()
    assert [found for found in checks if found[1] == "FAILED"] == [(None, "FAILED"), (NEXT, "FAILED")]
    assert not [found for found in checks if found[1] == "PLANNED"]
    assert planned == [("ASSET_MATERIALIZATION_PLANNED",)]


@pytest.mark.parametrize("home", ["sqlite_home", "postgres_home"])
def test_a_range_recorded_by_us_answers_as_one_recorded_by_dagster_with_one_event_an_asset_in_its_run(
    job: dg.JobDefinition, home: str, request: pytest.FixtureRequest, expected_of_range: dict[str, Any]
) -> None:
    with dg.DagsterInstance.from_config(str(request.getfixturevalue(home))) as instance:
        result = job.execute_in_process(instance=instance, tags=DEFERRED)
        assert result.success
        assert asked_after_a_range(instance) == expected_of_range
        logged = instance.all_logs(result.run_id, of_type=_MATERIALIZED)
        assert [(one.get_dagster_event().asset_key, one.get_dagster_event().partition) for one in logged] == [
            (key, LAST) for key in ASSETS
        ]


def test_a_session_run_after_a_range_is_the_latest_and_the_range_stays(
    job: dg.JobDefinition, sqlite_home: Path
) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        job.execute_in_process(instance=instance, tags=DEFERRED)
        job.execute_in_process(instance=instance, partition_key="2024-01-10", raise_on_error=False)
        latest = instance.get_latest_materialization_event(prices.key)
        assert latest is not None
        assert latest.get_dagster_event().partition == "2024-01-10"
        assert len(instance.get_materialized_partitions(prices.key)) == 21


def test_a_range_of_one_session_needs_no_storage_of_ours(job: dg.JobDefinition) -> None:
    with dg.instance_for_test() as stock:
        result = job.execute_in_process(
            instance=stock, partition_key=FIRST, tags={DEFERS_EVENTS: "true"}, raise_on_error=False
        )
        assert stock.get_materialized_partitions(prices.key) == {FIRST}
        (one,) = stock.all_logs(result.run_id, of_type=_MATERIALIZED)
        assert one.get_dagster_event().partition == FIRST


def chain_beside_the_instance() -> dg.JobDefinition:
    return chain_on(Path(os.environ["DAGSTER_HOME"]))


def test_a_session_that_failed_half_way_can_be_gone_on_with_where_it_failed(
    sqlite_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(sqlite_home))
    job = dg.reconstructable(chain_beside_the_instance)
    with dg.DagsterInstance.get() as instance:
        tags = {"dagster/partition": FIRST, DEFERS_EVENTS: "true"}
        with dg.execute_job(job, instance, tags=tags) as failed:
            told = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
        with dg.execute_job(job, instance, reexecution_options=told) as again:
            pass
    done = {kind: {event.step_key for event in again.all_events if event.event_type_value == kind} for kind in STEPS}
    assert done == {"STEP_START": {"regimes"}, "STEP_FAILURE": {"regimes"}, "STEP_SKIPPED": set()}


def test_what_is_read_in_another_process_is_what_was_written(job: dg.JobDefinition, sqlite_home: Path) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as writer:
        run_all(job, writer)
        with dg.DagsterInstance.from_config(str(sqlite_home)) as reader:
            assert len(reader.get_materialized_partitions(prices.key)) == 22


@pytest.mark.parametrize("home", ["sqlite_home", "postgres_home"])
def test_what_a_run_writes_is_handed_on_to_who_follows_it_while_it_is_written(
    job: dg.JobDefinition, home: str, request: pytest.FixtureRequest
) -> None:
    folder = str(request.getfixturevalue(home))
    handed: Queue[dg.DagsterEventType | None] = Queue()
    with dg.DagsterInstance.from_config(folder) as following, dg.DagsterInstance.from_config(folder) as writing:
        run = writing.create_run_for_job(job, tags={"dagster/partition": FIRST})
        assert following.all_logs(run.run_id) is not None  # as the run's page does first, which keeps its file open
        following.watch_event_logs(run.run_id, None, lambda event, _: handed.put(event.dagster_event_type))
        writing.report_engine_event("something happens", run)
        while handed.get(timeout=20) != dg.DagsterEventType.ENGINE_EVENT:
            pass
        writing.report_run_failed(run)
        assert handed.get(timeout=20) == dg.DagsterEventType.RUN_FAILURE


def test_a_run_that_dagster_stored_in_a_file_of_its_own_is_still_told(job: dg.JobDefinition, sqlite_home: Path) -> None:
    settings = sqlite_home / "dagster.yaml"
    before = yaml.safe_load(settings.read_text())
    before["event_log_storage"] |= {"module": "dagster._core.storage.event_log", "class": "SqliteEventLogStorage"}
    settings.write_text(yaml.safe_dump(before))
    with dg.DagsterInstance.from_config(str(sqlite_home)) as stock:
        run = job.execute_in_process(instance=stock, partition_key=FIRST, raise_on_error=False).run_id
        expected = [_event(record) for record in stock.all_logs(run) if _is_told(record)]
    prepare_dagster_home(sqlite_home, postgres=False)
    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        job.execute_in_process(instance=instance, partition_key=NEXT, raise_on_error=False)
        assert [_event(record) for record in instance.all_logs(run) if _is_told(record)] == expected
        assert instance.get_materialized_partitions(prices.key) == {FIRST, NEXT}
    assert {file.stem for file in (sqlite_home / "dagster" / "event_log").glob("*.db")} == {"index", run}


def test_who_watches_a_run_is_told_what_it_does(job: dg.JobDefinition, sqlite_home: Path) -> None:
    seen: list[str] = []
    ended = Event()

    def look(entry: dg.EventLogEntry, cursor: str) -> None:
        if entry.dagster_event is not None:
            seen.append(entry.dagster_event.event_type_value)
            if entry.dagster_event.is_job_event and entry.dagster_event.event_type_value != "PIPELINE_START":
                ended.set()

    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        run = job.execute_in_process(instance=instance, partition_key=FIRST, raise_on_error=False).run_id
        instance.event_log_storage.watch(run, None, look)
        assert ended.wait(10)
        instance.event_log_storage.end_watch(run, look)
    assert "ASSET_MATERIALIZATION" in seen


def test_a_run_is_stored_without_the_calendar_and_still_known_by_its_partition(
    job: dg.JobDefinition, sqlite_home: Path
) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        run = job.execute_in_process(instance=instance, partition_key=FIRST, raise_on_error=False).run_id
        (found,) = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": FIRST}))
        assert found.run_id == run
        assert found.is_partitioned
    with closing(sqlite3.connect(sqlite_home / "dagster" / "run" / "runs.db")) as runs:
        assert runs.execute("select max(length(run_body)) from runs").fetchone()[0] < 5_000


def test_wiping_the_log_leaves_one_that_can_be_written_again(job: dg.JobDefinition, sqlite_home: Path) -> None:
    with dg.DagsterInstance.from_config(str(sqlite_home)) as instance:
        run_all(job, instance)
        instance.event_log_storage.wipe()
        assert instance.get_materialized_partitions(prices.key) == set()
        run_all(job, instance)
        assert len(instance.get_materialized_partitions(prices.key)) == 22


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


def test_sessions_wait_for_each_other_in_the_queue_and_there_is_no_telemetry(tmp_path: Path) -> None:
    configuration = instance_configuration(tmp_path, postgres=False)
    assert {"key": "dagster/partition", "limit": 1} in configuration["concurrency"]["runs"]["tag_concurrency_limits"]
    assert configuration["telemetry"] == {"enabled": False}
    assert configuration["freshness"] == {"enabled": True}


def test_a_home_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match=r"DAGSTER_HOME_UNUSABLE: found=.*file/home"):
        prepare_dagster_home(tmp_path / "file" / "home", postgres=False)
