"""Honesty: what a strategy's results are worth.

Out of sample: evidence that may be looked at every day (`evidence`), and walk-forward efficiency (`walk_forward`).
About back-tests and their choice, given how hard was searched: the deflated Sharpe ratio (`sharpe`) with the effective
number of trials (`trials`), the probability of backtest overfitting (`overfitting`), combinatorial purged
cross-validation (`cross_validation`), all of them for one search (`search_report`). What follows: the verdict
(`judgement`, in words `assessment`) and the rule of promotion (`promotion`). All of it is computed on arrays of
returns. The search itself does not belong here, nor does sharing out capital.

Functions that end in `_by_session` judge every session on the trailing window that ends with it. They are handed the
full history from the first stored session; what they say about a session does not depend on which others are asked
about, nor on later rows, bit for bit.
"""

from portfolio_pipeline.core.honesty.assessment import SEPARATOR, assess, promises_in_use
from portfolio_pipeline.core.honesty.cross_validation import CombinatorialFolds, CrossValidation, cross_validate
from portfolio_pipeline.core.honesty.evidence import Evidence, evidence_of
from portfolio_pipeline.core.honesty.judgement import Judged, judge
from portfolio_pipeline.core.honesty.overfitting import (
    Overfitting,
    Splits,
    overfitting_by_session,
    overfitting_splits,
)
from portfolio_pipeline.core.honesty.search_report import promotion_folds, search_statistics
from portfolio_pipeline.core.honesty.sharpe import (
    Deflation,
    TrackRecord,
    deflated_sharpe_ratio,
    deflation_by_session,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe_ratio,
    sharpe_ratio,
)
from portfolio_pipeline.core.honesty.trials import effective_trials
from portfolio_pipeline.core.honesty.walk_forward import WalkForward, walk_forward_by_session

__all__ = [
    "SEPARATOR",
    "CombinatorialFolds",
    "CrossValidation",
    "Deflation",
    "Evidence",
    "Judged",
    "Overfitting",
    "Splits",
    "TrackRecord",
    "WalkForward",
    "assess",
    "cross_validate",
    "deflated_sharpe_ratio",
    "deflation_by_session",
    "effective_trials",
    "evidence_of",
    "expected_maximum_sharpe",
    "judge",
    "minimum_track_record",
    "overfitting_by_session",
    "overfitting_splits",
    "probabilistic_sharpe_ratio",
    "promises_in_use",
    "promotion_folds",
    "search_statistics",
    "sharpe_ratio",
    "walk_forward_by_session",
]
