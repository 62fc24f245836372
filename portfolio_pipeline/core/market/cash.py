"""What cash earns: a rate a year, or what a symbol of the universe brought, from one close to the next open.

Cash left at the close of D is paid before the open of the next session: a rate for the days in between, a symbol's
return over D itself, so that what it will be is known at the close of D. Cash that is owed pays the same, and the
proceeds of short sales earn it. What is above cash (`above_cash`) is what a strategy is judged by.

NaN policy: a symbol without a bar at D, or at none before, earns nothing. Time: the row of D sees closes up to D.
"""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, forward_fill
from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline.core.market.panel import AdjustedPrices

RiskFreeRate = float | str
"""A fraction a year, or a symbol."""
_DAYS_PER_YEAR = 365.0
_ROUNDING = 1e-12  # of a return: what is left of an idle session


def cash_rows(panel: AdjustedPrices, rate: RiskFreeRate, first: int) -> pd.DataFrame:
    """Rows of cash_returns for the sessions of the panel from row `first` on."""
    sessions = panel.sessions[first:]
    if isinstance(rate, str):
        known = rate in panel.symbols  # before its first bar nobody knows of it
        closes = panel.select((rate,)).adjusted_close[:, 0] if known else np.full(len(panel.sessions), np.nan)
        earned = _of_symbol(closes)[first:]
        origin = f"the return of {rate} over the session"
    else:
        # One number at a time: vectorised powers may round differently by position.
        earned = np.array([_of_days(rate, day) for day in sessions.astype(object)])
        origin = f"{rate:g} a year, for the days to the next session" if rate else "nothing"
    return pd.DataFrame({"session": sessions.astype("datetime64[s]"), "cash_return": earned, "origin": origin})


def _of_symbol(closes: Array) -> Array:
    """Its return over each session with a bar; 0 elsewhere."""
    before = np.full(len(closes), np.nan)
    before[1:] = forward_fill(closes[:, None])[:-1, 0]
    earned: Array = np.nan_to_num(closes / before - 1.0, nan=0.0)
    return earned


def _of_days(rate: float, day: date) -> float:
    return math.pow(1.0 + rate, (next_session(day) - day).days / _DAYS_PER_YEAR) - 1.0


def above_cash(returns: Array, cash: Array) -> Array:
    """Of returns of the sessions, what is more than cash earned in them; the last axis is that of `cash`."""
    if not cash.any():
        return returns
    more = (returns - cash) / (1.0 + cash)
    return np.where(np.abs(more) < _ROUNDING, 0.0, more)
