"""Of what tables Dagster's storages are made, and what is noted beside them."""

import dagster_postgres.run_storage.run_storage
from dagster._core.storage.event_log.migration import ASSET_DATA_MIGRATIONS as ASSET_DATA_MIGRATIONS
from dagster._core.storage.event_log.migration import EVENT_LOG_DATA_MIGRATIONS as EVENT_LOG_DATA_MIGRATIONS
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata as SqlEventLogStorageMetadata
from dagster._core.storage.runs.migration import OPTIONAL_DATA_MIGRATIONS as OPTIONAL_DATA_MIGRATIONS
from dagster._core.storage.runs.migration import REQUIRED_DATA_MIGRATIONS as REQUIRED_DATA_MIGRATIONS
from dagster._core.storage.runs.schema import RunStorageSqlMetadata as RunStorageSqlMetadata
from dagster._core.storage.runs.schema import SecondaryIndexMigrationTable as SecondaryIndexMigrationTable
from dagster._core.storage.schedules.migration import (
    OPTIONAL_SCHEDULE_DATA_MIGRATIONS as OPTIONAL_SCHEDULE_DATA_MIGRATIONS,
)
from dagster._core.storage.schedules.migration import (
    REQUIRED_SCHEDULE_DATA_MIGRATIONS as REQUIRED_SCHEDULE_DATA_MIGRATIONS,
)
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata as ScheduleStorageSqlMetadata
from dagster._core.storage.sql import stamp_alembic_rev as stamp_alembic_rev
from dagster_postgres.utils import pg_alembic_config as pg_alembic_config

POSTGRES_PACKAGE = str(dagster_postgres.run_storage.run_storage.__file__)
"""From where Dagster's Postgres storages find their revisions."""
