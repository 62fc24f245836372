"""Dagster's private parts that are used, all of them and nowhere else, with the question whether they are still so.

`storages` is what the event log and the list of runs are made of, `schemas` their tables, `execution` what a run in
this process is made of, `partitions` what a set of sessions is, `web` what the web UI is made of. A version that has
been tried is taken as it is; of any other, the signatures of what the storages use are compared. Where they differ,
Dagster's own storages are used, which keep the same, more slowly and in more room.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

TRIED = ("1.13.27",)
DAEMON = "dagster._daemon"
NO_COMPUTE_LOGS = ("dagster._core.storage.noop_compute_log_manager", "NoOpComputeLogManager")
SQLITE_STORAGES = {
    "run_storage": ("dagster._core.storage.runs", "SqliteRunStorage"),
    "schedule_storage": ("dagster._core.storage.schedules", "SqliteScheduleStorage"),
    "event_log_storage": ("dagster._core.storage.event_log", "SqliteEventLogStorage"),
}
POSTGRES_STORAGES = {
    "run_storage": ("dagster_postgres.run_storage", "PostgresRunStorage"),
    "schedule_storage": ("dagster_postgres.schedule_storage", "PostgresScheduleStorage"),
    "event_log_storage": ("dagster_postgres.event_log", "PostgresEventLogStorage"),
}
_SIGNATURES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("SqlEventLogStorage", "_event_to_row"): ("event",),
    ("SqlEventLogStorage", "_event_insert_timestamp"): ("event",),
    ("SqlEventLogStorage", "prepare_insert_event_batch"): ("events",),
    ("SqlEventLogStorage", "_store_asset_event"): ("conn", "event", "event_id"),
    ("SqlEventLogStorage", "_store_asset_event_tags"): ("conn", "events", "event_ids"),
    ("SqlEventLogStorage", "_store_asset_check_evaluation_planned"): ("event", "event_id"),
    ("SqlEventLogStorage", "store_event_batch"): ("events",),
    ("SqlEventLogStorage", "get_asset_event_summary_records"): (
        *("event_type", "asset_key", "run_id", "storage_ids"),
        *("after_storage_id", "before_storage_id", "limit", "ascending"),
    ),
    ("SqlEventLogStorage", "get_event_records"): ("event_records_filter", "limit", "ascending"),
    ("SqliteEventLogStorage", "_initdb"): ("engine", "for_index_shard"),
    ("SqliteEventLogStorage", "path_for_shard"): ("run_id",),
    ("SqliteEventLogStorage", "conn_string_for_shard"): ("shard_name",),
    ("PostgresEventLogStorage", "store_event_batch"): ("events",),
    ("SqliteRunStorage", "add_run"): ("dagster_run",),
    ("SqliteRunStorage", "from_local"): ("base_dir", "inst_data"),
    ("PostgresRunStorage", "add_run"): ("dagster_run",),
}


def misfit(version: str | None = None, signatures: Mapping[tuple[str, str], tuple[str, ...]] = _SIGNATURES) -> str:
    """Why our storages cannot be built on the Dagster that is installed; empty when they can."""
    version = version or metadata.version("dagster")
    if version in TRIED:
        return ""
    try:
        from portfolio_pipeline.dagster_home.private import schemas as schemas
        from portfolio_pipeline.dagster_home.private import storages
    except ImportError as missing:
        return f"Dagster {version}: {missing}"
    for (owner, name), expected in signatures.items():
        found = _parameters(getattr(getattr(storages, owner), name, None))
        if found != expected:
            return f"Dagster {version}: {owner}.{name} takes {found}, not {expected}"
    return ""


def _parameters(function: Callable[..., Any] | None) -> tuple[str, ...] | None:
    if function is None:
        return None
    return tuple(name for name in inspect.signature(function).parameters if name not in ("self", "cls"))
