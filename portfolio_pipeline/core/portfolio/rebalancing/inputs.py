"""What the paper returns of a quarter said of each strategy at each session: the figures beside a decision.

The methods look at windows of their own; these are for people, the same whatever the method. NaN policy: NaN is a
session before the strategy had returns, and left out; with fewer than FEWEST nothing is known. A figure that would
divide by nothing is NaN. Time: row t sees returns up to t. Each row is found from its own window, so that one session
alone gives the same bits as many.
"""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.weighing.covariances import FEWEST

WINDOW = 63
FIGURES = ("mean_return", "volatility", "sharpe", "max_drawdown", "win_rate")
_MOTIONLESS = 1e-12


def inputs(returns: Array, count: int) -> dict[str, Array]:
    """[count, strategies] of each figure, for the last `count` rows of `returns` ([sessions, strategies])."""
    size = returns.shape[1]
    found = {name: np.full((count, size), np.nan) for name in FIGURES}
    ahead = max(0, WINDOW - 1 - (len(returns) - count))
    padded = np.vstack([np.full((ahead, size), np.nan), returns])[-(count + WINDOW - 1) :]
    for column in range(size):
        windows = np.lib.stride_tricks.sliding_window_view(padded[:, column], WINDOW)
        whole = ~np.isnan(windows).any(axis=1)
        rows = np.flatnonzero(whole)
        for name, values in _figures(np.ascontiguousarray(windows[rows])).items():
            found[name][rows, column] = values
        for row in np.flatnonzero(~whole).tolist():
            known = windows[row][~np.isnan(windows[row])]
            if len(known) >= FEWEST:
                for name, values in _figures(known[None, :]).items():
                    found[name][row, column] = values[0]
    return found


def _figures(windows: Array) -> dict[str, Array]:
    mean, deviation = windows.mean(axis=1), windows.std(axis=1, ddof=1)
    wealth = np.cumprod(1.0 + windows, axis=1)
    highest = np.maximum(np.maximum.accumulate(wealth, axis=1), 1.0)
    gains, losses = (windows > 0.0).sum(axis=1), (windows < 0.0).sum(axis=1)
    moved = deviation > _MOTIONLESS
    with np.errstate(invalid="ignore", divide="ignore"):
        sharpe = np.where(moved, mean / deviation * np.sqrt(SESSIONS_PER_YEAR), np.nan)
        rate = np.where(gains + losses > 0, gains / (gains + losses), np.nan)
    return {
        "mean_return": mean * SESSIONS_PER_YEAR,
        "volatility": deviation * np.sqrt(SESSIONS_PER_YEAR),
        "sharpe": sharpe,
        "max_drawdown": (wealth / highest - 1.0).min(axis=1, initial=0.0),
        "win_rate": rate,
    }
