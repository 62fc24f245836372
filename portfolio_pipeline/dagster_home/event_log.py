"""Dagster's event log, made fit for runs over thousands of partitions. Named in dagster.yaml, used by every process.

Dagster stores the events of a run one by one, and what a run *plans* once per partition, each copy with the whole
partitions definition (22 kB with twenty years of holidays). A run over ten years of the chain would write for minutes
and leave gigabytes. Here, events that arrive as a batch are written in one transaction, and what is planned for a range
is stored as one row without the calendar; no event is stored with what it says twice, and in a home of files none that
says nothing. What is read back is otherwise what Dagster's own storages give.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from dagster import EventLogEntry, EventLogRecord, EventRecordsFilter
from sqlalchemy import create_engine, func, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.event import listen
from sqlalchemy.pool import NullPool, StaticPool

from portfolio_pipeline.dagster_home.private.storages import (
    ASSET_EVENTS,
    INDEX_SHARD_NAME,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionsTable,
    AssetEventSummaryRecord,
    AssetMaterializationPlannedData,
    ConfigurableClassData,
    DagsterEvent,
    DagsterEventType,
    PostgresEventLogStorage,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
    SqlPollingEventWatcher,
    StepHandle,
    replace,
    serialize_value,
)

EVENTS_PER_BATCH = 1000
BESIDE_THE_RUN = "/range"
EventHandler = Callable[[EventLogEntry, str], Any]
_CHECK_PLANNED = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
_CONNECT = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}


class _BatchingEventLog(SqlEventLogStorage):
    """What both engines share: asking for batches, and planning a range in one row."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        # Dagster collects batches only when told so by the environment of the process that runs.
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(EVENTS_PER_BATCH))
        super().__init__(*arguments, **named)

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        return True

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        row = super()._event_to_row(_slim(event))
        return {**row, "event": _compact(row["event"])}

    def prepare_insert_event_batch(self, events: Sequence[EventLogEntry]) -> Any:
        return SqlEventLogStorageTable.insert().values([self._event_to_row(event) for event in events])

    def store_range(self, event: EventLogEntry, partitions: Sequence[str]) -> None:
        """Store a materialization once for each of the partitions, where assets look for theirs.

        Its run's own page would list them all: they are filed beside the run, under a name of their own.
        """
        row = self._event_to_row(event) | {"run_id": f"{event.run_id}{BESIDE_THE_RUN}", "step_key": None}
        place = f'"partition":{json.dumps(event.get_dagster_event().partition)}'
        before, after = _without_defaults(row["event"]).split(place)
        rows = [
            {**row, "event": f'{before}"partition":{json.dumps(partition)}{after}', "partition": partition}
            for partition in partitions
        ]
        with self.index_connection() as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)

    def get_asset_event_summary_records(self, *arguments: Any, **named: Any) -> Sequence[AssetEventSummaryRecord]:
        """With what is filed beside a run told as its own: a backfill counts what its runs have made."""
        found = super().get_asset_event_summary_records(*arguments, **named)
        return [replace(one, run_id=(one.run_id or "").removesuffix(BESIDE_THE_RUN) or None) for one in found]

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        with self.index_connection() as connection:
            self._insert_planned_checks(connection, [(event, event_id)])

    def _insert_planned_checks(
        self, connection: Connection, planned: Sequence[tuple[EventLogEntry, int | None]]
    ) -> None:
        # The evaluation of a check over a range carries no partition and replaces the planned row without one.
        rows = []
        for event, event_id in planned:
            data = cast("AssetCheckEvaluationPlanned", event.get_dagster_event().event_specific_data)
            status = AssetCheckExecutionRecordStatus.PLANNED
            rows.append(self._check_row(event, event_id, data, status) | {"partition": _only_partition(data)})
        connection.execute(AssetCheckExecutionsTable.insert(), rows)

    def _check_row(
        self,
        event: EventLogEntry,
        event_id: int | None,
        data: AssetCheckEvaluation | AssetCheckEvaluationPlanned,
        status: AssetCheckExecutionRecordStatus,
    ) -> dict[str, Any]:
        return {
            "asset_key": data.asset_key.to_string(),
            "check_name": data.check_name,
            "run_id": event.run_id,
            "execution_status": status.value,
            "evaluation_event": _compact(serialize_value(_slim(event))),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),
            "evaluation_event_storage_id": event_id,
        }


