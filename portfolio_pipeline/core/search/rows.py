"""What a search found, as rows of optimized_parameters, parameter_mixtures and optimization_results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.performance.windows import METRICS
from portfolio_pipeline.core.search.walked import Stretch

# Tables hold the fall as what it is everywhere else: a drawdown, 0 or negative.
_DRAWDOWN = METRICS.index("deepest_fall")
_STORED = (*METRICS[:_DRAWDOWN], "max_drawdown", *METRICS[_DRAWDOWN + 1 :])
_BY_NAME = sorted(range(len(METRICS)), key=_STORED.__getitem__)


Written: TypeAlias = tuple[tuple[str, float], ...]
"""A mixture as it is stored: the JSON of each member, and its share."""


def written(stretch: Stretch) -> list[Written]:
    """The mixture of each session."""
    texts = stretch.pool.texts
    return [
        tuple((texts[place], share) for place, share in zip(choice.places, choice.shares, strict=True))
        for choice in stretch.choices
    ]


def chosen_rows(
    stretches: Sequence[Stretch], sessions: Array, strategy: str, objective: str, before: Written | None
) -> pd.DataFrame:
    """Rows of optimized_parameters; `before` was in use before the first of them."""
    mixtures = [one for stretch in stretches for one in written(stretch)]
    return pd.DataFrame(
        {
            "session": _days(stretches, sessions),
            "strategy": strategy,
            "parameters": [stretch.pool.texts[place] for stretch in stretches for place in stretch.leading.tolist()],
            "objective": objective,
            "score": np.concatenate([stretch.score for stretch in stretches]),
            "trials": [
                len(stretch.pool.candidates) if choice.settled else 0
                for stretch in stretches
                for choice in stretch.choices
            ],
            "changed": [mixture != one for mixture, one in zip(mixtures, [before, *mixtures[:-1]], strict=True)],
            "plateau_score": np.concatenate([stretch.smoothed for stretch in stretches]),
            "holdout_score": np.concatenate([stretch.held_out for stretch in stretches]),
            "reason": [choice.reason for stretch in stretches for choice in stretch.choices],
            "members": [len(mixture) for mixture in mixtures],
        }
    )


def mixture_rows(stretches: Sequence[Stretch], sessions: Array, strategy: str) -> pd.DataFrame:
    """Rows of parameter_mixtures."""
    mixtures = [one for stretch in stretches for one in written(stretch)]
    return pd.DataFrame(
        {
            "session": np.repeat(_days(stretches, sessions), [len(mixture) for mixture in mixtures]),
            "strategy": strategy,
            "member": [member for mixture in mixtures for member in range(1, len(mixture) + 1)],
            "parameters": [text for mixture in mixtures for text, _ in mixture],
            "share": [share for mixture in mixtures for _, share in mixture],
        }
    )


def _days(stretches: Sequence[Stretch], sessions: Array) -> Array:
    days: Array = sessions[np.concatenate([stretch.rows for stretch in stretches])].astype("datetime64[s]")
    return days


def result_rows(stretches: Sequence[Stretch], sessions: Array, strategy: str) -> pd.DataFrame:
    """Rows of optimization_results."""
    rankings = [stretch.ranking for stretch in stretches]
    metrics = np.concatenate([ranking.metrics for ranking in rankings]).T
    return pd.DataFrame(
        {
            "session": sessions[np.concatenate([ranking.row for ranking in rankings])].astype("datetime64[s]"),
            "strategy": strategy,
            "rank": np.concatenate([ranking.rank for ranking in rankings]),
            "parameters": [stretch.pool.texts[place] for stretch in stretches for place in stretch.ranking.place],
            "metrics": metrics_json(metrics).to_pandas(),
            "is_pareto": np.concatenate([ranking.is_pareto for ranking in rankings]),
            "score": np.concatenate([ranking.score for ranking in rankings]),
            "plateau_score": np.concatenate([ranking.smoothed for ranking in rankings]),
        }
    )


def metrics_json(metrics: Array) -> pa.Array:
    """METRICS [METRICS, sets] as tables hold them, which is what json.dumps writes for each set, a dictionary with
    sorted keys, without its detours: there are many."""
    parts: list[str | pa.Array] = []
    for place in _BY_NAME:
        values = 0.0 - metrics[place] if place == _DRAWDOWN else metrics[place]
        parts += [f'{", " if parts else "{"}"{_STORED[place]}": ', _texts(values)]
    return pc.binary_join_element_wise(*parts, "}", "")


def _texts(values: Array) -> pa.Array:
    """As repr writes them, which for numbers neither whole nor very small or large is what Arrow writes."""
    size = np.abs(values)
    others = ~((size >= 1e-4) & (size < 1e9)) | (values == np.rint(values))
    texts = pa.array([repr(value) for value in values[others].tolist()], pa.string())
    return pc.replace_with_mask(pa.array(values).cast(pa.string()), pa.array(others), texts)
