"""Column lineage as the UI takes it: from the declared origins of a table's columns, or from what SQL says.

The open-source web UI knows column lineage without drawing it, so each asset also shows it as a table to be read. It
follows from the code alone, so it is told with an asset's definition: a run would store it again every day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from portfolio_pipeline.components.filling import asset_keys
from portfolio_pipeline.core.tables import Table

Lineage = Mapping[str, Iterable[tuple[str, str]]]
"""For each column the tables and columns that it comes from."""


def lineage_metadata(lineage: Lineage, strategies: Sequence[str]) -> dict[str, Any]:
    """What an asset's definition says of its columns, for programs and for people."""
    return {
        "dagster/column_lineage": column_lineage(lineage, strategies),
        "columns come from": dg.MetadataValue.md(readable_lineage(lineage)),
    }


def declared_lineage(table: Table, seen: Collection[str]) -> Lineage:
    """What the declaration of a table says of its columns (`core.tables`), as far as an asset has seen those tables."""
    return {
        column.name: [origin for origin in map(_origin, column.comes_from) if origin[0] in seen]
        for column in table.columns
    }


def column_lineage(lineage: Lineage, strategies: Sequence[str]) -> dg.TableColumnLineage:
    """Columns of an asset's further tables are shown as its own."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=key, column_name=name)
                for key, name in dict.fromkeys(
                    (key, name) for table, name in sources for key in asset_keys(table, strategies)
                )
            ]
            for column, sources in lineage.items()
        }
    )


def readable_lineage(lineage: Lineage) -> str:
    """The same for the eye."""
    lines = [
        f"| `{column}` | {', '.join(f'`{table}.{name}`' for table, name in sorted(sources)) or '-'} |"
        for column, sources in lineage.items()
    ]
    return "\n".join(["| column | comes from |", "|---|---|", *lines])


def _origin(text: str) -> tuple[str, str]:
    table, _, column = text.partition(".")
    return table, column
