"""The asset `features`: what is known of each symbol at each close, from bars up to that close.

It also brings what was stored before its range in line with the prices stored now: rows that were made of a bar since
restated, left out, or made by a version that knew fewer columns. So one run leaves no stale row behind it.
"""

import dagster as dg
import numpy as np

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.core.arrays import days
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.features.families import STORED_FEATURES
from portfolio_pipeline.core.market.cash import cash_rows
from portfolio_pipeline.core.market.features import feature_rows, first_stale
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import CASH_RETURNS, CORPORATE_ACTIONS, FEATURES, PRICE_HOLES, PRICES
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.features import stored_adjusted_prices
from portfolio_pipeline.reads.prices import price_history, stored_symbols
from portfolio_pipeline.reports.tables import markdown_table


@session_asset(
    table=FEATURES,
    group="market",
    begins="market",
    reads=(PRICE_HOLES, PRICES, CORPORATE_ACTIONS),
    also_fills=(CASH_RETURNS,),
)
def features(
    sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse], settings: dg.ResourceParam[Settings]
) -> Stored:
    with warehouse.reading() as reader:
        panel = price_history(reader, stored_symbols(reader, sessions.last), sessions.last)
        known = stored_adjusted_prices(reader, panel.symbols, panel.sessions)
    start = int(np.searchsorted(panel.sessions, np.datetime64(sessions.first, "D")))
    first = first_stale(panel, known.rows(0, start))
    rows = feature_rows(panel, first)
    cash = cash_rows(panel, settings.risk_free_rate, start)
    with warehouse.transaction() as transaction:
        transaction.replace(FEATURES.name, SessionRange(panel.sessions[first].item(), sessions.last), rows)
        transaction.replace(CASH_RETURNS.name, sessions, cash)
    return Stored(
        int((days(rows) >= panel.sessions[start]).sum()),
        {
            "symbols": len(panel.symbols),
            "earlier sessions made again": start - first,
            "cash earns": str(cash["origin"].iloc[-1]),
            "families": dg.MetadataValue.md(markdown_table(_families())),
        },
        came_in=int(panel.traded[start:].sum()),
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
