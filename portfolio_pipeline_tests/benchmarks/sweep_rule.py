"""The rule of `sweep` in plain NumPy: its market, its grid and its targets; the peers' way to them and our oracle.

Imports NumPy alone, since peers run it in environments without this project. 5,040 sessions of 50 symbols; at the first
session of each month the `top` symbols by momentum are held in equal parts where they stand above their moving average.
"""

from __future__ import annotations

import numpy as np

SESSIONS, SYMBOLS = 5040, 50
LOOKBACKS = tuple(range(92, 245, 8))
TOPS = tuple(range(2, 9))
WINDOWS = (50, 100, 150, 200)
GRID = [(lookback, top, window) for lookback in LOOKBACKS for top in TOPS for window in WINDOWS]
# Weekdays stand for sessions. Decided at the first close of each month and traded at the close of the next session.
DAYS = np.busday_offset(np.full(SESSIONS, np.datetime64("2005-01-03")), np.arange(SESSIONS))
ROWS = np.flatnonzero(np.append(True, np.diff(DAYS.astype("datetime64[M]").astype(int)) > 0))
COST_RATE = 0.001
FIRST = max(*LOOKBACKS, *WINDOWS)


def closes() -> np.ndarray:
    """Random walks with a common part, [sessions, symbols]."""
    rng = np.random.default_rng(20)
    shared = rng.normal(0.0002, 0.008, (SESSIONS, 1))
    return 100.0 * np.cumprod(1.0 + shared + rng.normal(0.0001, 0.012, (SESSIONS, SYMBOLS)), axis=0)


class Targets:
    """Target weights [ROWS, symbols] of parameter sets; what they share is computed once."""

    def __init__(self, close: np.ndarray) -> None:
        total = np.cumsum(np.concatenate([np.zeros((1, SYMBOLS)), close]), axis=0)
        self._order = {
            n: np.argsort(-(close[ROWS] / close[np.maximum(ROWS - n, 0)]), axis=1, kind="stable") for n in LOOKBACKS
        }
        self._above = {n: close[ROWS] > (total[ROWS + 1] - total[np.maximum(ROWS + 1 - n, 0)]) / n for n in WINDOWS}

    def of(self, lookback: int, top: int, window: int) -> np.ndarray:
        weights = np.zeros((len(ROWS), SYMBOLS))
        np.put_along_axis(weights, self._order[lookback][:, :top], 1.0 / top, axis=1)
        known = (lookback <= ROWS) & (window <= ROWS + 1)
        return np.where(self._above[window] & known[:, None], weights, 0.0)


def sharpe(equity: np.ndarray) -> np.ndarray:
    """Annual Sharpe ratio of each column of equity [sessions, candidates], from FIRST on."""
    returns = equity[FIRST:] / equity[FIRST - 1 : -1] - 1.0
    ratios: np.ndarray = returns.mean(axis=0) / returns.std(axis=0, ddof=1) * np.sqrt(252.0)
    return ratios
