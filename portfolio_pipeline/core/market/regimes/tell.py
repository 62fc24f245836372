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
from portfolio_pipeline.core.market.regimes.settings import Regimes
from portfolio_pipeline.core.market.regimes.state import MarketState, market_state
from portfolio_pipeline.core.tables.market import REGIMES


@dataclass(frozen=True, eq=False)
class RegimesTold:
    """The regimes at some sessions; `notes` say where the method of the settings had no answer, and why."""

    state: MarketState
    probabilities: Array  # [sessions, REGIMES]
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return most_probable(self.probabilities)


def tell_regimes(panel: AdjustedPrices, benchmark: str, rows: Array, how: Regimes) -> RegimesTold:
    """The regimes at `rows` of a panel that starts at the first stored session."""
    inputs = Inputs(panel)
    column = panel.symbols.index(benchmark)
    state = market_state(inputs, column, rows)
    volatile, turbulent = rules.volatility(state)
    notes: tuple[str, ...] = ()
    if how.method == "markov":
        from portfolio_pipeline.core.market.regimes.markov import hidden_states  # statsmodels takes seconds to import

        hidden, notes = hidden_states(inputs, column, rows, how)
        known = ~np.isnan(hidden[:, 0])
        volatile, turbulent = np.where(known, 1.0 - hidden[:, 0], volatile), np.where(known, hidden[:, -1], turbulent)
    return RegimesTold(state, rules.tree(state, volatile, turbulent), notes)


def most_probable(probabilities: Array) -> list[str]:
    """The regime of each row; transition where all are as likely."""
    undecided = (probabilities == probabilities[:, :1]).all(axis=1)
    best = probabilities.argmax(axis=1)
    return ["transition" if tied else REGIMES[place] for tied, place in zip(undecided, best, strict=True)]


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
