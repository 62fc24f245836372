"""Writes dagster.yaml, from which web UI, daemon and runs learn where events go and how runs are queued."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.dagster_home.storage import require_sound_storage

_HEADER = "# Written by `portfolio up`; changes made here are overwritten.\n"
_STORAGES = {
    "run_storage": (
        "LeanSqliteRunStorage",
        "portfolio_pipeline.dagster_home.runs",
        "PostgresRunStorage",
        "dagster_postgres.run_storage",
    ),
    "schedule_storage": (
        "SqliteScheduleStorage",
        "dagster._core.storage.schedules",
        "PostgresScheduleStorage",
        "dagster_postgres.schedule_storage",
    ),
    "event_log_storage": (
        "BatchingSqliteEventLogStorage",
        "portfolio_pipeline.dagster_home.event_log",
        "BatchingPostgresEventLogStorage",
        "portfolio_pipeline.dagster_home.event_log",
    ),
}


def make_home(home: Path) -> None:
    """The folder, for its owner alone: it holds an account."""
    with _folder_errors(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)


def prepare_dagster_home(home: Path, *, postgres: bool) -> None:
    """Create the folder and its dagster.yaml; with Postgres, Dagster's own storage goes there as well."""
    make_home(home)
    with _folder_errors(home):
        text = _HEADER + yaml.safe_dump(instance_configuration(home, postgres=postgres), sort_keys=False)
        target = home / "dagster.yaml"
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
    if not postgres:
        require_sound_storage(home)


@contextmanager
def _folder_errors(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            "DAGSTER_HOME_UNUSABLE",
            found=home,
            why=error.strerror,
            remedy="Point DAGSTER_HOME at a folder that you may write to.",
        ) from None


def instance_configuration(home: Path, *, postgres: bool) -> dict[str, Any]:
    """What dagster.yaml says."""
    return {
        **{name: _storage(name, home, postgres=postgres) for name in _STORAGES},
        # Dagster's own takes this process's output away, progress bar and all; what assets say is in the event log.
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
            "config": {},
        },
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        # Every materialization is an event of level DEBUG: thousands of lines in the log of a run over years.
        "python_logs": {"python_log_level": "INFO"},
        # Sessions one after the other, as they were asked for; who computes is alone with the account (`at_work`).
        # The other places are for what changes nothing of the account, and for halt_trading.
        "concurrency": {
            "runs": {
                "max_concurrent_runs": 4,
                "tag_concurrency_limits": [
                    {"key": tag, "limit": 1} for tag in ("dagster/partition", "dagster/asset_partition_range_start")
                ],
            }
        },
        # For runs that never began; of those that were killed the sensor `killed_runs` takes care.
        "run_monitoring": {
            "enabled": True,
            "start_timeout_seconds": 180,
            "cancel_timeout_seconds": 180,
            "max_runtime_seconds": 4 * 60 * 60,
        },
        "freshness": {"enabled": True},
    }


def _storage(name: str, home: Path, *, postgres: bool) -> dict[str, Any]:
    sqlite_class, sqlite_module, postgres_class, postgres_module = _STORAGES[name]
    if postgres:
        # By name, so that no password is written to the file.
        config: dict[str, Any] = {"postgres_url": {"env": "DATABASE_URL"}}
        return {"module": postgres_module, "class": postgres_class, "config": config}
    folder = home / "dagster" / name.removesuffix("_storage")
    return {"module": sqlite_module, "class": sqlite_class, "config": {"base_dir": str(folder)}}
