"""Shares of parameter sets over time, from the sessions at which they changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.components.strategy.mixture_picture import largest, shares_over_time

DAYS = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-31"))
MIXTURES = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1)


@given(st.dictionaries(st.integers(0, len(DAYS) - 1), MIXTURES, min_size=1))
def test_a_mixture_is_in_use_until_it_changes(mixtures: dict[int, dict[str, int]]) -> None:
    rows = [(DAYS[at], text, share) for at in sorted(mixtures) for text, share in mixtures[at].items()]
    found = shares_over_time(pd.DataFrame(rows, columns=["session", "parameters", "share"]), DAYS)
    used: dict[str, int] = {}
    for at in range(len(DAYS)):
        used = mixtures.get(at, used)
        assert {text: series[at] for text, series in found.items() if series[at]} == used


def test_the_largest_are_named_and_the_others_are_together() -> None:
    shares = {name: np.full(3, share) for name, share in (("a", 0.1), ("b", 0.5), ("c", 0.1), ("d", 0.3))}
    found = largest(shares, 2)
    assert list(found) == ["b", "d", "2 others"]
    np.testing.assert_allclose(np.sum(list(found.values()), axis=0), 1.0)
    assert list(largest(shares, 4)) == ["b", "d", "a", "c"]
