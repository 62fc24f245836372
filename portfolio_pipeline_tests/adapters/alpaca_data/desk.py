"""The vendor at its server: the clock is the server's, and it hardly waits."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline.adapters.market_data.alpaca.desk import DataDesk
from portfolio_pipeline.adapters.market_data.alpaca.kept_bars import KeptBars
from portfolio_pipeline.adapters.market_data.alpaca.vendor import AlpacaMarketData
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline_tests.adapters.alpaca.desk import HASTY, ServerClock
from portfolio_pipeline_tests.fakes.alpaca.data_server import AlpacaDataServer

DAY = date(2026, 3, 5)
UNIVERSE = load_settings(SHIPPED_SETTINGS).universe
SYMBOLS = ("GLD", "IEF", "SPY", "TLT")
FIGURES = ["session", "symbol", "open", "high", "low", "close", "volume", "dividend", "split_ratio"]


def market(sessions: SessionRange, symbols: tuple[str, ...] = SYMBOLS) -> pd.DataFrame:
    """What really happened: bars with splits and dividends, and a bar missing now and then."""
    return SimulatedMarketData(UNIVERSE).bars(symbols, sessions)


def desk(server: AlpacaDataServer, feed: str = "") -> DataDesk:
    access = AlpacaAccess(server.key, server.secret, data_address=server.url, data_feed=feed)
    return DataDesk(access, HASTY, lambda seconds: None)


def vendor(server: AlpacaDataServer, home: Path, feed: str = "") -> AlpacaMarketData:
    return AlpacaMarketData(desk(server, feed), KeptBars(home), ServerClock(server))


def figures(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without source and retrieval, in one order."""
    return rows[FIGURES].sort_values(["session", "symbol"], ignore_index=True)
