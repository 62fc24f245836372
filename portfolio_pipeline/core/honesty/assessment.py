"""A strategy's verdict at each session, from what its searches showed and what arrived on paper afterwards.

Here: joining search_statistics, the promises of the parameter sets in use and the paper returns, and what the card says
follows from doubt. Not here: the statistics themselves, and sharing out capital.

A session is judged on what was stored up to it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, days
from portfolio_pipeline.core.honesty.judgement import verdict
from portfolio_pipeline.core.honesty.walk_forward import walk_forward_by_session
from portfolio_pipeline.core.strategies.card import StrategyCard

SEPARATOR = "; "


def assess(card: StrategyCard, history: pd.DataFrame, count: int) -> pd.DataFrame:
    """Rows of strategy_honesty for the last `count` sessions of `history`.

    `history` has one row a session from the first stored one on: session, changed (whether other parameters were
    chosen), net_return (of that session, on paper), and from search_statistics sharpe, deflated_sharpe, overfitting,
    loss and path_loss; NaN where there is none.
    """
    limits = card.honesty
    rows = np.arange(len(history) - count, len(history))
    figures = {name: history[name].to_numpy(dtype=np.float64) for name in _FIGURES}
    promised = promises_in_use(figures["sharpe"], history["changed"].to_numpy(dtype=bool))
    walk = walk_forward_by_session(
        promised,
        figures["net_return"],
        rows,
        window=limits.walk_forward_sessions,
        fewest=limits.fewest_sessions,
    )
    found = [
        verdict(
            limits,
            deflated_sharpe=figures["deflated_sharpe"][row],
            overfitting=figures["overfitting"][row],
            loss=figures["loss"][row],
            promised=walk.promised[place],
            arrived=walk.arrived[place],
            path_loss=figures["path_loss"][row] if card.stage == "candidate" else None,
        )
        for place, row in enumerate(rows.tolist())
    ]
    outcome = np.array([one.outcome for one in found], dtype=object)
    stopped = (outcome == "doubted") & (limits.when_doubted == "no_new_capital")
    return pd.DataFrame(
        {
            "session": days(history)[rows].astype("datetime64[s]"),
            "strategy": card.name,
            "verdict": outcome,
            "reasons": [SEPARATOR.join(one.reasons) for one in found],
            "deflated_sharpe": figures["deflated_sharpe"][rows],
            "overfitting": figures["overfitting"][rows],
            "promised_sharpe": walk.promised,
            "arrived_sharpe": walk.arrived,
            "efficiency": walk.efficiency,
            "walked_sessions": walk.sessions,
            "takes_new_capital": ~stopped & (card.stage != "candidate"),
        }
    )


_FIGURES = ("net_return", "sharpe", "deflated_sharpe", "overfitting", "loss", "path_loss")


def promises_in_use(sharpe: Array, changed: Array) -> Array:
    """The in-sample Sharpe ratio promised by the set in use in each session, fixed when that set was chosen.

    The set chosen at the close of t is in use from t+1 on. One that was chosen before its Sharpe ratio was known
    promises the first one that is known while it is in use.
    """
    promises = np.full(len(sharpe), np.nan)
    promise = np.nan
    for t in range(len(sharpe)):
        promises[t] = promise
        if changed[t] or np.isnan(promise):
            promise = sharpe[t]
    return promises
