"""Splits and dividends as the source delivers them, apart from the bars they stand on.

A bar that is refused, or a row without prices, may still say truly that the symbol was split: whoever holds it has to
know. Which of these actions are believed is decided beside the sessions before (`bar_sequence`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.quality.bar_rules import WRONG_ACTION, broken, within
from portfolio_pipeline.core.tables import CORPORATE_ACTIONS

_ACTION = ["session", "symbol", "dividend", "split_ratio"]


def delivered_actions(delivered: pd.DataFrame, *, sessions: SessionRange, symbols: Sequence[str]) -> pd.DataFrame:
    """At most one action per session and symbol, with the close that was delivered with it, NaN where it is unclear.

    Rows of a symbol and session that say different things of its action say nothing.
    """
    rows, day = within(delivered, sessions)
    open_days = day == rows["session"].to_numpy().astype("datetime64[D]")
    rows = rows[open_days & rows["symbol"].isin(list(symbols)).to_numpy()]
    rows = rows[~broken(WRONG_ACTION, rows)][[*_ACTION, "close"]]
    told = rows[_ACTION].drop_duplicates()
    several = told.duplicated(["session", "symbol"], keep=False)
    told = told[~several & ((told["dividend"] != 0) | (told["split_ratio"] != 1))]
    closes = rows.drop_duplicates().drop_duplicates(["session", "symbol"], keep=False)
    return told.merge(closes, how="left", on=_ACTION)


def actions_of(prices: pd.DataFrame, without_bar: pd.DataFrame) -> pd.DataFrame:
    """Rows of `corporate_actions`: those of accepted bars, and those in force without one."""
    on_bars = prices[(prices["dividend"] != 0) | (prices["split_ratio"] != 1)]
    columns = list(CORPORATE_ACTIONS.column_names)
    parts = [part[columns] for part in (on_bars, without_bar) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else no_actions()


def no_actions() -> pd.DataFrame:
    texts = {name: pd.Series(dtype=object) for name in ("symbol", "source")}
    numbers = {name: pd.Series(dtype=np.float64) for name in ("dividend", "split_ratio")}
    days = {"session": pd.Series(dtype="datetime64[s]")}
    return pd.DataFrame(texts | numbers | days)[list(CORPORATE_ACTIONS.column_names)]
