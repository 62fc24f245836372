"""The asset `features`: what is known of each symbol at each close, from bars up to that close.

It also brings what was stored before its range in line with the prices stored now: rows that were made of a bar since
restated, left out, or made by a version that knew fewer columns. So one run leaves no stale row behind it.
"""

import dagster as dg
import numpy as np

from portfolio_pipeline.components.check_results import markdown_table
from portfolio_pipeline.components.session_asset import closed_sessions, session_asset, stored
from portfolio_pipeline.core.arrays import days
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.features.families import STORED_FEATURES, columns_of_prices
from portfolio_pipeline.core.market.features import feature_rows, first_stale
from portfolio_pipeline.core.tables import FEATURES
from portfolio_pipeline.ports import Clock, Warehouse
from portfolio_pipeline.reads.features import stored_adjusted_prices
from portfolio_pipeline.reads.prices import price_history, stored_symbols


@session_asset(table=FEATURES, group="research", kinds={"python"}, deps=["prices"])
def features(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse], clock: dg.ResourceParam[Clock]
) -> dg.MaterializeResult:
    sessions = closed_sessions(context, clock)
    with warehouse.reading() as reader:
        panel = price_history(reader, stored_symbols(reader, sessions.last), sessions.last)
        known = stored_adjusted_prices(reader, panel.symbols, panel.sessions)
    start = int(np.searchsorted(panel.sessions, np.datetime64(sessions.first, "D")))
    first = first_stale(panel, known.rows(0, start))
    rows = feature_rows(panel, first)
    warehouse.replace(FEATURES.name, SessionRange(panel.sessions[first].item(), sessions.last), rows)
    return stored(
        context,
        sessions,
        rows=int((days(rows) >= panel.sessions[start]).sum()),
        metadata={
            "symbols": len(panel.symbols),
            "earlier sessions made again": start - first,
            "dagster/column_lineage": _column_lineage(),
            "families": dg.MetadataValue.md(markdown_table(_families())),
        },
    )


def _column_lineage() -> dg.TableColumnLineage:
    prices = dg.AssetKey(["prices"])
    return dg.TableColumnLineage(
        {
            column.name: [
                dg.TableColumnDep(asset_key=prices, column_name=source)
                for source in columns_of_prices(column.family.name)
            ]
            for column in STORED_FEATURES
        }
    )


def _families() -> list[dict[str, object]]:
    """What each column means, what it is made of and what it sees of time, for the eye."""
    return [
        {
            "column": f"`{column.name}`",
            "made of": ", ".join(column.family.inputs),
            "sees": column.family.sees,
            "missing": column.family.missing,
        }
        for column in STORED_FEATURES
    ]
