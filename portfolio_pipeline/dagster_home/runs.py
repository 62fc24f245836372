"""Dagster's list of runs, fit for runs over years. Named in dagster.yaml, used by every process.

Whoever starts a run of our definitions for sessions, in the web UI or by a backfill of it, gets it as the command line
has it: its events are left to us (`range_events`).

In files, the list goes without the calendar. Dagster stores the partitions of a run twice: as tags, and as a subset
with the whole partitions definition in it (22 kB with twenty years of holidays), which every list of runs then reads.
Here only the tags are kept, and Dagster goes by them. Postgres compresses long texts by itself.
"""

from __future__ import annotations

from typing import Any

from dagster import DagsterRun

from portfolio_pipeline.dagster_home.private.storages import (
    ConfigurableClassData,
    PostgresRunStorage,
    SqliteRunStorage,
)
from portfolio_pipeline.dagster_home.range_events import DEFERS_EVENTS
from portfolio_pipeline.dagster_home.run_tags import CODE_LOCATION, FIRST_OF_RANGE, LAST_OF_RANGE, LOCATION, ONE_SESSION


class LeanSqliteRunStorage(SqliteRunStorage):
    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> LeanSqliteRunStorage:
        return cls.from_local(inst_data=inst_data, **config_value)

    def add_run(self, dagster_run: DagsterRun) -> DagsterRun:
        return super().add_run(_deferring(dagster_run)._replace(partitions_subset=None))


class DeferringPostgresRunStorage(PostgresRunStorage):
    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> DeferringPostgresRunStorage:
        return cls(inst_data=inst_data, **config_value)

    def add_run(self, dagster_run: DagsterRun) -> DagsterRun:
        return super().add_run(_deferring(dagster_run))


def _deferring(run: DagsterRun) -> DagsterRun:
    first, last = run.tags.get(FIRST_OF_RANGE), run.tags.get(LAST_OF_RANGE)
    if not (first or ONE_SESSION in run.tags) or run.tags.get(LOCATION) != CODE_LOCATION:
        return run
    # Dagster's page of runs shows the partition of a run, but not a range.
    shown = {"sessions": f"{first} to {last}"} if first != last else {}
    return run.with_tags({**run.tags, DEFERS_EVENTS: "true", **shown})
