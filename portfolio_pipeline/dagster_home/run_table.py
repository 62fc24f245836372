"""Dagster's table of runs, read where it is stored.

Whoever only wants to know how the newest run ended would wait a second and more for Dagster to be imported and to open
its instance. Only that question belongs here, and only columns that Dagster has kept since its first release.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from portfolio_pipeline.dagster_home.sound_storage import opened

if TYPE_CHECKING:
    from portfolio_pipeline.ports import Warehouse

FAILURE = "FAILURE"
_NEWEST = (
    "select run_id, status, cast(create_timestamp as text) as created from runs where pipeline_name <> $1"
    " order by create_timestamp desc, id desc limit 1"
)


@dataclass(frozen=True)
class StoredRun:
    """One run; `created_at` is UTC without a zone."""

    run_id: str
    status: str
    created_at: datetime


def newest_run(home: Path, warehouse: Warehouse, *, not_of: str) -> StoredRun | None:
    """The newest run of any job but that one; None before the first."""
    # Dagster's storage is in the same database if that is Postgres, see `prepare`; else in a file of its own.
    found = _in_postgres(warehouse, not_of) if warehouse.engine == "postgres" else _in_sqlite(home, not_of)
    if found is None:
        return None
    run_id, status, created = found
    return StoredRun(run_id, status, datetime.fromisoformat(created))


def _in_postgres(warehouse: Warehouse, not_of: str) -> tuple[str, str, str] | None:
    with warehouse.reading() as reader:
        if reader.query("select to_regclass('runs')::text as name")["name"].to_pylist() == [None]:
            return None
        rows = reader.query(_NEWEST, [not_of]).to_pylist()
    return (rows[0]["run_id"], rows[0]["status"], rows[0]["created"]) if rows else None


def _in_sqlite(home: Path, not_of: str) -> tuple[str, str, str] | None:
    file = home / "dagster" / "run" / "runs.db"
    if not file.exists():
        return None
    with opened(file) as connection:
        if not connection.execute("select 1 from sqlite_master where name = 'runs'").fetchall():
            return None
        row: tuple[str, str, str] | None = connection.execute(_NEWEST.replace("$1", "?"), [not_of]).fetchone()
    return row
