"""The peers' side of `sweep`: vectorbt and bt, run in an environment of their own.

Usage: python -m portfolio_pipeline_tests.benchmarks.sweep_peers RESULT.npz SHARE. Writes how long each took, and equity
curves of some parameter sets with SHARE of the capital at work. Imports nothing of the project but `sweep_rule`.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from portfolio_pipeline_tests.benchmarks.sweep_rule import (
    COST_RATE,
    GRID,
    ROWS,
    SESSIONS,
    SYMBOLS,
    Targets,
    closes,
    sharpe,
)

warnings.simplefilter("ignore")
CHUNKS = (1, 2, 4)
COMPARED = tuple(range(0, len(GRID), 23))
TARGET_PERCENT = 5


def vectorbt_equity(
    close: np.ndarray, weights: list[np.ndarray], cost_rate: float, *, filled_only: bool = False
) -> np.ndarray:
    """Equity [sessions, candidates] from one call of vectorbt's Rust simulation over all columns, cash shared by group.

    The call that Portfolio.from_orders ends in, without what that prepares, and marked from its order records with
    NumPy: less than half of the time of Portfolio.value(), which gives the same. With `filled_only` vectorbt sees only
    the sessions that trade.
    """
    from vectorbt.portfolio import dispatch  # type: ignore[import-not-found]

    rows = ROWS + 1
    seen = rows if filled_only else np.arange(SESSIONS)
    groups = len(weights)
    shape = (len(seen), groups * SYMBOLS)
    lengths = np.full(groups, SYMBOLS)
    prices = np.tile(close[seen], (1, groups))
    size = np.full(shape, np.nan)
    size[np.searchsorted(seen, rows)] = np.concatenate(weights, axis=1)
    orders, _ = dispatch.simulate_from_orders(
        shape,
        lengths,
        np.ones(groups),
        dispatch.build_call_seq(shape, lengths, 0),
        size=size,
        price=prices,
        size_type=np.array(TARGET_PERCENT),
        fees=np.array(cost_rate),
        val_price=prices,
        close=prices,
        auto_call_seq=True,
        ffill_val_price=False,
        max_orders=len(rows) * SYMBOLS * groups,
        engine="rust",
    )
    row, column = seen[orders["idx"]], orders["col"]
    signed = np.where(orders["side"] == 0, orders["size"], -orders["size"])
    bought, cash = np.zeros((SESSIONS, groups * SYMBOLS)), np.zeros((SESSIONS, groups))
    bought[row, column] = signed
    np.add.at(cash, (row, column // SYMBOLS), -signed * orders["price"] - orders["fees"])
    held = bought.cumsum(axis=0).reshape(SESSIONS, groups, SYMBOLS)
    equity: np.ndarray = 1.0 + cash.cumsum(axis=0) + np.einsum("tcn,tn->tc", held, close)
    return equity


def bt_equity(close: np.ndarray, weights: np.ndarray, cost_rate: float) -> np.ndarray:
    """Equity at each close of bt with fractional shares, traded at the close of the session after the decision."""
    import bt  # type: ignore[import-not-found]

    days, names = pd.date_range("2000-01-03", periods=SESSIONS, freq="B"), [f"S{i:02d}" for i in range(SYMBOLS)]
    targets = pd.DataFrame(weights, index=days[ROWS + 1], columns=names)
    strategy = bt.Strategy("s", [bt.algos.WeighTarget(targets), bt.algos.Rebalance()])
    test = bt.Backtest(
        strategy,
        pd.DataFrame(close, index=days, columns=names),
        initial_capital=1e6,
        commissions=lambda quantity, price: abs(quantity) * price * cost_rate,
        integer_positions=False,
        progress_bar=False,
    )
    test.run()
    equity: np.ndarray = test.strategy.values.to_numpy()[-SESSIONS:] / 1e6
    return equity


def seconds(work: Callable[[], object], repetitions: int) -> float:
    """The best of some repetitions, after one that compiles and loads."""
    work()
    best = np.inf
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def sweep(close: np.ndarray, chunk: int, filled_only: bool, count: int) -> np.ndarray:
    targets, ratios = Targets(close), []
    for first in range(0, count, chunk):
        weights = [targets.of(*parameters) for parameters in GRID[first : first + chunk]]
        ratios.append(sharpe(vectorbt_equity(close, weights, COST_RATE, filled_only=filled_only)))
    return np.concatenate(ratios)


def main(path: str, share: float) -> None:
    close = closes()
    result: dict[str, Any] = {}
    # The best chunk is sought on a part of the grid, and then does all of it.
    chunk = min(CHUNKS, key=lambda size: seconds(lambda: sweep(close, size, False, 40), 1))
    result["vectorbt_per_second"] = len(GRID) / seconds(lambda: sweep(close, chunk, False, len(GRID)), 3)
    result["vectorbt_fills_per_second"] = len(GRID) / seconds(lambda: sweep(close, 4, True, len(GRID)), 3)
    result["vectorbt_sharpe"] = sweep(close, chunk, False, len(GRID))
    targets = Targets(close)
    parameters = [GRID[c] for c in COMPARED]
    full = [targets.of(*one) for one in parameters]
    part = [share * one for one in full]
    result["compared"] = np.array(COMPARED)
    result["vectorbt_part"] = vectorbt_equity(close, part, COST_RATE)
    result["vectorbt_full"] = vectorbt_equity(close, full, COST_RATE)
    result["bt_free"] = np.stack([bt_equity(close, one, 0.0) for one in part[:3]], axis=1)
    result["bt_costs"] = np.stack([bt_equity(close, one, COST_RATE) for one in part[:3]], axis=1)
    result["bt_per_second"] = 1.0 / seconds(lambda: bt_equity(close, full[0], COST_RATE), 2)
    np.savez(path, **result)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
