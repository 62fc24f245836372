"""Rows as markdown tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

SHOWN = 20


def first_rows(rows: pa.Table, count: int = 10) -> str:
    records = rows.slice(0, count).to_pylist()
    return markdown_table(records) if records else "no rows"


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
