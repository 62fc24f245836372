"""The bets that grow fastest, a fraction of them: C^-1 mu with shrunk means, of what is not negative.

The fraction is `kelly_fraction` of the settings; bets of more than everything are scaled to everything, and what is
not bet stays in cash. A strategy alone is judged by its sessions of gain and loss: p - (1 - p) / b for a share p of
gains that are b times the losses. Who has paper returns of fewer than SESSIONS sessions gets an equal share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.methods.base import AllocationMethod, Known
from portfolio_pipeline.core.portfolio.allocation.methods.max_sharpe import expectations
from portfolio_pipeline.core.weighing.mean_variance import best_growth

if TYPE_CHECKING:
    from portfolio_pipeline.core.portfolio.allocation.settings import Allocation

SESSIONS = 252


def _wish(known: Known, settings: Allocation) -> Array:
    size, returns = len(known.strategies), known.returns
    judged = (~np.isnan(returns)).sum(axis=0) >= SESSIONS
    wish = np.full(size, 1.0 / size)
    if size == 1 and judged[0]:
        wish[0] = settings.kelly_fraction * single_bet(returns[:, 0])
    elif judged.any():
        expected, covariance = expectations(known, settings)
        wish[judged] = settings.kelly_fraction * best_growth(expected[judged], covariance[np.ix_(judged, judged)])
        bets, room = float(wish[judged].sum()), float(judged.sum() / size)
        wish[judged] *= min(1.0, room / bets) if bets else 1.0
    return wish


def single_bet(returns: Array) -> float:
    """The Kelly fraction of one bet by its share of gains and its payoff; 0 where it is negative. NaN is no bet."""
    gains, losses = returns[returns > 0.0], -returns[returns < 0.0]
    if not len(gains):
        return 0.0
    if not len(losses):
        return 1.0
    won = len(gains) / (len(gains) + len(losses))
    return max(0.0, won - (1.0 - won) / float(gains.mean() / losses.mean()))


KELLY = AllocationMethod("kelly", _wish, exact=True, sessions=SESSIONS)
