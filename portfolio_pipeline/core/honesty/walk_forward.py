"""Walk-forward efficiency: how much of what the search promised arrived afterwards.

The chain itself is the walk: parameters used in a session were chosen before it. Their promise is the Sharpe ratio
over the window they were chosen on, fixed when they were chosen; what arrived is the Sharpe ratio of the paper
returns since. Both are per session, so that their ratio is the same as of the annualised ones.

A figure for people: two years of returns say too little about a ratio for a verdict to rest on it.

NaN policy: sessions without a promise or without a return are left out of both. A session is judged on nothing later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.honesty.sharpe import sharpe_ratio
from portfolio_pipeline.core.honesty.trial_sums import Rows, checked_rows


@dataclass(frozen=True, eq=False)
class WalkForward:
    """One entry for each session asked about; NaN while fewer than the fewest sessions have been walked."""

    sessions: Array  # walked, within the trailing window
    promised: Array  # mean in-sample Sharpe ratio of the sets in use
    arrived: Array  # out-of-sample Sharpe ratio
    efficiency: Array  # arrived / promised: below zero when money was lost, NaN where nothing was promised


def walk_forward_by_session(
    promised: Array, out_of_sample: Array, rows: Rows, *, window: int, fewest: int = 63
) -> WalkForward:
    """Efficiency over the window that ends with each session of `rows`.

    `out_of_sample[t]` is the strategy's return in session t; `promised[t]` the Sharpe ratio, per session, that the
    parameter set in use in session t had over its in-sample window when it was chosen (at t-1 or before). A promise
    of zero or less can be neither kept nor broken: its efficiency is NaN.
    """
    promises = np.asarray(promised, dtype=np.float64)
    returns = np.asarray(out_of_sample, dtype=np.float64)
    if promises.shape != returns.shape or returns.ndim != 1:
        raise ValueError(
            f"promised and out_of_sample must be of one length, found {promises.shape} and {returns.shape}"
        )
    asked = checked_rows(rows, len(returns))
    walked = ~np.isnan(promises) & ~np.isnan(returns)
    found = np.full((3, asked.size), np.nan)
    count = np.zeros(asked.size, dtype=np.int64)
    for i, row in enumerate(asked.tolist()):
        recent = slice(max(0, row + 1 - window), row + 1)
        used = walked[recent]
        count[i] = np.count_nonzero(used)
        if count[i] < max(fewest, 2):
            continue
        promise, arrived = float(promises[recent][used].mean()), sharpe_ratio(returns[recent][used])
        found[:, i] = promise, arrived, arrived / promise if promise > 0.0 else np.nan
    return WalkForward(count, *found)
