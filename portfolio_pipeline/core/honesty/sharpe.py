"""How sure one may be of a Sharpe ratio: the probabilistic and the deflated one (Bailey and López de Prado).

All Sharpe ratios are per period (per session), never annualised. How many trials count as independent is in `trials`.

NaN policy: the series of one strategy may have NaN where it has no return, and is judged without them. Too few
returns, or returns that do not vary, give NaN: not known, which is not the same as zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.honesty.trial_sums import FLAT, Rows, Sums, checked_rows, returns_matrix
from portfolio_pipeline.core.honesty.trials import effective_trials, expected_maximum

FEWEST_RETURNS = 3


@dataclass(frozen=True)
class TrackRecord:
    """What one series of returns says about its Sharpe ratio: all NaN when it is too short or flat."""

    sessions: int
    sharpe: float
    skew: float
    kurtosis: float  # 3 for a normal series

    @classmethod
    def of(cls, returns: Array) -> TrackRecord:
        series = np.asarray(returns, dtype=np.float64)
        series = series[~np.isnan(series)]
        if series.size < FEWEST_RETURNS:
            return cls(series.size, np.nan, np.nan, np.nan)
        mean = series.mean()
        deviations = series - mean
        squared = deviations * deviations
        variance = squared.mean()
        if not variance > FLAT * (variance + mean * mean):
            return cls(series.size, np.nan, np.nan, np.nan)
        return cls(
            series.size,
            float(mean / np.sqrt(variance * series.size / (series.size - 1))),
            float((squared * deviations).mean() / variance**1.5),
            float((squared * squared).mean() / variance**2),
        )

    @property
    def _variance(self) -> float:
        """Variance of the estimated Sharpe ratio, times sessions less one."""
        variance = 1.0 - self.skew * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2
        return variance if variance > 0.0 else np.nan

    def probability_above(self, benchmark: float) -> float:
        """Probability that the true Sharpe ratio is above the benchmark."""
        if np.isnan(self.sharpe):
            return np.nan
        errors = (self.sharpe - benchmark) * math.sqrt(self.sessions - 1) / math.sqrt(self._variance)
        return math.erfc(-errors / math.sqrt(2.0)) / 2.0  # far out, the complement has the digits

    def sessions_needed(self, benchmark: float, confidence: float) -> float:
        """How many returns of this kind it takes to be so sure; infinite when the benchmark is not exceeded."""
        if self.sharpe <= benchmark:
            return np.inf
        return float(1.0 + self._variance * (NormalDist().inv_cdf(confidence) / (self.sharpe - benchmark)) ** 2)


def sharpe_ratio(returns: Array) -> float:
    """Mean over sample standard deviation of one series."""
    return TrackRecord.of(returns).sharpe


def probabilistic_sharpe_ratio(returns: Array, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above the benchmark, given this series' length, skew and tails."""
    return TrackRecord.of(returns).probability_above(benchmark)


def minimum_track_record(returns: Array, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """How many returns of this kind it takes to be this sure that the true Sharpe ratio is above the benchmark."""
    return TrackRecord.of(returns).sessions_needed(benchmark, confidence)


def expected_maximum_sharpe(trial_sharpes: Array, trials: float | None = None) -> float:
    """The Sharpe ratio that the best of so many worthless trials is expected to show, from how far the trials'
    spread.

    `trials` is their number: all that were ever tried (default), or the effective number of independent ones.
    """
    tried = np.asarray(trial_sharpes, dtype=np.float64)
    tried = tried[~np.isnan(tried)]
    if tried.size < 2:
        return 0.0
    return float(expected_maximum(tried.size if trials is None else trials) * tried.std(ddof=1))


def deflated_sharpe_ratio(returns: Array, trial_sharpes: Array, trials: float | None = None) -> float:
    """Probability that the chosen series' true Sharpe ratio is above zero, knowing it was the pick of many trials."""
    return probabilistic_sharpe_ratio(returns, expected_maximum_sharpe(trial_sharpes, trials))


@dataclass(frozen=True, eq=False)
class Deflation:
    """What the chosen sets' Sharpe ratios are worth: one entry a session asked about, NaN before a full window."""

    trials: int
    effective_trials: Array
    sharpe: Array  # of the chosen set over the trailing window
    probabilistic: Array  # as if nothing else had been tried
    expected_maximum: Array  # the Sharpe ratio that luck explains, with the effective number of trials
    deflated: Array  # with the effective number of trials
    deflated_by_all_trials: Array  # with the true number of trials: never above `deflated`


def deflation_by_session(
    returns: Array, chosen: Rows, rows: Rows, *, window: int, trials: int | None = None
) -> Deflation:
    """Judge, for each session of `rows`, the parameter set chosen there over the window that ends with that session.

    `returns` [sessions, trials] starts with the first stored session; `chosen[i]` is the column chosen at session
    `rows[i]`, -1 for none. `trials` is how many were tried when that is more than the columns. Nothing after a
    session is used for it.
    """
    matrix = returns_matrix(returns)
    asked, columns = checked_rows(rows, len(matrix)), np.atleast_1d(np.asarray(chosen, dtype=np.int64))
    if columns.shape != asked.shape:
        raise ValueError(f"chosen must name one column for each row, found {columns.size} for {asked.size}")
    tried = max(matrix.shape[1], trials or 0)
    independent = effective_trials(matrix, asked, window=window)
    sums = Sums.of(matrix[: asked.max(initial=-1) + 1])
    judged = np.full((5, asked.size), np.nan)
    for i, (row, column) in enumerate(zip(asked.tolist(), columns.tolist(), strict=True)):
        start = row + 1 - window
        if start < 0 or column < 0:
            continue
        record = TrackRecord.of(matrix[start : row + 1, column].copy())
        sharpes = sums.sharpes(start, row + 1)
        luck = expected_maximum_sharpe(sharpes, float(independent[i]))
        judged[:, i] = (
            record.sharpe,
            record.probability_above(0.0),
            luck,
            record.probability_above(luck),
            record.probability_above(expected_maximum_sharpe(sharpes, tried)),
        )
    return Deflation(tried, independent, *judged)
