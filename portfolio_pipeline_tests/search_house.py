"""The house of back-test reports with features, for searches on request: a year and a half of simulated prices."""

from __future__ import annotations

import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.features import feature_rows
from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.prices import price_history
from portfolio_pipeline_tests.backtest_house import CHOSEN, FIRST, LAST, SETTINGS, STRATEGY, store_backtest_house

OWN = ("search_requests", "search_request_trials")
# Of trend_bonds, with windows that leave room in a short history: 54 sets.
SPACE = {"fast": "20:40:10", "slow": "80:100:20", "volatility_window": "20,60,80"}


def store_search_house(warehouse: Warehouse) -> None:
    store_backtest_house(warehouse)
    with warehouse.reading() as reader:
        panel = price_history(reader, SETTINGS.symbols, LAST)
    warehouse.replace("features", SessionRange(FIRST, LAST), feature_rows(panel, 0))
    used = pd.DataFrame({"session": [LAST], "strategy": STRATEGY, "member": 1, "parameters": CHOSEN, "share": 1.0})
    warehouse.replace("parameter_mixtures", SessionRange.single(LAST), used)


def own_rows(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    """What is kept of requests."""
    return {name: frame(warehouse.read(name)) for name in OWN}


def writes_elsewhere(warehouse: Warehouse) -> dict[str, int]:
    """How often each of the other tables was written."""
    return {table.name: warehouse.version(table.name) for table in TABLES if table.name not in OWN}
