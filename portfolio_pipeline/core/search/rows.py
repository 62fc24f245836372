"""What a search found, as rows of optimized_parameters and optimization_results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.performance.windows import METRICS
from portfolio_pipeline.core.search.walk import Stretch

# Tables hold the fall as what it is everywhere else: a drawdown, 0 or negative.
_DRAWDOWN = METRICS.index("deepest_fall")
_STORED = (*METRICS[:_DRAWDOWN], "max_drawdown", *METRICS[_DRAWDOWN + 1 :])
_BY_NAME = sorted(range(len(METRICS)), key=_STORED.__getitem__)
# What json.dumps writes for a dictionary of floats with sorted keys, without its detours: there are many of these.
_METRICS_JSON = "{" + ", ".join(f'"{_STORED[place]}": %r' for place in _BY_NAME) + "}"


def chosen_rows(
    stretches: Sequence[Stretch], sessions: Array, strategy: str, objective: str, previous_json: str | None
) -> pd.DataFrame:
    """Rows of optimized_parameters; `previous_json` was in use before the first of them."""
    texts = [stretch.pool.texts[choice.place] for stretch in stretches for choice in stretch.choices]
    return pd.DataFrame(
        {
            "session": sessions[np.concatenate([stretch.rows for stretch in stretches])].astype("datetime64[s]"),
            "strategy": strategy,
            "parameters": texts,
            "objective": objective,
            "score": np.concatenate([stretch.score for stretch in stretches]),
            "trials": [
                len(stretch.pool.candidates) if choice.settled else 0
                for stretch in stretches
                for choice in stretch.choices
            ],
            "changed": [text != before for text, before in zip(texts, [previous_json, *texts[:-1]], strict=True)],
            "plateau_score": np.concatenate([stretch.smoothed for stretch in stretches]),
            "holdout_score": np.concatenate([stretch.held_out for stretch in stretches]),
            "reason": [choice.reason for stretch in stretches for choice in stretch.choices],
        }
    )


def result_rows(stretches: Sequence[Stretch], sessions: Array, strategy: str) -> pd.DataFrame:
    """Rows of optimization_results."""
    rankings = [stretch.ranking for stretch in stretches]
    metrics = np.concatenate([ranking.metrics for ranking in rankings]).T
    metrics[_DRAWDOWN] = 0.0 - metrics[_DRAWDOWN]
    return pd.DataFrame(
        {
            "session": sessions[np.concatenate([ranking.row for ranking in rankings])].astype("datetime64[s]"),
            "strategy": strategy,
            "rank": np.concatenate([ranking.rank for ranking in rankings]),
            "parameters": [stretch.pool.texts[place] for stretch in stretches for place in stretch.ranking.place],
            "metrics": [_METRICS_JSON % values for values in zip(*metrics[_BY_NAME].tolist(), strict=True)],
            "is_pareto": np.concatenate([ranking.is_pareto for ranking in rankings]),
            "score": np.concatenate([ranking.score for ranking in rankings]),
            "plateau_score": np.concatenate([ranking.smoothed for ranking in rankings]),
        }
    )
