"""From raw weights to targets: tilted, scaled to a volatility, thinned where crowded, the largest kept, capped by
position and in gross.

In this order, each row by itself with returns up to its session. What crowding and caps cut off stays in cash. When a
card decides between its scheduled sessions, and stops, are in `exposure`.

NaN policy: returns count as 0 where there is no bar and before the first one, but in the tilts, where a symbol without
a full window of returns keeps its raw weight and the others share theirs.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.features.families import GAIN_PER_RISK, VOLATILITY
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.strategies.card import Sizing


def sized(inputs: Inputs, weights: Array, rows: Array, sizing: Sizing) -> Array:
    """The target weights [rows, symbols]. Where the volatility window is not full yet, or nothing moved, not scaled.

    `by: volatility` tilts by the inverse volatility of each symbol, `by: performance` by what it gained per risk in the
    direction it is held, nothing for a loss; gross exposure stays what it was, but for a row in which all have lost.
    """
    window = sizing.volatility_window
    weights = np.array(weights, dtype=np.float64, order="C")
    if sizing.by != "type":
        family = VOLATILITY if sizing.by == "volatility" else GAIN_PER_RISK
        _tilt(weights, inputs.at(rows).feature(family, window), sizing.by == "volatility")
    if sizing.volatility_target is not None or sizing.crowding_penalty > 0.0:
        target = np.inf if sizing.volatility_target is None else sizing.volatility_target
        _scale(weights, np.asarray(rows, np.int64), inputs.returns_by_symbol, window, target, sizing.crowding_penalty)
    if sizing.maximum_positions is not None:
        keep_largest(weights, sizing.maximum_positions)
    _cap(weights, sizing.maximum_weight, sizing.maximum_gross)
    return weights


def capped_only(sizing: Sizing) -> bool:
    """Whether raw weights become targets by the caps alone, so that equal parts stay equal."""
    tilted = sizing.by != "type" or sizing.volatility_target is not None or sizing.crowding_penalty > 0.0
    return not tilted and sizing.maximum_positions is None


@njit(cache=True, nogil=True)
def _tilt(weights: Array, figures: Array, inverse: bool) -> None:  # pragma: no cover
    """Multiply by 1/figure, or by the figure in the direction held if that is above 0; then back to the same gross."""
    rows, symbols = weights.shape
    for r in range(rows):
        before, after = 0.0, 0.0
        for i in range(symbols):
            weight, figure = weights[r, i], figures[r, i]
            if weight == 0.0 or np.isnan(figure) or (inverse and figure < 1e-10):
                continue
            before += abs(weight)
            after += abs(weight) / figure if inverse else max(0.0, weight * figure)
        for i in range(symbols):
            weight, figure = weights[r, i], figures[r, i]
            if weight == 0.0 or np.isnan(figure) or (inverse and figure < 1e-10):
                continue
            tilt = 1.0 / figure if inverse else max(0.0, figure if weight > 0.0 else -figure)
            weights[r, i] = weight * tilt * (before / after) if tilt > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _scale(
    weights: Array, rows: Array, returns: Array, window: int, target: float, penalty: float
) -> None:  # pragma: no cover
    """Scale each row to a yearly volatility over the `window` sessions up to it, and thin out what moves together.

    Touches only what is held; `returns` are [symbols, sessions]. An infinite target does not scale.
    """
    symbols = weights.shape[1]
    held, each, series = np.empty(symbols, np.int64), np.empty(symbols), np.empty(window)
    # Rows day after day with the same weights only add one return each: `portfolio` has room to go on in.
    before, portfolio, at = np.zeros(symbols), np.empty(4 * window), 0
    for r in range(len(rows)):
        first = rows[r] - window + 1
        if first < 1:  # the first session has no return
            at = 0
            continue
        count, gross = 0, 0.0
        for i in range(symbols):
            if weights[r, i] != 0.0:
                held[count] = i
                count += 1
                gross += abs(weights[r, i])
        if count == 0:
            at = 0
            continue
        if target < np.inf:
            same = r > 0 and rows[r] == rows[r - 1] + 1 and at > 0 and at < len(portfolio)
            for i in range(symbols):
                same &= weights[r, i] == before[i]
                before[i] = weights[r, i]
            if same:
                portfolio[at] = 0.0
                for h in range(count):
                    portfolio[at] += weights[r, held[h]] * returns[held[h], rows[r]]
                at += 1
            else:
                portfolio[:window] = 0.0
                for h in range(count):
                    weight, past = weights[r, held[h]], returns[held[h], first : rows[r] + 1]
                    for u in range(window):
                        portfolio[u] += weight * past[u]
                at = window
            earned = portfolio[at - window : at]
            volatility = np.sqrt(_squares(earned, _sum(earned) / window) / (window - 1) * SESSIONS_PER_YEAR)
            if volatility > 1e-10:
                gross *= target / volatility
                for h in range(count):
                    weights[r, held[h]] *= target / volatility
        if penalty > 0.0 and count > 1:
            series[:] = 0.0
            for h in range(count):
                past = returns[held[h], first : rows[r] + 1]
                mean = _sum(past) / window
                deviation = np.sqrt(_squares(past, mean))
                each[h] = weights[r, held[h]] / deviation if deviation > 1e-10 else 0.0
                for u in range(window):
                    series[u] += each[h] * (past[u] - mean)
            # With the whole of what is held, less each one's correlation with itself, is with the rest.
            for h in range(count):
                weight, past = weights[r, held[h]], returns[held[h], first : rows[r] + 1]
                if each[h] != 0.0:
                    mean = _sum(past) / window
                    together = _products(series, past, mean) * each[h] / abs(weight)
                    alike = (together - abs(weight)) / (gross - abs(weight))
                    each[h] = 1.0 - penalty * min(1.0, max(0.0, alike))
                else:
                    each[h] = 1.0
            for h in range(count):
                weights[r, held[h]] *= each[h]


@njit(cache=True, nogil=True)
def keep_largest(weights: Array, most: int) -> None:  # pragma: no cover
    """Set all but the `most` largest of each row to 0; of equal ones the later go first."""
    symbols = weights.shape[1]
    for r in range(len(weights)):
        size = np.abs(weights[r])
        if np.count_nonzero(size) <= most:
            continue
        smallest = np.partition(size, symbols - most)[symbols - most]
        places = most - np.count_nonzero(size > smallest)
        for i in range(symbols):
            if size[i] == smallest and places > 0:
                places -= 1
            elif size[i] <= smallest:
                weights[r, i] = 0.0


@njit(cache=True, nogil=True)
def _cap(weights: Array, maximum_weight: float, maximum_gross: float) -> None:  # pragma: no cover
    for r in range(len(weights)):
        gross = 0.0
        for i in range(weights.shape[1]):
            weights[r, i] = min(maximum_weight, max(-maximum_weight, weights[r, i]))
            gross += abs(weights[r, i])
        scale = maximum_gross / gross if gross > maximum_gross else 1.0
        for i in range(weights.shape[1]):
            # Adding 0.0 turns the -0.0 of a scaled-down short into 0.0: a database may not keep the sign.
            weights[r, i] = weights[r, i] * scale + 0.0


@njit(cache=True, nogil=True, inline="always")
def _sum(values: Array) -> float:  # pragma: no cover
    """In four strands, so that one addition need not wait for the one before; always in the same order."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = len(values) - len(values) % 4
    for u in range(0, whole, 4):
        a += values[u]
        b += values[u + 1]
        c += values[u + 2]
        d += values[u + 3]
    for u in range(whole, len(values)):
        a += values[u]
    return (a + b) + (c + d)


@njit(cache=True, nogil=True, inline="always")
def _squares(values: Array, centre: float) -> float:  # pragma: no cover
    """Sum of squared distances from the centre, in four strands."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = len(values) - len(values) % 4
    for u in range(0, whole, 4):
        a += (values[u] - centre) ** 2
        b += (values[u + 1] - centre) ** 2
        c += (values[u + 2] - centre) ** 2
        d += (values[u + 3] - centre) ** 2
    for u in range(whole, len(values)):
        a += (values[u] - centre) ** 2
    return (a + b) + (c + d)


@njit(cache=True, nogil=True, inline="always")
def _products(series: Array, values: Array, centre: float) -> float:  # pragma: no cover
    """Sum of the series times distances from the centre, in four strands."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = len(values) - len(values) % 4
    for u in range(0, whole, 4):
        a += series[u] * (values[u] - centre)
        b += series[u + 1] * (values[u + 1] - centre)
        c += series[u + 2] * (values[u + 2] - centre)
        d += series[u + 3] * (values[u + 3] - centre)
    for u in range(whole, len(values)):
        a += series[u] * (values[u] - centre)
    return (a + b) + (c + d)