class BatchingSqliteEventLogStorage(_BatchingEventLog, SqliteEventLogStorage):
    """SQLite: all runs in one file, a batch in one transaction.

    Dagster gives each run a file of its own, 100 kB before the first event, and stores what concerns assets again in
    the index. Here everything is in the index, and runs of earlier versions are read from the files that they have.
    Dagster also opens the file anew for every event and waits for the disk at every commit. Here it stays open, and a
    commit survives the end of the process, though not a power cut: what is traded is elsewhere.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        self._watcher = SqlPollingEventWatcher(self)
        super().__init__(*arguments, **named)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> BatchingSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @property
    def is_run_sharded(self) -> bool:
        return False

    def run_connection(self, run_id: str | None = None) -> AbstractContextManager[Connection]:
        has_own_file = run_id and Path(self.path_for_shard(run_id)).exists()
        return self._connect(run_id if run_id and has_own_file else INDEX_SHARD_NAME)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._initialized_dbs:
                starting = create_engine(self.conn_string_for_shard(shard), poolclass=NullPool, connect_args=_CONNECT)
                self._initdb(starting)
                self._initialized_dbs.add(shard)
            with self._engine(shard).connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            for other in [name for name in self._engines if name != INDEX_SHARD_NAME]:
                self._engines.pop(other).dispose()
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,  # one connection, which the lock above keeps to one thread at a time
                connect_args={**_CONNECT, "check_same_thread": False},
            )
            listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous=normal"))
            self._engines[shard] = engine
        return self._engines[shard]

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    def wipe(self) -> None:
        self._close()
        self._tables.clear()
        super().wipe()

    def dispose(self) -> None:
        self._watcher.close()
        self._close()
        super().dispose()

    def get_event_records(
        self, event_records_filter: EventRecordsFilter, limit: int | None = None, ascending: bool = False
    ) -> Sequence[EventLogRecord]:
        return SqlEventLogStorage.get_event_records(self, event_records_filter, limit, ascending)

    def has_table(self, table_name: str) -> bool:
        """Asked at every materialization, and Dagster opens the file anew to answer: one that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def watch(self, run_id: str, cursor: str | None, callback: EventHandler) -> None:
        self._watcher.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: EventHandler) -> None:
        self._watcher.unwatch_run(run_id, handler)

    def store_event(self, event: EventLogEntry) -> None:
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        # That a check is planned stands among the checks, where it is looked for, and not in the log as well.
        checks = [event for event in events if event.dagster_event_type == _CHECK_PLANNED]
        events = [e for e in events if e.dagster_event_type != _CHECK_PLANNED and not _says_nothing(e)]
        if checks:
            with self.index_transaction() as connection:
                self._insert_planned_checks(connection, [(event, None) for event in checks])
        if not events:
            return
        with self.index_transaction() as connection:
            connection.execute(SqlEventLogStorageTable.insert(), [self._event_to_row(event) for event in events])
            # The transaction holds SQLite's write lock, so the identifiers just given follow each other.
            last = connection.execute(select(func.max(SqlEventLogStorageTable.c.id))).scalar_one()
            stored = list(zip(events, range(last - len(events) + 1, last + 1), strict=True))
            of_assets = [(event, id_) for event, id_ in stored if event.dagster_event_type in ASSET_EVENTS]
            if of_assets:
                self._store_asset_event_tags(connection, [e for e, _ in of_assets], [id_ for _, id_ in of_assets])
            newest = {
                (event.get_dagster_event().asset_key, event.dagster_event_type): (event, id_)
                for event, id_ in of_assets
            }
            for event, id_ in newest.values():
                self._store_asset_event(connection, event, id_)
            for event, id_ in stored:
                if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
                    self._insert_evaluated_check(connection, event, id_)

    def _insert_evaluated_check(self, connection: Connection, event: EventLogEntry, event_id: int) -> None:
        """In place of the planned one, but at the end of the table: a long text over a short one tears pages apart."""
        data = event.get_dagster_event().asset_check_evaluation_data
        status = AssetCheckExecutionRecordStatus
        row = self._check_row(event, event_id, data, status.SUCCEEDED if data.passed else status.FAILED)
        row["partition"], of = data.partition, data.target_materialization_data
        row["materialization_event_storage_id"] = of.storage_id if of else None
        stored = AssetCheckExecutionsTable.c
        same = [stored[name] == row[name] for name in ("asset_key", "check_name", "run_id", "partition")]
        if event.run_id:
            connection.execute(AssetCheckExecutionsTable.delete().where(*same))
        connection.execute(AssetCheckExecutionsTable.insert().values(row))


