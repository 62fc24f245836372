"""The figures of `performance.windows` over all the past, which fades: what is a half-life older counts half.

Seen from session t, session u weighs 2^-((t - u) / half_life). With the weights v that add up to 1, the mean is
sum v x, the variance (sum v x^2 - mean^2) e / (e - 1) with the effective number of sessions e = 1 / sum v^2, the return
the weighted mean of the log returns, a year long. A greatest drawdown and what is made of it have no weights: NaN.

Sums go forward from `begin` and are multiplied down from session to session, so the bits of a session do not depend on
which sessions are asked for, nor on anything later.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.parallel import in_chunks
from portfolio_pipeline.core.performance.windows import METRICS, NOTHING, columns

_SUMS = 7  # of returns, squares, squares below 0, log returns, total losses, turnover, days up


class Fading:
    """METRICS of candidates at one range of rows after the other; calmar and deepest_fall are NaN."""

    def __init__(self, net: Array, turnover: Array, begin: int, half_life: int, traded_at: Array | None = None) -> None:
        self._net, self._turnover, self._begin = net, turnover, begin
        self._column = columns(net.shape[1], traded_at)
        self.keep = 0.5 ** (1.0 / half_life)
        # Multiplied one after the other: a power may have other bits, depending on where it stands in an array.
        self._powers = np.cumprod(np.append(1.0, np.full(net.shape[1], self.keep)))
        self._sums, self._row = np.zeros((len(net), _SUMS)), begin - 1

    def metrics(self, rows: Array, *, workers: int = 1) -> Array:
        """[METRICS, rows, candidates], rows ascending; NaN with fewer than two sessions since `begin`."""
        asked = np.ascontiguousarray(rows, dtype=np.int64)
        result = np.full((len(METRICS), len(asked), len(self._net)), np.nan)
        if not len(asked) or asked[-1] <= self._begin:
            return result
        if asked[0] <= self._row:
            self._sums[:], self._row = 0.0, self._begin - 1
        keep, reached = self.keep, self._row + 1
        # Sums of the weights and of their squares, as the geometric series they are.
        counts = np.maximum(asked + 1 - self._begin, 0)
        left = self._powers[counts]
        total, squares = (1.0 - left) / (1.0 - keep), (1.0 - left * left) / (1.0 - keep * keep)
        with np.errstate(invalid="ignore", divide="ignore"):
            effective = total * total / squares

        def fill(low: int, high: int) -> None:
            _fill(
                self._net, self._turnover, self._column, keep, reached, asked, counts, total, effective,
                self._sums, result, low, high,
            )  # fmt: skip

        in_chunks(fill, len(self._net), workers)
        self._row = int(asked[-1])
        return result


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(
    net: Array,
    turnover: Array,
    column: Array,
    keep: float,
    reached: int,
    rows: Array,
    counts: Array,
    total: Array,
    effective: Array,
    sums: Array,
    result: Array,
    low: int,
    high: int,
) -> None:  # pragma: no cover
    """`sums` [candidates, sums] are those before session `reached`."""
    for c in range(low, high):
        k = 0
        while k < len(rows) and rows[k] < reached:
            k += 1
        for u in range(reached, rows[-1] + 1):
            value = net[c, u]
            down = min(value, 0.0)
            lost = value <= -1.0
            for s in range(_SUMS):
                sums[c, s] *= keep
            sums[c, 0] += value
            sums[c, 1] += value * value
            sums[c, 2] += down * down
            sums[c, 3] += 0.0 if lost else np.log1p(value)
            sums[c, 4] += 1.0 if lost else 0.0
            sums[c, 5] += turnover[c, column[u]] if column[u] >= 0 else 0.0
            sums[c, 6] += 1.0 if value > 0.0 else 0.0
            if u != rows[k]:
                continue
            if counts[k] >= 2:
                mean, square = sums[c, 0] / total[k], sums[c, 1] / total[k]
                deviation = np.sqrt(max(0.0, square - mean * mean) * effective[k] / (effective[k] - 1.0))
                downside = np.sqrt(sums[c, 2] / total[k])
                result[0, k, c] = -1.0 if sums[c, 4] > 0.0 else np.exp(sums[c, 3] / total[k] * SESSIONS_PER_YEAR) - 1.0
                result[1, k, c] = deviation * np.sqrt(SESSIONS_PER_YEAR)
                result[2, k, c] = mean / deviation * np.sqrt(SESSIONS_PER_YEAR) if deviation > NOTHING else 0.0
                result[3, k, c] = mean / downside * np.sqrt(SESSIONS_PER_YEAR) if downside > NOTHING else 0.0
                result[6, k, c] = sums[c, 5] / total[k] * SESSIONS_PER_YEAR
                result[7, k, c] = sums[c, 6] / total[k]
            k += 1


def paired_evidence(net: Array, places: Array, shares: Array, default: int, begin: int, row: int, keep: float) -> float:
    """How many standard errors a mixture's Sharpe ratio lies above the default's, over the fading past up to `row`.

    The error of the paired difference: what both have in common is no noise between them. 0 where either never moved.
    """
    t: float = _paired_evidence(net, places, shares, default, begin, row, keep)
    return t


@njit(cache=True, nogil=True, error_model="numpy")
def _paired_evidence(
    net: Array, places: Array, shares: Array, default: int, begin: int, row: int, keep: float
) -> float:  # pragma: no cover
    total = squares = mine = theirs = mine2 = theirs2 = both = 0.0
    for u in range(begin, row + 1):
        value, other = 0.0, net[default, u]
        for m in range(len(places)):
            value += shares[m] * net[places[m], u]
        total, squares = total * keep + 1.0, squares * keep * keep + 1.0
        mine, theirs = mine * keep + value, theirs * keep + other
        mine2, theirs2, both = mine2 * keep + value * value, theirs2 * keep + other * other, both * keep + value * other
    mine, theirs = mine / total, theirs / total
    deviation, others = np.sqrt(mine2 / total - mine * mine), np.sqrt(theirs2 / total - theirs * theirs)
    if not (deviation > NOTHING and others > NOTHING):
        return 0.0
    together = (both / total - mine * theirs) / (deviation * others)
    error = np.sqrt(max(0.0, 2.0 - 2.0 * together) * squares / (total * total))
    return (mine / deviation - theirs / others) / error if error > NOTHING else 0.0
