"""Measures of the strategies: how large, how volatile, how they did on paper, and how they move together.

NaN policy: nothing of who has no share of the capital; correlations need half a window of common sessions (of a year:
63), and two that both move. Time: paper returns are out of sample, and end with the session itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.returns import drawdowns, growth
from portfolio_pipeline.core.risk.measures.of_concentration import counted
from portfolio_pipeline.core.risk.measures.range_measure import Bound, RangeMeasure
from portfolio_pipeline.core.risk.measures.ranges import FEWEST, LONG, SHORT, SeenRange, added

_CALM = 1e-6


def gross(seen: SeenRange) -> Array:
    """What each strategy wants, long or short, of its own capital."""
    return _there(seen, lambda place: added(np.abs(_own(seen, place))))


def positions(seen: SeenRange) -> Array:
    return _there(seen, lambda place: counted(_own(seen, place) != 0.0))


def volatility(seen: SeenRange) -> Array:
    return _there(seen, lambda place: seen.volatility_of_own[:, place])


def drawdown(seen: SeenRange) -> Array:
    """How far growth on paper, above cash, is below its highest."""
    return _there(seen, lambda place: drawdowns(growth(np.nan_to_num(_paper(seen, place))))[seen.rows])


def sharpe(seen: SeenRange) -> Array:
    """Sharpe ratio on paper over the last 252 sessions, above cash."""
    return _there(seen, lambda place: seen.once(("rolling", place), lambda: _rolling(seen, place))[0])


def win_rate(seen: SeenRange) -> Array:
    """Part of the last 252 sessions with a gain above cash, among those with a gain or a loss."""
    return _there(seen, lambda place: seen.once(("rolling", place), lambda: _rolling(seen, place))[1])


def pairs_of(matrices: Array) -> Array:
    """The entries below the diagonal, [sessions, pairs]."""
    names = matrices.shape[1]
    columns = [matrices[:, a, b] for a in range(names) for b in range(a)]
    return np.column_stack(columns) if columns else np.zeros((len(matrices), 0))


def _short(seen: SeenRange) -> Array:
    return pairs_of(seen.correlations_short[:, :-1, :-1])


def _long(seen: SeenRange) -> Array:
    return pairs_of(seen.correlations_long[:, :-1, :-1])


def mean_correlation(seen: SeenRange) -> Array:
    pairs = _short(seen)
    count = (~np.isnan(pairs)).sum(axis=1)
    return np.where(count > 0, added(pairs) / np.maximum(count, 1), np.nan)


def highest_correlation(seen: SeenRange) -> Array:
    pairs = _short(seen)
    highest = np.where(np.isnan(pairs), -np.inf, pairs).max(axis=1, initial=-np.inf)
    return np.where(np.isfinite(highest), highest, np.nan)


def correlation_shift(seen: SeenRange) -> Array:
    """How far the correlations of 63 sessions are from those of 252: the root of the mean squared difference."""
    apart = (_short(seen) - _long(seen)) ** 2
    count = (~np.isnan(apart)).sum(axis=1)
    return np.where(count > 0, np.sqrt(added(apart) / np.maximum(count, 1)), np.nan)


def shared_symbols(seen: SeenRange) -> Array:
    """Risk of a symbol that several strategies hold: volatility times the root of p'Cp, over its parts p.

    C are the strategies' correlations, so that parts of strategies that act alike count as one position, and parts of
    unlike ones as several. An unknown correlation counts as 1.
    """
    found = np.full(seen.weights.shape, np.nan)
    if seen.parts is None:
        return found
    held = seen.parts.weights[:, :-1]
    together = seen.correlations_short
    total = np.zeros(seen.weights.shape)
    for a in range(held.shape[1]):
        total += held[:, a] ** 2
        for b in range(a):
            alike = np.where(np.isnan(together[:, a, b]), 1.0, together[:, a, b])[:, None]
            total += 2.0 * alike * held[:, a] * held[:, b]
    several = (held != 0.0).sum(axis=1) > 1
    return np.where(several, np.sqrt(np.maximum(total, 0.0)) * seen.symbol_volatility, np.nan)


def _own(seen: SeenRange, place: int) -> Array:
    assert seen.parts is not None
    return seen.parts.own[:, place]


def _paper(seen: SeenRange, place: int) -> Array:
    assert seen.parts is not None
    return seen.parts.paper[:, place]


def _there(seen: SeenRange, figure: Callable[[int], Array]) -> Array:
    """`figure` of each strategy, side by side, NaN where it has no share; the reserve has none."""
    if seen.parts is None:
        return np.zeros((len(seen.weights), 0))
    found = np.full((len(seen.weights), len(seen.parts.names)), np.nan)
    for place in range(len(seen.parts.names) - 1):
        found[:, place] = figure(place)
    return np.where(seen.parts.there, found, np.nan)


def _rolling(seen: SeenRange, place: int) -> tuple[Array, Array]:
    """Sharpe ratio and share of winning sessions over the last LONG sessions; NaN with fewer than FEWEST known."""
    padded = np.concatenate([np.full(LONG - 1, np.nan), _paper(seen, place)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, LONG)[seen.rows]
    there = ~np.isnan(windows)
    count, values = there.sum(axis=1), np.where(there, windows, 0.0)
    mean = values.sum(axis=1) / np.maximum(count, 1)
    deviations = np.where(there, values - mean[:, None], 0.0)
    deviation = np.sqrt((deviations * deviations).sum(axis=1) / np.maximum(count - 1, 1))
    enough = (count >= FEWEST) & (deviation > _CALM)
    ratio = np.where(enough, mean / np.where(enough, deviation, 1.0) * np.sqrt(SESSIONS_PER_YEAR), np.nan)
    decided = (np.abs(values) > _CALM).sum(axis=1)
    won = (values > _CALM).sum(axis=1) / np.maximum(decided, 1)
    return ratio, np.where((count >= FEWEST) & (decided > 0), won, np.nan)


MEASURES = (
    RangeMeasure("strategy_gross", "gross_exposure", gross, scope="strategy", bound=Bound("strategy_gross")),
    RangeMeasure(
        "strategy_positions",
        "positions",
        positions,
        scope="strategy",
        unit="count",
        bound=Bound("strategy_positions"),
    ),
    RangeMeasure("strategy_volatility", "volatility_ex_ante", volatility, scope="strategy"),
    RangeMeasure(
        "strategy_drawdown",
        "paper_drawdown",
        drawdown,
        scope="strategy",
        unit="return",
        bound=Bound("strategy_drawdown", floor=True, loss=True),
    ),
    RangeMeasure("strategy_sharpe", "paper_sharpe_252d", sharpe, scope="strategy", unit="ratio"),
    RangeMeasure("strategy_win_rate", "paper_win_rate_252d", win_rate, scope="strategy", unit="ratio"),
    RangeMeasure(
        "correlation_63d", f"correlation_{SHORT}d", _short, scope="pair", unit="ratio", bound=Bound("correlation")
    ),
    RangeMeasure("correlation_252d", f"correlation_{LONG}d", _long, scope="pair", unit="ratio"),
    RangeMeasure("mean_correlation", f"mean_correlation_{SHORT}d", mean_correlation, unit="ratio"),
    RangeMeasure(
        "highest_correlation",
        f"highest_correlation_{SHORT}d",
        highest_correlation,
        unit="ratio",
        bound=Bound("correlation"),
    ),
    RangeMeasure("correlation_shift", "correlation_shift", correlation_shift, unit="ratio"),
    RangeMeasure("shared_symbols", "correlation_adjusted_risk", shared_symbols, scope="symbol"),
)
