"""What shares of capital would have brought over a range, on paper: other settings beside what was decided.

The shares of a close earn the strategies' paper returns of the session after, what is shared to nobody earns what cash
does, and moving them costs what trading their strategies' holdings costs. Without the book's scale, its limits and the
netting between strategies: it compares ways of sharing out, and is no back-test of the account. Time: every share was
decided with what was known at its close; whoever picks a way after looking at these figures knows more than that.

NaN policy: a strategy without a return earns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.returns import growth
from portfolio_pipeline.core.performance.metrics import Series
from portfolio_pipeline.core.portfolio.allocation.allocate import Shares
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.capital import Before, Capital
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing

_AT_ONCE = 252
"""Sessions that are followed before somebody is told how far it is."""

FIGURES = ("annual_return", "volatility", "sharpe", "max_drawdown", "turnover", "cost", "moves", "refused", "in_cash")


@dataclass(frozen=True, eq=False)
class Way:
    """One way of sharing out: shares [sessions, strategies], what 1 became at each close, and its figures.

    Fractions; turnover and cost are a year. `refused` is NaN where nobody knows whether there were refusals."""

    label: str
    strategies: tuple[str, ...]
    shares: Array
    grown: Array
    figures: dict[str, float]


@dataclass(frozen=True, eq=False)
class Earned:
    """Paper returns of the same sessions as the shares: net [sessions, strategies], and of cash [sessions]."""

    returns: Array
    cash: Array


def followed(
    known: Capital,
    allocation: Allocation,
    rebalancing: Rebalancing,
    cost: float,
    before: Before,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Array, int]:
    """The shares of every session, and how many moves were refused; a part of the range at a time, the same bits."""
    parts: list[Shares] = []
    count = len(known.sessions)
    for first in range(0, count, _AT_ONCE):
        part = known.shared_out(allocation, rebalancing, cost, before, first, min(first + _AT_ONCE, count))
        before = Before.of(known.strategies, part)
        parts.append(part)
        tell(min(first + _AT_ONCE, count), count)
    refused = sum(one.kind == "refused" for part in parts for one in part.decisions)
    return np.concatenate([part.weight for part in parts]), refused


def way(
    label: str,
    strategies: Sequence[str],
    shares: Array,
    held: Array,
    earned: Earned,
    cost: float,
    refused: float = np.nan,
) -> Way:
    """What these shares brought. `held` are those of the session before the first, which cost nothing any more."""
    moved = np.abs(np.diff(np.vstack([held, shares]), axis=0)).sum(axis=1)
    paid = moved * cost
    idle = 1.0 - shares.sum(axis=1)
    returns = np.zeros(len(shares))
    # Added strategy by strategy, as the book is.
    for place in range(len(strategies)):
        returns[1:] += shares[:-1, place] * np.nan_to_num(earned.returns[1:, place])
    returns[1:] += idle[:-1] * earned.cash[1:] - paid[:-1]
    series = Series(returns[1:], earned.cash[1:]) if len(shares) > 1 else None
    years = len(shares) / SESSIONS_PER_YEAR
    figures = {
        "annual_return": float(series.annual[-1]) if series else np.nan,
        "volatility": float(series.volatility[-1]) if series else np.nan,
        "sharpe": float(series.above_cash.sharpe[-1]) if series else np.nan,
        "max_drawdown": float(series.deepest[-1]) if series else np.nan,
        "turnover": float(moved.sum()) / years,
        "cost": float(paid.sum()) / years,
        "moves": float((moved > 1e-9).sum()),
        "refused": float(refused),
        "in_cash": max(0.0, float(idle.mean())),
    }
    return Way(label, tuple(strategies), shares, growth(returns), figures)
