"""The warehouse port, on an embedded DuckDB file or on PostgreSQL: chosen by DATABASE_URL, the same from outside.

`tables` is what both have in common; `duckdb` (with its `duckdb_engine`) and `postgres` hold what is the engine's own.
`statements` writes the SQL, `results` gives both engines' answers the same types, `migrations` carries older databases
forward, `file_lock` lets processes take turns. No meaning of any table lives here: they are declared in `core.tables`.
"""

from __future__ import annotations

from pathlib import Path

from portfolio_pipeline.adapters.database_url import unknown
from portfolio_pipeline.ports import Warehouse


def open_warehouse(database_url: str, *, wait_seconds: float = 60.0) -> Warehouse:
    """The warehouse at `duckdb:///PATH` or `postgresql://…`. Nothing is connected, created or checked yet.

    Whoever else holds it is waited for that long.
    """
    if database_url.startswith(("postgresql://", "postgres://")):
        from portfolio_pipeline.adapters.warehouse.postgres import PostgresWarehouse

        return PostgresWarehouse(database_url, wait_seconds=wait_seconds)
    path = database_url.removeprefix("duckdb:///")
    if path == database_url or path in ("", ":memory:"):
        raise unknown(database_url)
    from portfolio_pipeline.adapters.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(Path(path), wait_seconds=wait_seconds)
