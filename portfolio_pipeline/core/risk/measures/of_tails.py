"""Measures of large losses: value at risk and expected shortfall of a session, by four ways of looking at the past.

Historical: sessions as they were. Parametric: a normal distribution of their mean and deviation. Cornish-Fisher: that,
bent by skew and kurtosis. Across strategies: each strategy's historical loss, put together by their correlations.
Intervals (`_low`, `_high`) hold what 90 % of resamples of the sessions give. All are positive when money is lost.

NaN policy: past returns are never NaN; with fewer than FEWEST sessions there is no figure. A past without deviation
has no skew. Time: the past ends with the session itself; resamples are seeded by measure and session.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from zlib import crc32

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.risk.measures.kernels import resampled_tails
from portfolio_pipeline.core.risk.measures.range_measure import Bound, RangeMeasure
from portfolio_pipeline.core.risk.measures.ranges import FEWEST, SeenRange

DRAWS, INTERVAL = 250, (0.05, 0.95)
_CALM = 1e-9
# Quantile and density of the standard normal distribution, by confidence.
_NORMAL = {0.95: (-1.6448536269514729, 0.10313564037537128), 0.99: (-2.3263478740408408, 0.02665214220345808)}
CONFIDENCES = {95: 0.95, 99: 0.99}


def historical(past: Array, confidence: float) -> tuple[Array, Array]:
    """Value at risk, linear between the two sessions beside it, and the mean of the sessions that lose so much."""
    ordered = np.sort(past, axis=1)
    place = (1.0 - confidence) * (past.shape[1] - 1)
    low = int(np.floor(place))
    high = min(low + 1, past.shape[1] - 1)
    limit = ordered[:, low] + (place - low) * (ordered[:, high] - ordered[:, low])
    within = ordered <= limit[:, None]
    return -limit, -(np.where(within, ordered, 0.0).sum(axis=1) / within.sum(axis=1))


def parametric(past: Array, confidence: float) -> tuple[Array, Array]:
    quantile, density = _NORMAL[confidence]
    mean, deviation = past.mean(axis=1), past.std(axis=1, ddof=1)
    return -(mean + deviation * quantile), -(mean - deviation * density / (1.0 - confidence))


def cornish_fisher(past: Array, confidence: float) -> tuple[Array, Array]:
    """The expansion, and the mean of its quantiles beyond it; never below those of less confidence.

    Strong skew or kurtosis bends the expansion back on itself, which no distribution does: what 95 % already lose is
    then the figure for 99 %, and a shortfall is at least the value at risk.
    """
    mean, deviation = past.mean(axis=1), past.std(axis=1, ddof=1)
    centred = past - mean[:, None]
    squares = centred * centred
    second = squares.mean(axis=1)
    moving = second > _CALM**2
    second = np.where(moving, second, 1.0)
    skew = np.where(moving, (squares * centred).mean(axis=1) / second**1.5, 0.0)
    excess = np.where(moving, (squares * squares).mean(axis=1) / second**2 - 3.0, 0.0)

    def bent(first: float, square: float, cube: float) -> Array:
        by_skew = (square - 1.0) * skew / 6.0 - (2.0 * cube - 5.0 * first) * skew**2 / 36.0
        found: Array = first + by_skew + (cube - 3.0 * first) * excess / 24.0
        return found

    quantile, density = _NORMAL[confidence]
    at_risk = -(mean + deviation * bent(quantile, quantile**2, quantile**3))
    # Mean of z, its square and its cube below the quantile, of a standard normal distribution.
    slope = density / (1.0 - confidence)
    shortfall = -(mean + deviation * bent(-slope, 1.0 - quantile * slope, -(quantile**2 + 2.0) * slope))
    shortfall = np.maximum(shortfall, at_risk)
    if confidence > CONFIDENCES[95]:
        less = cornish_fisher(past, CONFIDENCES[95])
        at_risk, shortfall = np.maximum(at_risk, less[0]), np.maximum(shortfall, less[1])
    return at_risk, shortfall


def _taken(seen: SeenRange, way: Callable[[Array, float], tuple[Array, Array]], confidence: float, one: int) -> Array:
    return seen.once((way, confidence), lambda: seen.over_past(lambda past: way(past, confidence), 2))[one]


def interval(seen: SeenRange, percent: int, one: int, end: int) -> Array:
    """One end of the interval of the historical value at risk (0) or expected shortfall (1)."""
    place = (DRAWS - 1) * INTERVAL[1 - end]  # of losses the order is the other way round
    return -seen.once(("interval", percent), lambda: _resampled(seen, percent))[:, one, round(place)]


def _resampled(seen: SeenRange, percent: int) -> Array:
    """Both figures as returns in every resample, ascending, [sessions, 2, DRAWS]."""
    seeds = np.array([crc32(f"value_at_risk_{percent}{day}".encode()) for day in seen.sessions], dtype=np.uint64)
    known = np.where(seen.known >= FEWEST, seen.known, 0)
    return np.sort(resampled_tails(seen.ordered, known, seeds, 1.0 - CONFIDENCES[percent], DRAWS), axis=2)


def across_strategies(seen: SeenRange, confidence: float) -> Array:
    """Square root of v'Cv: v is each part's own historical value at risk (0 if it gains), C how the parts correlate."""
    parts = seen.past_of_parts
    found = np.full(len(seen.weights), np.nan)
    for which, start in seen.alike() if parts else ():
        pasts = [np.ascontiguousarray(past[which, start:]) for past in parts]
        losses = [np.maximum(historical(past, confidence)[0], 0.0) for past in pasts]
        centred = [past - past.mean(axis=1)[:, None] for past in pasts]
        lengths = [np.sqrt((past * past).sum(axis=1)) for past in centred]
        total = np.zeros(int(which.sum()))
        for a in range(len(parts)):
            total += losses[a] ** 2
            for b in range(a):
                scale = lengths[a] * lengths[b]
                alike = (centred[a] * centred[b]).sum(axis=1) / np.where(scale > _CALM**2, scale, np.inf)
                total += 2.0 * alike * losses[a] * losses[b]
        found[which] = np.sqrt(np.maximum(total, 0.0))
    return found


_WAYS = {"": historical, "_parametric": parametric, "_cornish_fisher": cornish_fisher}
_FIGURES = ("value_at_risk", "expected_shortfall")


def _measure(name: str, compute: Callable[[SeenRange], Array]) -> RangeMeasure:
    limited = name == "value_at_risk_95"
    return RangeMeasure(name, name, compute, bound=Bound("value_at_risk") if limited else None)


MEASURES = (
    *(
        _measure(f"{figure}_{percent}{suffix}", partial(_taken, way=way, confidence=confidence, one=one))
        for percent, confidence in CONFIDENCES.items()
        for suffix, way in _WAYS.items()
        for one, figure in enumerate(_FIGURES)
    ),
    *(
        _measure(f"{figure}_{percent}_{side}", partial(interval, percent=percent, one=one, end=end))
        for percent in CONFIDENCES
        for one, figure in enumerate(_FIGURES)
        for end, side in enumerate(("low", "high"))
    ),
    *(
        _measure(f"value_at_risk_{percent}_across_strategies", partial(across_strategies, confidence=confidence))
        for percent, confidence in CONFIDENCES.items()
    ),
)
