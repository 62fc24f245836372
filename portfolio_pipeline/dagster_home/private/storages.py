"""Of what Dagster's event log and list of runs are made."""

from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation as AssetCheckEvaluation,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned as AssetCheckEvaluationPlanned,
)
from dagster._core.events import ASSET_EVENTS as ASSET_EVENTS
from dagster._core.events import AssetMaterializationPlannedData as AssetMaterializationPlannedData
from dagster._core.events import DagsterEvent as DagsterEvent
from dagster._core.events import DagsterEventType as DagsterEventType
from dagster._core.events import StepMaterializationData as StepMaterializationData
from dagster._core.execution.plan.handle import StepHandle as StepHandle
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.event_log.base import AssetEventSummaryRecord as AssetEventSummaryRecord
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher as SqlPollingEventWatcher
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as AssetCheckExecutionsTable
from dagster._core.storage.event_log.schema import AssetEventTagsTable as AssetEventTagsTable
from dagster._core.storage.event_log.schema import AssetKeyTable as AssetKeyTable
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage as SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME as INDEX_SHARD_NAME
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage as SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage as SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS as SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData as ConfigurableClassData
from dagster._serdes import serialize_value as serialize_value
from dagster_postgres.event_log.event_log import PostgresEventLogStorage as PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage as PostgresRunStorage
from dagster_shared.record import replace as replace
