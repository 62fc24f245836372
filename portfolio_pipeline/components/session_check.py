"""Checks of an asset's rows: how they are declared, and what they say in the UI.

A check runs in its asset's own step, right after the rows are stored: a step of its own would cost more than the
question. A blocking one that fails stops whatever is downstream in the same run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.partitions import SESSIONS
from portfolio_pipeline.reports.tables import markdown_table

ALL_ROWS = "all of them, in SQL"
ASSET_ROWS = "what was stored"
_FEW = 4  # columns of a row that tell which it is


@dataclass(frozen=True)
class SessionCheck:
    """A question about the sessions just stored. The function is given `sessions`, and resources by their names."""

    name: str
    description: str
    blocking: bool
    function: Callable[..., dg.AssetCheckResult]
    metadata: Mapping[str, Any] | None = None

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        return dict(inspect.signature(self.function).parameters)

    def spec(self, asset: dg.AssetKey) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(
            self.name,
            asset=asset,
            description=self.description,
            blocking=self.blocking,
            metadata=self.metadata,
            partitions_def=SESSIONS,
        )

    def result(self, asset: dg.AssetKey, given: Mapping[str, Any], table: str) -> dg.AssetCheckResult:
        """What the function found; where it fails, with the way to all of the rows, in `table` unless it says where."""
        found = self.function(**{name: given[name] for name in self.parameters})
        if not found.passed:
            sessions: SessionRange = given["sessions"]
            ways = {ALL_ROWS: all_rows_of(table, sessions), ASSET_ROWS: page_of(asset, sessions)}
            found = found._replace(metadata={**ways, **found.metadata})
        return found._replace(asset_key=asset, check_name=self.name)


def page_of(asset: dg.AssetKey, sessions: SessionRange) -> dg.UrlMetadataValue:
    """The page of the web UI that shows what was stored of the newest session."""
    return dg.MetadataValue.url(f"/assets/{'/'.join(asset.path)}?view=partitions&partition={sessions.last}")


def all_rows_of(table: str, sessions: SessionRange) -> dg.MarkdownMetadataValue:
    """How to ask for everything that a table holds of the sessions."""
    return as_sql(f"select * from {table} where session between '{sessions.first}' and '{sessions.last}'")


def as_sql(statement: str) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"```sql\n{statement.strip()}\n```")


def in_words(rows: Sequence[Mapping[str, object]], count: int | None = None) -> str:
    """How many rows there are, and the first of them."""
    count = len(rows) if count is None else count
    first = ", ".join(f"{name} {value}" for name, value in list(rows[0].items())[:_FEW])
    return f"1 row: {first}" if count == 1 else f"{count:,} rows, the first: {first}"


def session_check(
    *, name: str | None = None, description: str | None = None, blocking: bool = False
) -> Callable[[Callable[..., dg.AssetCheckResult]], SessionCheck]:
    """Makes a check of a function. Its docstring is what people read, unless `description` is given."""

    def decorate(function: Callable[..., dg.AssetCheckResult]) -> SessionCheck:
        told = description or inspect.getdoc(function) or ""
        return SessionCheck(name or function.__name__, told, blocking, function)

    return decorate


def check_result(
    offending: Sequence[Mapping[str, object]],
    *,
    warnings: Sequence[Mapping[str, object]] = (),
    checked: int,
    remedy: str = "",
) -> dg.AssetCheckResult:
    """Fails on any offending row; `warnings` are shown and pass. `checked` says how many rows were looked at."""
    metadata: dict[str, Any] = {"checked": checked, "offending": len(offending), "warnings": len(warnings)}
    if offending:
        metadata["offending rows"] = dg.MetadataValue.md(markdown_table(offending))
    if warnings:
        metadata["rows with warnings"] = dg.MetadataValue.md(markdown_table(warnings))
    description = f"{len(offending)} of {checked} do not hold. {remedy}".strip() if offending else None
    return dg.AssetCheckResult(passed=not offending, metadata=metadata, description=description)
