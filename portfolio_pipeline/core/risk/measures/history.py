"""What risk is measured on: the targets of every session, and returns without gaps.

NaN policy: before a symbol's first bar its return is the mean of its asset class in that session (so a late listing
does not look riskless); later a session without a bar counts 0, and the next bar carries the whole move. Time: a
session's return is known at its close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.market.past import filled_by_class
from portfolio_pipeline.core.market.returns import total_returns
from portfolio_pipeline.core.risk.measures.parts import Parts


@dataclass(frozen=True, eq=False)
class TargetHistory:
    """The targets of every session that the panel covers, 0 before the first; [sessions, symbols of the panel].

    And what some measures want to know beside them; they give nothing where it is not known.
    """

    panel: PricePanel
    weights: Array
    parts: Parts | None = None
    """Who brought the targets of the sessions that are measured."""
    sectors: Mapping[str, str] = field(default_factory=dict)
    """The sector of each symbol, which is its `group`."""
    benchmark: str | None = None
    made_up: bool = False
    """Whether any of the prices are, so that they say nothing of what happened in the world."""


def filled_returns(panel: PricePanel, asset_classes: Mapping[str, str]) -> Array:
    """Total returns without NaN, as the module's NaN policy says; [sessions, symbols]."""
    unlisted = ~np.logical_or.accumulate(panel.traded, axis=0)
    classes = (
        [column for column, symbol in enumerate(panel.symbols) if asset_classes.get(symbol) == name]
        for name in sorted(set(asset_classes.values()))
    )
    return filled_by_class(total_returns(panel), unlisted, classes)


def paper_returns(history: TargetHistory, returns: Array) -> Array:
    """Return over each session of the targets decided at the close before it: close to close, before costs."""
    paper = np.zeros(len(returns))
    for column in range(returns.shape[1]):
        paper[1:] += history.weights[:-1, column] * returns[1:, column]
    return paper
