"""What one search is worth, session by session: the figures of the table search_statistics.

Here the other modules are asked together about the parameter sets of one strategy, and what cannot be known yet becomes
NaN instead of a refusal: a history shorter than the window, no set in use. Limits and verdicts are in `judgement`.

Look-ahead: a session is judged on returns up to it, the same whichever other sessions are asked about.
"""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.honesty.cross_validation import CombinatorialFolds, cross_validate
from portfolio_pipeline.core.honesty.overfitting import overfitting_by_session
from portfolio_pipeline.core.honesty.sharpe import deflation_by_session
from portfolio_pipeline.core.honesty.trial_sums import Rows, checked_rows, returns_matrix

SHORTEST_WINDOW = 8  # sessions; shorter ones say nothing, and cannot be cut into blocks
_HOLDING, _LONGEST_EMBARGO = 5, 63


def promotion_folds(longest_window: int) -> CombinatorialFolds:
    """The folds that a candidate is cross-validated on, given the longest look-back of its parameter sets.

    A session's return is earned within it: all that reaches from training into a test that comes later is what is
    held, for which a week is purged. What looks back into a test comes after it. There the embargo is the longest
    look-back, though a quarter at most: 8 folds with a year of embargo each would ask for 20 years of history.
    """
    return CombinatorialFolds(8, 2, purge=_HOLDING, embargo=min(longest_window, _LONGEST_EMBARGO))


def search_statistics(
    returns: Array,
    chosen: Rows,
    rows: Rows,
    *,
    window: int,
    blocks: int,
    begin: int = 0,
    trials: int | None = None,
    candidate_folds: CombinatorialFolds | None = None,
    days: Array | None = None,
    workers: int = 1,
) -> dict[str, Array]:
    """Columns of search_statistics, one entry for each of `rows`.

    `returns` [sessions, trials] starts with the first stored session; before row `begin` not every trial has the
    history it needs, and nothing is judged on those rows. `chosen[k]` is the column in use at `rows[k]`, -1 for none.
    `trials` is how many were compared when that is more than the columns. Windows too short for `blocks` blocks are
    cut into fewer.

    With `candidate_folds` the search is cross-validated over all history from `begin` on, on the first of `days` (the
    sessions' dates) in each month; the rest of the month carries that figure. NaN where the history is too short.
    """
    matrix = returns_matrix(returns)
    asked, columns = checked_rows(rows, len(matrix)), np.atleast_1d(np.asarray(chosen, dtype=np.int64))
    known = (asked >= begin + window - 1) & (columns >= 0) & (window >= SHORTEST_WINDOW)
    figures = {name: np.full(asked.size, np.nan) for name in _FIGURES}
    figures["trials"] = np.full(asked.size, max(matrix.shape[1], trials or 0), dtype=np.int64)
    if known.any():
        judged = asked[known]
        deflation = deflation_by_session(matrix, columns[known], judged, window=window, trials=trials)
        figures["effective_trials"][known] = deflation.effective_trials
        figures["sharpe"][known] = deflation.sharpe
        figures["expected_maximum"][known] = deflation.expected_maximum
        figures["deflated_sharpe"][known] = deflation.deflated
        figures["deflated_sharpe_true_trials"][known] = deflation.deflated_by_all_trials
        # One trial beside itself: choosing did nothing (0.5), and how often it lost is known all the same.
        several = matrix if matrix.shape[1] > 1 else np.repeat(matrix, 2, axis=1)
        fewer = min(blocks, window // 4 * 2)
        overfitting = overfitting_by_session(several, judged, window=window, blocks=fewer, workers=workers)
        figures["overfitting"][known] = overfitting.probability
        figures["loss"][known] = overfitting.loss
    if candidate_folds is not None:
        if days is None or len(days) != len(matrix):
            raise ValueError("cross-validation month by month needs the date of every row")
        figures["path_loss"] = _path_loss(matrix, asked, begin, candidate_folds, days)
    return figures


_FIGURES = (
    "trials",
    "effective_trials",
    "sharpe",
    "expected_maximum",
    "deflated_sharpe",
    "deflated_sharpe_true_trials",
    "overfitting",
    "loss",
    "path_loss",
)


def _path_loss(matrix: Array, asked: Array, begin: int, folds: CombinatorialFolds, days: Array) -> Array:
    """Share of losing paths as of the first session of each asked session's month."""
    months = np.asarray(days).astype("datetime64[M]")
    firsts, places = np.unique(np.searchsorted(months, months[asked]), return_inverse=True)
    found = np.full(firsts.size, np.nan)
    for i, first in enumerate(firsts.tolist()):
        if first + 1 - begin >= folds.fewest_sessions:
            found[i] = cross_validate(matrix[begin : first + 1], folds).loss_probability
    return found[places]
