"""Small tables for the warehouse's tests, so that they do not depend on what the house's tables happen to hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from portfolio_pipeline.adapters.warehouse.duckdb import DuckDBWarehouse
from portfolio_pipeline.adapters.warehouse.migrations import Migration
from portfolio_pipeline.adapters.warehouse.postgres import PostgresWarehouse
from portfolio_pipeline.adapters.warehouse.tables import TableWarehouse
from portfolio_pipeline.core.tables import Column, Table

SESSION = Column("session", "date", "a session")
WEIGHTS = Table(
    "weights",
    "one row per session, strategy and symbol",
    "Numbers that must be there.",
    ("session", "strategy", "symbol"),
    (SESSION, Column("strategy", "text", ""), Column("symbol", "text", ""), Column("weight", "double", "")),
)
FIGURES = Table(
    "figures",
    "one row per session and name",
    "One nullable column of every type.",
    ("session", "name"),
    (
        SESSION,
        Column("name", "text", ""),
        Column("number", "double", "", nullable=True),
        Column("whole", "bigint", "", nullable=True),
        Column("flag", "boolean", "", nullable=True),
        Column("moment", "timestamp", "", nullable=True),
        Column("day", "date", "", nullable=True),
        Column("words", "text", "", nullable=True),
    ),
)
EVENTS = Table("events", "one row per event", "A table without sessions.", ("event",), (Column("event", "bigint", ""),))
TABLES = (WEIGHTS, FIGURES, EVENTS)


def opened(
    url: str, tables: Sequence[Table] = TABLES, migrations: Sequence[Migration] = (), *, wait_seconds: float = 60.0
) -> TableWarehouse:
    """A warehouse of these tables instead of the house's."""
    if url.startswith("duckdb"):
        path = Path(url.removeprefix("duckdb:///"))
        return DuckDBWarehouse(path, wait_seconds=wait_seconds, tables=tables, migrations=migrations)
    return PostgresWarehouse(url, wait_seconds=wait_seconds, tables=tables, migrations=migrations)


def weights(session: date, weight: float, symbols: int = 20, strategy: str = "trend") -> pd.DataFrame:
    names = [f"S{number:04}" for number in range(symbols)]
    return pd.DataFrame({"session": session, "strategy": strategy, "symbol": names, "weight": weight})
