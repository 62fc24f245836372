"""The rule of `sweep` in plain NumPy: its market, its grid and its targets; the peers' way to them and our oracle.

Imports NumPy alone, since peers run it in environments without this project. 5,040 sessions of 50 symbols; every 21
sessions the `top` symbols by momentum are held in equal parts where they stand above their moving average.
"""

from __future__ import annotations

import numpy as np

SESSIONS, SYMBOLS = 5040, 50
LOOKBACKS = tuple(range(21, 421, 21))
TOPS = (3, 5, 7, 10, 15)
WINDOWS = (100, 200)
GRID = [(lookback, window, top) for lookback in LOOKBACKS for window in WINDOWS for top in TOPS]
# Decided at the close of these sessions and traded at the close of the next: 218 times.
ROWS = np.arange(461, SESSIONS - 1, 21)
COST_RATE = 0.001
FIRST = int(ROWS[0])


def closes() -> np.ndarray:
    """Random walks with a common part, [sessions, symbols]."""
    rng = np.random.default_rng(20)
    shared = rng.normal(0.0002, 0.008, (SESSIONS, 1))
    return 100.0 * np.cumprod(1.0 + shared + rng.normal(0.0001, 0.012, (SESSIONS, SYMBOLS)), axis=0)


class Targets:
    """Target weights [ROWS, symbols] of parameter sets; what they share is computed once."""

    def __init__(self, close: np.ndarray) -> None:
        total = np.cumsum(close, axis=0)
        self._order = {n: np.argsort(-(close[ROWS] / close[ROWS - n]), axis=1, kind="stable") for n in LOOKBACKS}
        self._above = {n: close[ROWS] > (total[ROWS] - total[ROWS - n]) / n for n in WINDOWS}

    def of(self, lookback: int, window: int, top: int) -> np.ndarray:
        weights = np.zeros((len(ROWS), SYMBOLS))
        np.put_along_axis(weights, self._order[lookback][:, :top], 1.0 / top, axis=1)
        return np.where(self._above[window], weights, 0.0)


def sharpe(equity: np.ndarray) -> np.ndarray:
    """Annual Sharpe ratio of each column of equity [sessions, candidates], from FIRST on."""
    returns = equity[FIRST:] / equity[FIRST - 1 : -1] - 1.0
    return returns.mean(axis=0) / returns.std(axis=0, ddof=1) * np.sqrt(252.0)
