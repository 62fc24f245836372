"""Measures of who makes the book's risk: volatility ex ante, and the part of it that each symbol and strategy brings.

Component risk adds up to the book's ex-ante volatility, over symbols as over strategies (the reserve among them);
marginal risk is by how much that volatility grows with one more unit of weight. NaN policy: none with too short a past,
and none of what is not held. Time: the past ends with the session itself.
"""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.risk.measures.range_measure import Bound, RangeMeasure
from portfolio_pipeline.core.risk.measures.ranges import SeenRange, added

_CALM = 1e-6


def component_by_symbol(seen: SeenRange) -> Array:
    found: Array = seen.weights * seen.marginal
    return found


def component_by_strategy(seen: SeenRange) -> Array:
    """Covariance of each part with the book over the book's volatility: the parts of each symbol, put together."""
    if seen.parts is None:
        return np.zeros((len(seen.weights), 0))
    found = np.zeros((len(seen.weights), len(seen.parts.names)))
    marginal = np.nan_to_num(seen.marginal)
    for place in range(found.shape[1]):
        found[:, place] = added(seen.parts.weights[:, place] * marginal)
    held = (seen.parts.weights != 0.0).any(axis=2)
    return np.where(held & (seen.volatility > _CALM)[:, None], found, np.nan)


def marginal_by_strategy(seen: SeenRange) -> Array:
    """By how much the book's volatility grows with a strategy's part, for each unit of its gross exposure."""
    if seen.parts is None:
        return np.zeros((len(seen.weights), 0))
    gross = np.column_stack([added(np.abs(seen.parts.weights[:, place])) for place in range(len(seen.parts.names))])
    return component_by_strategy(seen) / np.where(gross > 0.0, gross, np.nan)


def beta(seen: SeenRange) -> Array:
    return seen.once("beta", lambda: _beta(seen))


def _beta(seen: SeenRange) -> Array:
    """Slope of the book's past on the benchmark's."""
    if seen.benchmark is None:
        return np.full(len(seen.weights), np.nan)
    found = np.full(len(seen.weights), np.nan)
    for which, start in seen.alike():
        book = np.ascontiguousarray(seen.past[which, start:])
        market = np.ascontiguousarray(seen.past_of_benchmark[which, start:])
        market = market - market.mean(axis=1)[:, None]
        square = (market * market).sum(axis=1)
        found[which] = (book * market).sum(axis=1) / np.where(square > _CALM**2, square, np.nan)
    return found


def diversification(seen: SeenRange) -> Array:
    """Mean volatility of what the strategies bring over that of all of it together: 1 when all move as one."""
    if seen.parts is None:
        return np.full(len(seen.weights), np.nan)
    alone = np.column_stack([seen.ex_ante(past) for past in seen.past_of_parts])
    return added(alone) / np.where(seen.volatility > _CALM, seen.volatility, np.nan)


def diversification_of_symbols(seen: SeenRange) -> Array:
    """The same over symbols."""
    alone = added(np.abs(seen.weights) * seen.symbol_volatility)
    return alone / np.where(seen.volatility > _CALM, seen.volatility, np.nan)


MEASURES = (
    RangeMeasure("volatility_ex_ante", "volatility_ex_ante", lambda seen: seen.volatility, bound=Bound("volatility")),
    RangeMeasure("beta_252d", "beta_252d", beta, unit="ratio"),
    RangeMeasure(
        "diversification_ratio",
        "diversification_ratio",
        diversification,
        unit="ratio",
        bound=Bound("diversification", floor=True),
    ),
    RangeMeasure(
        "diversification_ratio_of_symbols", "diversification_ratio_of_symbols", diversification_of_symbols, unit="ratio"
    ),
    RangeMeasure("component_by_symbol", "component_risk", component_by_symbol, scope="symbol"),
    RangeMeasure("marginal_by_symbol", "marginal_risk", lambda seen: seen.marginal, scope="symbol"),
    RangeMeasure("component_by_strategy", "component_risk", component_by_strategy, scope="strategy"),
    RangeMeasure("marginal_by_strategy", "marginal_risk", marginal_by_strategy, scope="strategy"),
)
