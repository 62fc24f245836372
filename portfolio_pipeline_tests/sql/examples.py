"""The examples under `dbt_like_sql/tests/`: rows in, rows out, for a model or an audit.

What an example does not say of a given row is filled in; of the result only the columns it names are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
import yaml

from portfolio_pipeline.adapters.warehouse.lived import rebuilding
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import Column, table
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.run import SQL_FOLDER, audit_rows, create_views, project_library

Row = dict[str, Any]
_FILLER: dict[str, Any] = {
    "date": date(2000, 1, 3),
    "text": "",
    "double": 0.0,
    "bigint": 0,
    "boolean": False,
    "timestamp": datetime(2000, 1, 3),  # noqa: DTZ001 - the tables hold UTC without a zone
}


@dataclass(frozen=True)
class Example:
    """One example; `name` is the sentence it stands under."""

    name: str
    subject: str
    is_audit: bool
    given: dict[str, list[Row]]
    expect: list[Row]
    sessions: SessionRange

    def result(self, warehouse: Warehouse) -> list[Row]:
        """What the engine makes of the given rows."""
        library = project_library()
        with rebuilding(warehouse.location, date.min):
            for name, rows in self.given.items():
                if not table(name).by_session:
                    with warehouse.transaction() as tx:
                        tx.delete(name, None)
                        tx.insert(name, _filled(name, rows))
                    continue
                days = [row["session"] for row in rows]
                warehouse.replace(name, SessionRange(min(days), max(days)), _filled(name, rows))
        if self.is_audit:
            found = audit_rows(warehouse, library, self.subject, self.sessions)
        else:
            create_views(warehouse, library, [self.subject])
            found = warehouse.query(f"select * from {self.subject}")
        columns = list(self.expect[0])
        return sorted(found.select(columns).to_pylist(), key=lambda row: [str(row[name]) for name in columns])


def examples() -> list[Example]:
    return [
        _example(name, entry)
        for path in sorted((SQL_FOLDER / "tests").glob("*.yaml"))
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items()
    ]


def _example(name: str, entry: dict[str, Any]) -> Example:
    days = [row["session"] for rows in entry["given"].values() for row in rows if "session" in row]
    first, last = entry.get("sessions", (min(days), max(days)))
    subject = entry.get("audit") or entry["model"]
    return Example(name, subject, "audit" in entry, entry["given"], entry["expect"], SessionRange(first, last))


def _filled(name: str, rows: list[Row]) -> pd.DataFrame:
    columns = table(name).columns
    return pd.DataFrame([{column.name: row.get(column.name, _filler(column)) for column in columns} for row in rows])


def _filler(column: Column) -> Any:
    if column.nullable:
        return None
    if column.name == "split_ratio":
        return 1.0
    return column.one_of[0] if column.one_of else _FILLER[column.type]
