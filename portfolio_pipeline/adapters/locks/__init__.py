"""Locks that end with their process: files in a folder beside a DuckDB database, advisory locks in Postgres."""

from __future__ import annotations

from pathlib import Path

from portfolio_pipeline.ports.locks import Locks


def open_locks(database_url: str) -> Locks:
    """The locks of everybody who uses this database. Nothing is written or connected yet."""
    if database_url.startswith("duckdb:"):
        from portfolio_pipeline.adapters.locks.files import FileLocks

        file = Path(database_url.removeprefix("duckdb:///"))
        return FileLocks(file.with_name(f"{file.name}.locks"))
    from portfolio_pipeline.adapters.locks.postgres import PostgresLocks

    return PostgresLocks(database_url)
