"""A panel of a test's own as the rows that assets read: prices, and the features made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.features import feature_rows
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.ports import Warehouse


def store_panel(warehouse: Warehouse, panel: PricePanel) -> None:
    """Store the panel's bars, and the features of all its sessions."""
    stored = SessionRange(panel.sessions[0].item(), panel.sessions[-1].item())
    row, column = np.nonzero(panel.traded)
    columns = ("open", "high", "low", "close", "volume", "dividend", "split_ratio")
    rows = pd.DataFrame({name: getattr(panel, name)[row, column] for name in columns}).assign(
        session=panel.sessions[row].astype("datetime64[s]"),
        symbol=np.array(panel.symbols, dtype=object)[column],
        source="SIMULATED",
        retrieved_at=pd.Timestamp("2020-01-01").as_unit("us"),
    )
    warehouse.replace("prices", stored, rows)
    warehouse.replace("features", stored, feature_rows(panel, 0))
