"""The book that `simulation` describes, session by session, compiled. It goes on from a state and gives the next one.

Adds up in one fixed order, so a value has the same bits whatever range it was computed in. Releases the GIL.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array


@njit(cache=True, nogil=True)
def day_loop(
    opens: Array,
    closes: Array,
    cash_return: Array,
    decision_at: Array,
    decisions: Array,
    cost_rate: float,
    delist_after: int,
    quantity: Array,
    price: Array,
    missing: Array,
    cash: float,
    pending: Array,
    has_pending: bool,
    weights: Array,
) -> tuple[Array, Array, Array, float, bool]:  # pragma: no cover
    """Play every session, as `simulation.simulate_plainly` does; the state's arrays are changed in place.

    `decision_at[t]` is the row of `decisions` made at the close of t, or -1. `weights` is filled when it has rows.
    """
    sessions, symbols = opens.shape
    net, cost, turnover = np.zeros(sessions), np.zeros(sessions), np.zeros(sessions)
    before = cash
    for i in range(symbols):
        if quantity[i] != 0.0:
            before += quantity[i] * price[i]
    for t in range(sessions):
        cash += cash * cash_return[t]
        if has_pending and before > 0.0:
            equity, asked, stuck, tradable = cash, 0.0, 0.0, 0.0
            for i in range(symbols):
                asked += abs(pending[i])
                if np.isnan(opens[t, i]):
                    if quantity[i] != 0.0:
                        equity += quantity[i] * price[i]
                        stuck += abs(quantity[i] * price[i])
                else:
                    tradable += abs(pending[i])
                    if quantity[i] != 0.0:
                        equity += quantity[i] * opens[t, i]
            if equity > 0.0:
                scale = 1.0
                if stuck > 0.0 and tradable > 0.0:
                    scale = min(1.0, max(0.0, asked - stuck / equity) / tradable)
                traded = 0.0
                for i in range(symbols):
                    if not np.isnan(opens[t, i]):
                        wanted = pending[i] * scale * equity / opens[t, i]
                        change = wanted - quantity[i]
                        traded += abs(change) * opens[t, i]
                        cash -= change * opens[t, i]
                        quantity[i] = wanted
                cash -= cost_rate * traded
                turnover[t] = traded / before
                cost[t] = cost_rate * traded / before
        for i in range(symbols):
            if np.isnan(closes[t, i]):
                if quantity[i] != 0.0:
                    missing[i] += 1
                    if missing[i] >= delist_after:
                        cash += quantity[i] * price[i]
                        quantity[i] = 0.0
            else:
                price[i] = closes[t, i]
                missing[i] = 0
            if quantity[i] == 0.0:
                missing[i] = 0
        after = cash
        for i in range(symbols):
            if quantity[i] != 0.0:
                after += quantity[i] * price[i]
        if before > 0.0:
            if after <= 0.0:
                cash, after = 0.0, 0.0
                for i in range(symbols):
                    quantity[i] = 0.0
                    missing[i] = 0
            net[t] = after / before - 1.0
        if weights.shape[0] > 0:
            for i in range(symbols):
                weights[t, i] = quantity[i] * price[i] / after if quantity[i] != 0.0 else 0.0
        before = after
        has_pending = decision_at[t] >= 0
        if has_pending:
            for i in range(symbols):
                pending[i] = decisions[decision_at[t], i]
    return net, cost, turnover, cash, has_pending
