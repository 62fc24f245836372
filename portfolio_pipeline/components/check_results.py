"""What a check of rows says in the UI: whether all hold, how many do not, and the offending rows as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from portfolio_pipeline.reports.tables import markdown_table


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
