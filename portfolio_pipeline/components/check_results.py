"""What a check of rows says in the UI: whether all hold, how many do not, and the offending rows as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

SHOWN = 20


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


def markdown_table(rows: Sequence[Mapping[str, object]]) -> str:
    """The first rows as a markdown table, and how many more there are."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_shown(row[name]) for name in names) + " |" for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        lines.append(f"\nand {len(rows) - SHOWN} more")
    return "\n".join(lines)


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value).replace("|", "\\|")
