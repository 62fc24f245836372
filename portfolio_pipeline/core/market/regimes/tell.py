"""Asking the way of telling regimes that the settings name, and finding the changes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import AdjustedPrices
from portfolio_pipeline.core.market.regimes import rules
from portfolio_pipeline.core.market.regimes.memory import remembered
from portfolio_pipeline.core.market.regimes.settings import Regimes
from portfolio_pipeline.core.market.regimes.state import MarketState, market_state
from portfolio_pipeline.core.tables.market import REGIMES


@dataclass(frozen=True, eq=False)
class RegimesTold:
    """The regimes at some sessions; `notes` say where the method of the settings had no answer, and why."""

    state: MarketState
    probabilities: Array  # [sessions, REGIMES]
    names: list[str]
    notes: tuple[str, ...] = ()


def tell_regimes(panel: AdjustedPrices, benchmark: str, rows: Array, how: Regimes) -> RegimesTold:
    """The regimes at `rows` of a panel that starts at the first stored session, where the memory starts as well."""
    inputs, column = Inputs(panel), panel.symbols.index(benchmark)
    # Without a memory there is nothing to look at but the rows themselves.
    looked_at = np.arange(rows.max() + 1) if how.memory_sessions else rows
    own = rows if how.memory_sessions else np.arange(len(rows))
    state = market_state(inputs, column, looked_at)
    periods: list[tuple[Array, Array | None]] = [(np.arange(len(rows)), None)]
    notes: tuple[str, ...] = ()
    if how.method == "markov":
        from portfolio_pipeline.core.market.regimes.markov import hidden_states  # statsmodels takes seconds to import

        periods, notes = hidden_states(inputs, column, rows, how)
    probabilities, told = np.empty((len(rows), len(REGIMES))), np.empty(len(rows), np.int64)
    for mine, hidden in periods:
        volatile, turbulent = rules.volatility(state)
        if hidden is not None:
            calmest, wildest = hidden[looked_at, 0], hidden[looked_at, -1]
            known = ~np.isnan(calmest)
            volatile, turbulent = np.where(known, 1.0 - calmest, volatile), np.where(known, wildest, turbulent)
        filtered, places = remembered(rules.tree(state, volatile, turbulent), how.memory_sessions)
        probabilities[mine], told[mine] = filtered[own[mine]], places[own[mine]]
    return RegimesTold(state.at(own), probabilities, [REGIMES[place] for place in told], notes)


def regime_changes(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Where the regime differs from the row before, of rows of the regimes table in their order.

    With the probability of both regimes at the session before and at the session itself.
    """
    changes: list[dict[str, object]] = []
    names = rows["regime"].tolist()
    for place, (left, taken) in enumerate(pairwise(names), start=1):
        if left != taken:
            before, now = rows.iloc[place - 1], rows.iloc[place]
            changes.append(
                {
                    "session": now["session"].date(),
                    "from": left,
                    "from before": float(before[f"probability_{left}"]),
                    "from now": float(now[f"probability_{left}"]),
                    "to": taken,
                    "to before": float(before[f"probability_{taken}"]),
                    "to now": float(now[f"probability_{taken}"]),
                }
            )
    return changes
