"""Evenly spread points have SciPy's bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from portfolio_pipeline.core.search.low_discrepancy import SobolPoints


@given(dimensions=st.integers(1, 22), seed=st.integers(0, 2**32 - 1), first=st.integers(1, 9), more=st.integers(1, 9))
@pytest.mark.filterwarnings("ignore:The balance properties")
def test_points_are_those_of_scipy_to_the_bit_however_many_are_asked_for(
    dimensions: int, seed: int, first: int, more: int
) -> None:
    engine = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    theirs = np.vstack([engine.random(2**first), engine.random(2**more)])
    points = SobolPoints(dimensions, seed)

    assert np.array_equal(points.first(len(theirs)), theirs)
    assert np.array_equal(points.first(1), theirs[:1])
