"""The texts that rows of a search hold."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.performance.windows import METRICS
from portfolio_pipeline.core.search.rows import metrics_json

NAMES = ["max_drawdown" if name == "deepest_fall" else name for name in METRICS]
FALL = METRICS.index("deepest_fall")


@given(st.lists(st.floats(), min_size=len(METRICS), max_size=len(METRICS)))
def test_metrics_are_written_as_json_writes_them(values: list[float]) -> None:
    finite = [value if np.isfinite(value) else 0.1 for value in values]
    (written,) = metrics_json(np.array(finite)[:, None]).to_pylist()
    finite[FALL] = 0.0 - finite[FALL]
    assert written == json.dumps(dict(zip(NAMES, finite, strict=True)), sort_keys=True)


def test_numbers_of_any_size_keep_the_text_that_repr_gives() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(len(METRICS), 5_000)) * 10.0 ** rng.uniform(-12, 18, (len(METRICS), 5_000))
    written = metrics_json(values).to_pylist()
    values[FALL] *= -1.0
    assert written == [json.dumps(dict(zip(NAMES, one, strict=True)), sort_keys=True) for one in values.T.tolist()]
