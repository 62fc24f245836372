"""Measures of what would happen to today's targets: in crises that were, in moves of the market, to one strategy's
book; and of what it would take to cost the drawdown limit.

Crises are the deepest falls of the benchmark that are known by the session itself, and periods that everybody knows of,
where stored prices reach that far and are not made up. Returns are those of symbols held through, without rebalancing.

NaN policy: returns are never NaN; a scenario that cannot be told (no such crisis yet, no benchmark, no limit) has no
row. Time: a crisis that is under way is known as far as it has come.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.returns import growth
from portfolio_pipeline.core.risk.measures.kernels import worst_falls
from portfolio_pipeline.core.risk.measures.of_contributions import beta
from portfolio_pipeline.core.risk.measures.of_past import DRAWDOWN
from portfolio_pipeline.core.risk.measures.of_stress import SHOCKS
from portfolio_pipeline.core.risk.measures.range_measure import RangeMeasure
from portfolio_pipeline.core.risk.measures.ranges import SeenRange, added

PERIODS = {
    "financial_crisis_2008": (date(2007, 10, 9), date(2009, 3, 9)),
    "pandemic_2020": (date(2020, 2, 19), date(2020, 3, 23)),
    "inflation_2022": (date(2022, 1, 3), date(2022, 10, 12)),
}
CRISES = 3
MOVES = {"market_down_10": -0.10, "market_down_20": -0.20, "market_up_10": 0.10}
FALL = 0.20
"""What a sector, or everything that a strategy holds, loses in one blow."""
_QUANTILE = 2.3263478740408408  # of 99 %, normal distribution
_LEAST = 0.01  # a beta that is smaller says nothing


def worst_crises(seen: SeenRange) -> Array:
    """Returns over the benchmark's deepest falls so far, the deepest first."""
    found = np.full((len(seen.weights), CRISES), np.nan)
    if seen.benchmark is None:
        return found
    grown = growth(seen.returns)
    falls = worst_falls(np.ascontiguousarray(grown[:, seen.benchmark]), seen.rows, CRISES)
    for which in range(CRISES):
        known = falls[:, which, 0] >= 0
        moves = grown[falls[known, which, 1]] / grown[falls[known, which, 0]] - 1.0
        found[known, which] = added(seen.weights[known] * moves)
    return found


def known_periods(seen: SeenRange) -> Array:
    """Returns over the periods that lie within the stored prices."""
    found = np.full((len(seen.weights), len(PERIODS)), np.nan)
    if seen.made_up:
        return found
    grown = growth(seen.returns)
    for column, (first, last) in enumerate(PERIODS.values()):
        start = int(np.searchsorted(seen.days, np.datetime64(first), side="right")) - 1
        stop = int(np.searchsorted(seen.days, np.datetime64(last), side="right")) - 1
        if start < 0 or seen.days[-1] < np.datetime64(last):
            continue
        moves = np.broadcast_to(grown[stop] / grown[start] - 1.0, seen.weights.shape)
        found[:, column] = np.where(seen.rows >= stop, added(seen.weights * moves), np.nan)
    return found


def market_moves(seen: SeenRange) -> Array:
    """What moves of the benchmark would do, by beta."""
    moved: Array = beta(seen)[:, None] * np.array(list(MOVES.values()))
    return moved


def blows(seen: SeenRange) -> Array:
    """The largest sector falls; and the loss that 1 session in 100 brings if all symbols move as one."""
    names = sorted(set(seen.sectors.values()))
    net = np.zeros((len(seen.weights), max(1, len(names))))
    for column, symbol in enumerate(seen.symbols):
        if symbol in seen.sectors:
            net[:, names.index(seen.sectors[symbol])] += seen.weights[:, column]
    daily = added(np.abs(seen.weights) * seen.symbol_volatility) / np.sqrt(252.0)
    alike = np.where(np.isnan(seen.volatility), np.nan, -_QUANTILE * daily)
    return np.column_stack([-FALL * np.abs(net).max(axis=1), alike])


def books(seen: SeenRange) -> Array:
    """Everything that a strategy has in the book moves against it by FALL."""
    if seen.parts is None:
        return np.zeros((len(seen.weights), 0))
    lost = [-FALL * added(np.abs(seen.parts.weights[:, place])) for place in range(len(seen.parts.names))]
    found = np.column_stack(lost)
    return np.where(found < 0.0, found, np.nan)


def room(seen: SeenRange) -> Array:
    """The return that would bring the paper drawdown to its limit: negative, 0 where it is there already."""
    limit = DRAWDOWN.value(seen.caps)
    if limit is None:
        return np.full(len(seen.weights), np.nan)
    left: Array = (1.0 + limit) / (1.0 + seen.paper_drawdowns[seen.rows]) - 1.0
    return np.where(left < 0.0, left, 0.0)


def market_move_to_the_limit(seen: SeenRange) -> Array:
    """How far the benchmark would have to move, by beta; none where a loss of all it is worth would not do."""
    slope = beta(seen)
    move = room(seen) / np.where(np.abs(slope) > _LEAST, slope, np.nan)
    found: Array = np.where(move > -1.0, move, np.nan)
    return found[:, None]


def shocks_to_the_limit(seen: SeenRange) -> Array:
    """How many times the worst of the shocks of whole classes it would take."""
    shocks = [
        added(seen.weights * np.array([shock.get(seen.asset_classes.get(symbol, ""), 0.0) for symbol in seen.symbols]))
        for shock in SHOCKS.values()
    ]
    worst = np.minimum.reduce(shocks)
    times: Array = room(seen) / np.where(worst < -1e-9, worst, np.nan)
    return times[:, None]


MEASURES = (
    RangeMeasure(
        "worst_crises",
        "return",
        worst_crises,
        scope="stress",
        named=[f"crisis_{rank + 1}" for rank in range(CRISES)],
        unit="return",
    ),
    RangeMeasure("known_periods", "return", known_periods, scope="stress", named=list(PERIODS), unit="return"),
    RangeMeasure("market_moves", "return", market_moves, scope="stress", named=list(MOVES), unit="return"),
    RangeMeasure("blows", "return", blows, scope="stress", named=["worst_sector_falls", "all_as_one"], unit="return"),
    RangeMeasure("books", "stress_return", books, scope="strategy", unit="return"),
    RangeMeasure(
        "market_move_to_the_limit",
        "market_move",
        market_move_to_the_limit,
        scope="stress",
        named=["drawdown_limit"],
        unit="return",
    ),
    RangeMeasure(
        "shocks_to_the_limit",
        "worst_shock_multiple",
        shocks_to_the_limit,
        scope="stress",
        named=["drawdown_limit"],
        unit="ratio",
    ),
)
