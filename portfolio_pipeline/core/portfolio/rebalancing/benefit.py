"""Whether moving capital is worth it: what is expected of it over a horizon beside what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing


@dataclass(frozen=True, eq=False)
class Terms:
    """At one session: what a move is judged by. `expected` gives the strategies' means and covariance of a year."""

    expected: Callable[[], tuple[Array, Array]]
    exposure: Array
    """How much of its capital each strategy holds, and so has to trade; 1 where nobody knows."""
    cost: float
    """Of trading a unit of currency, as a fraction."""


def gain(before: Array, after: Array, terms: Terms, rules: Rebalancing) -> float:
    """Expected over the horizon, as a fraction of the capital: more return, less what more variance is worth."""
    means, covariance = terms.expected()
    moved = after - before
    variance = float(after @ covariance @ after - before @ covariance @ before)
    yearly = float(means @ moved) - rules.risk_aversion / 2.0 * variance
    return yearly * rules.horizon / SESSIONS_PER_YEAR


def cost(before: Array, after: Array, terms: Terms) -> float:
    """Of trading what the capital that moves is held in, as a fraction of the capital; nothing is netted."""
    return float(np.abs(after - before) @ terms.exposure) * terms.cost
