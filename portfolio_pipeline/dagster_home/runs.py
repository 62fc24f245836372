"""Dagster's list of runs, without the calendar. Named in dagster.yaml, used by every process.

Dagster stores the partitions of a run twice: as tags, and as a subset with the whole partitions definition in it (22 kB
with twenty years of holidays), which every list of runs then reads. Here only the tags are kept, and Dagster goes by
them. Postgres compresses long texts by itself.
"""

from __future__ import annotations

from typing import Any

from dagster import DagsterRun

from portfolio_pipeline.dagster_home.private.storages import ConfigurableClassData, SqliteRunStorage


class LeanSqliteRunStorage(SqliteRunStorage):
    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> LeanSqliteRunStorage:
        return cls.from_local(inst_data=inst_data, **config_value)

    def add_run(self, dagster_run: DagsterRun) -> DagsterRun:
        return super().add_run(dagster_run._replace(partitions_subset=None))
