"""Writes dagster.yaml, from which web UI, daemon and runs learn where events go and how runs are queued."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.dagster_home.private import NO_COMPUTE_LOGS, POSTGRES_STORAGES, SQLITE_STORAGES, misfit
from portfolio_pipeline.dagster_home.run_tags import FIRST_OF_RANGE, ONE_SESSION
from portfolio_pipeline.dagster_home.sound_storage import require_sound_storage

LOGS_KEPT_DAYS = 90
_HEADER = "# Written by `portfolio up`; changes made here are overwritten.\n"
# In place of Dagster's own, where they fit the version that is installed.
_OUR_SQLITE_STORAGES = {
    "run_storage": ("portfolio_pipeline.dagster_home.runs", "LeanSqliteRunStorage"),
    "event_log_storage": ("portfolio_pipeline.dagster_home.event_log", "BatchingSqliteEventLogStorage"),
}
_OUR_POSTGRES_STORAGES = {
    "run_storage": ("portfolio_pipeline.dagster_home.runs", "DeferringPostgresRunStorage"),
    "event_log_storage": ("portfolio_pipeline.dagster_home.event_log", "BatchingPostgresEventLogStorage"),
}


def make_home(home: Path) -> None:
    """The folder, for its owner alone: it holds an account."""
    with _folder_errors(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)


def prepare_dagster_home(home: Path, *, postgres: bool) -> str:
    """Create the folder and its dagster.yaml; with Postgres, Dagster's own storage goes there as well.

    Says why our storages are not used, if they do not fit the Dagster that is installed.
    """
    make_home(home)
    why_not_ours = misfit()
    with _folder_errors(home):
        configuration = instance_configuration(home, postgres=postgres, ours=not why_not_ours)
        text = _HEADER + yaml.safe_dump(configuration, sort_keys=False)
        target = home / "dagster.yaml"
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
    if not postgres:
        require_sound_storage(home)
    return why_not_ours


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


def instance_configuration(home: Path, *, postgres: bool, ours: bool = True) -> dict[str, Any]:
    """What dagster.yaml says, with our storages or with Dagster's own."""
    return {
        **(_postgres_storages(ours=ours) if postgres else _sqlite_storages(home, ours=ours)),
        # Dagster's own takes this process's output away, progress bar and all; what assets say is in the event log.
        "compute_logs": {"module": NO_COMPUTE_LOGS[0], "class": NO_COMPUTE_LOGS[1], "config": {}},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        # Every materialization is an event of level DEBUG: thousands of lines in the log of a run over years.
        "python_logs": {"python_log_level": "INFO"},
        # Sessions one after the other, as they were asked for; who computes is alone with the account (`at_work`).
        # The other places are for what changes nothing of the account, and for halt_trading.
        "concurrency": {
            "runs": {
                "max_concurrent_runs": 4,
                "tag_concurrency_limits": [{"key": tag, "limit": 1} for tag in (ONE_SESSION, FIRST_OF_RANGE)],
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
        # Sensors look every half minute; see `retention` for the logs of runs.
        "retention": {
            "schedule": {"purge_after_days": LOGS_KEPT_DAYS},
            "sensor": {
                "purge_after_days": {"skipped": 2, "started": 2, "success": LOGS_KEPT_DAYS, "failure": LOGS_KEPT_DAYS}
            },
        },
    }


def _postgres_storages(*, ours: bool) -> dict[str, Any]:
    chosen = {**POSTGRES_STORAGES, **(_OUR_POSTGRES_STORAGES if ours else {})}
    # By name, so that no password is written to the file.
    config = {"postgres_url": {"env": "DATABASE_URL"}}
    return {name: {"module": module, "class": kind, "config": config} for name, (module, kind) in chosen.items()}


def _sqlite_storages(home: Path, *, ours: bool) -> dict[str, Any]:
    chosen = {**SQLITE_STORAGES, **(_OUR_SQLITE_STORAGES if ours else {})}
    return {
        name: {
            "module": module,
            "class": kind,
            "config": {"base_dir": str(home / "dagster" / name.removesuffix("_storage"))},
        }
        for name, (module, kind) in chosen.items()
    }
