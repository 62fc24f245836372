"""Dagster's own tables in PostgreSQL: all of them, or none.

Dagster makes them one statement after the other, and each is final: a connection that is lost on the way leaves a part
that Dagster takes for the whole. So they are made here, in one transaction, before Dagster looks. A part that is found
is made anew if nothing is in it; what holds anything is Dagster's to carry forward, whatever it lacks.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from portfolio_pipeline.dagster_home.private.schemas import (
    ASSET_DATA_MIGRATIONS,
    EVENT_LOG_DATA_MIGRATIONS,
    OPTIONAL_DATA_MIGRATIONS,
    OPTIONAL_SCHEDULE_DATA_MIGRATIONS,
    POSTGRES_PACKAGE,
    REQUIRED_DATA_MIGRATIONS,
    REQUIRED_SCHEDULE_DATA_MIGRATIONS,
    RunStorageSqlMetadata,
    ScheduleStorageSqlMetadata,
    SecondaryIndexMigrationTable,
    SqlEventLogStorageMetadata,
    pg_alembic_config,
    stamp_alembic_rev,
)

_SCHEMAS = (RunStorageSqlMetadata, SqlEventLogStorageMetadata, ScheduleStorageSqlMetadata)
_TABLES = {table.name: table for schema in _SCHEMAS for table in schema.sorted_tables}
# What Dagster carries forward when its tables change: nothing in new ones.
_CARRIED_FORWARD = (
    *REQUIRED_DATA_MIGRATIONS,
    *OPTIONAL_DATA_MIGRATIONS,
    *EVENT_LOG_DATA_MIGRATIONS,
    *ASSET_DATA_MIGRATIONS,
    *REQUIRED_SCHEDULE_DATA_MIGRATIONS,
    *OPTIONAL_SCHEDULE_DATA_MIGRATIONS,
)
_STAMP = "alembic_version"
_OF_THE_TABLES = (_STAMP, SecondaryIndexMigrationTable.name)  # what is in them is about the others


def make_storage_whole(url: str) -> None:
    """Make the tables where they are not there, or are there in part and empty."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(hashtext('portfolio_pipeline.dagster_home'))"))
        there = [name for name in (*_TABLES, _STAMP) if name in inspect(connection).get_table_names()]
        if _is_whole(connection, there) or not _is_an_empty_part(connection, there):
            return
        if there:
            connection.execute(text(f"drop table {', '.join(there)}"))
        for schema in _SCHEMAS:
            schema.create_all(connection)
        done = [{"name": name, "migration_completed": datetime.now()} for name in _CARRIED_FORWARD]  # noqa: DTZ005
        connection.execute(SecondaryIndexMigrationTable.insert(), done)
        stamp_alembic_rev(pg_alembic_config(POSTGRES_PACKAGE), connection)


def _is_whole(connection: Connection, there: list[str]) -> bool:
    if len(there) <= len(_TABLES) or not connection.execute(text(f"select 1 from {_STAMP}")).first():
        return False
    indexes = {index["name"] for found in inspect(connection).get_multi_indexes().values() for index in found}
    done = set(connection.execute(text(f"select name from {SecondaryIndexMigrationTable.name}")).scalars())
    return indexes >= {index.name for table in _TABLES.values() for index in table.indexes} and done >= {
        *_CARRIED_FORWARD
    }


def _is_an_empty_part(connection: Connection, there: list[str]) -> bool:
    """Whether what is there is of this version of Dagster, and holds nothing but notes about itself."""
    for name in there:
        if name in _TABLES:
            columns = {column["name"] for column in inspect(connection).get_columns(name)}
            if columns != {column.name for column in _TABLES[name].columns}:
                return False
        if name not in _OF_THE_TABLES and connection.execute(text(f"select 1 from {name} limit 1")).first():
            return False
    return True