class BatchingPostgresEventLogStorage(_BatchingEventLog, PostgresEventLogStorage):
    """Postgres; Dagster's own storage writes batches of materializations already."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> BatchingPostgresEventLogStorage:
        return cls(inst_data=inst_data, **config_value)


def _compact(event: str) -> str:
    """The text of an event without spaces, without an empty message, and without what is not known of what happened."""
    told = json.loads(event)
    happened = told["dagster_event"] or {}
    known = {name: value for name, value in happened.items() if value not in (None, {})}
    if told.get("message") == "":
        del told["message"]
    return json.dumps(told | {"dagster_event": known or None}, separators=(",", ":"))


def _without_defaults(event: str) -> str:
    """The text of an event without what says nothing of what happened: it is filled in again when it is read."""

    def slim(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: slim(one) for name, one in value.items() if one not in (None, [], {})}
        return [slim(one) for one in value] if isinstance(value, list) else value

    told = json.loads(event)
    return json.dumps(told | {"dagster_event": slim(told["dagster_event"])}, separators=(",", ":"))


def _only_partition(data: AssetCheckEvaluationPlanned | AssetMaterializationPlannedData) -> str | None:
    subset = data.partitions_subset
    return next(iter(subset.get_partition_keys())) if subset is not None and len(subset) == 1 else None


def _slim(event: EventLogEntry) -> EventLogEntry:
    """The event as it is stored: its message and its step are told once. Dagster finds the rest when it reads them."""
    if event.dagster_event is None:
        return event
    dagster_event = _without_calendar(event.dagster_event)._replace(logging_tags={})
    if dagster_event.node_handle is not None and dagster_event.step_handle == StepHandle(dagster_event.node_handle):
        dagster_event = dagster_event._replace(step_handle=None)
    said = event.user_message if event.user_message != dagster_event.message else ""
    return event._replace(dagster_event=dagster_event, user_message=said)


def _says_nothing(event: EventLogEntry) -> bool:
    """Whether it is an output of which nothing is told: assets and verdicts of checks are events of their own."""
    if event.dagster_event_type != DagsterEventType.STEP_OUTPUT:
        return False
    output = event.get_dagster_event().step_output_data
    return not output.metadata and output.mapping_key is None


def _without_calendar(event: DagsterEvent) -> DagsterEvent:
    """Planned for one partition, an event names it; of a range, only assets keep the range."""
    data = event.event_specific_data
    if isinstance(data, AssetCheckEvaluationPlanned):
        planned = AssetCheckEvaluationPlanned(asset_key=data.asset_key, check_name=data.check_name)
        return event._replace(event_specific_data=planned)
    if isinstance(data, AssetMaterializationPlannedData) and _only_partition(data):
        slim = AssetMaterializationPlannedData(data.asset_key, partition=_only_partition(data))
        return event._replace(event_specific_data=slim)
    return event
