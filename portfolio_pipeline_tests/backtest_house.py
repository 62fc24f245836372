"""A house for back-test reports: a year and a half of simulated prices, a stored choice, stored paper returns."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session, sessions_between
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.ports import Warehouse

STRATEGY = "trend_bonds"
CHOSEN = '{"fast": 20, "slow": 80, "speeds": 1, "volatility_window": 60}'
LAST = date(2024, 7, 3)
FIRST = previous_session(LAST, 379) or LAST
RUN_FIRST = previous_session(LAST, 59) or LAST
SETTINGS = load_settings(PACKAGE_ROOT / "portfolio.yaml")


def store_backtest_house(warehouse: Warehouse) -> None:
    """Prices from FIRST to LAST; the strategy was run over the last 60 sessions, 80% invested."""
    stored, run = SessionRange(FIRST, LAST), SessionRange(RUN_FIRST, LAST)
    warehouse.replace("prices", stored, SimulatedMarketData(SETTINGS.universe).bars(SETTINGS.symbols, stored))
    days = np.array(sessions_between(RUN_FIRST, LAST), dtype="datetime64[s]")
    mine = {"strategy": STRATEGY}
    returns = pd.DataFrame({"session": days, "gross_return": 0.0011, "cost": 0.0001, "net_return": 0.001})
    warehouse.replace("strategy_returns", run, returns.assign(turnover=0.4, cash_return=0.0001, **mine), where=mine)
    book = pd.concat(
        pd.DataFrame({"session": days, "symbol": symbol, "quantity": quantity, "price": price})
        for symbol, quantity, price in (("cash", 0.2, 1.0), ("TLT", 0.008, 100.0))
    )
    warehouse.replace("strategy_paper_books", run, book.assign(sessions_without_bar=0, **mine), where=mine)
    chosen = pd.DataFrame({"session": days[-1:], "parameters": CHOSEN, "objective": "sharpe", "score": 1.0})
    chosen = chosen.assign(
        trials=40, changed=False, plateau_score=1.0, holdout_score=np.nan, reason="", members=1, **mine
    )
    warehouse.replace("optimized_parameters", SessionRange.single(LAST), chosen, where=mine)
