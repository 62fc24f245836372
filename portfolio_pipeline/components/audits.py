"""The SQL audits of an asset, as checks in its step: each asks for the rows that must not be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from portfolio_pipeline.components.session_check import ALL_ROWS, SessionCheck, as_sql, in_words
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reports.tables import SHOWN
from portfolio_pipeline.sql_models.library import Audit, Library, Model
from portfolio_pipeline.sql_models.render import offending_rows
from portfolio_pipeline.sql_models.run import audit_rows, project_library

PREFIX = "assert_"


def audits_of(asset: dg.AssetKey) -> Sequence[SessionCheck]:
    """The audits whose header names the asset."""
    library = project_library()
    named = [audit for audit in library.audits.values() if audit.header.asset == asset.to_user_string()]
    return [_check(library, audit) for audit in named]


def _check(library: Library, audit: Audit) -> SessionCheck:
    severity = dg.AssetCheckSeverity.WARN if audit.header.severity == "warning" else dg.AssetCheckSeverity.ERROR

    def ask(sessions: SessionRange, warehouse: Warehouse) -> dg.AssetCheckResult:
        rows = audit_rows(warehouse, library, audit.name, sessions)
        return rows_result(rows, severity=severity, query=offending_rows(library, audit, sessions).sql)

    return SessionCheck(
        name=audit.name.removeprefix(PREFIX),
        description=audit.header.description.strip(),
        blocking=False,
        function=ask,
        metadata=shown_sql(audit),
    )


def shown_sql(item: Model | Audit) -> Mapping[str, Any]:
    """The file and its SELECT, for the UI."""
    body = item.query.sql.split("*/", 1)[1].strip()
    return {"sql": dg.MetadataValue.md(f"`{item.query.path}`\n\n```sql\n{body}\n```")}


def rows_result(
    offending: pa.Table, *, query: str = "", severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
) -> dg.AssetCheckResult:
    """Passes without rows; the first of them are shown, and the query that gives them all."""
    metadata: dict[str, Any] = {"offending": len(offending)}
    description = None
    if len(offending):
        description = in_words(offending.slice(0, 1).to_pylist(), len(offending))
        if query:
            metadata[ALL_ROWS] = as_sql(query)
        records = [
            dg.TableRecord({name: str(value) for name, value in row.items()})
            for row in offending.slice(0, SHOWN).to_pylist()
        ]
        schema = dg.TableSchema([dg.TableColumn(name) for name in offending.column_names])
        metadata["offending_rows"] = dg.MetadataValue.table(records, schema=schema)
    return dg.AssetCheckResult(passed=not len(offending), severity=severity, metadata=metadata, description=description)
