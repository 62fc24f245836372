"""The cash sleeve holds what is idle, within its own limit, whatever else is asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.portfolio.cash_sleeve import sleeve_weights


def test_what_is_idle_goes_into_the_sleeve_as_far_as_its_limit_lets_it() -> None:
    requested = np.array([[0.3, 0.2], [0.9, 0.3], [0.0, 0.0], [-0.4, 0.1]])
    found = sleeve_weights(requested, 1, largest_gross=0.99, largest_weight=0.35)
    np.testing.assert_allclose(found, [0.15, 0.0, 0.35, 0.25])
    np.testing.assert_allclose(sleeve_weights(requested, 1, largest_gross=0.99, largest_weight=None)[2], 0.99)


@given(st.integers(0, 10_000), st.floats(0.1, 1.0), st.floats(0.0, 1.0))
def test_the_sleeve_never_borrows_never_passes_its_limit_and_a_session_alone_has_the_same_bits(
    seed: int, gross: float, limit: float
) -> None:
    requested = np.random.default_rng(seed).uniform(-0.2, 0.4, (5, 4))
    found = sleeve_weights(requested, 2, largest_gross=gross, largest_weight=limit)
    assert (found >= 0.0).all()
    held = found > 0.0
    assert (np.abs(requested).sum(axis=1)[held] + found[held] <= gross + 1e-12).all()
    assert (requested[held, 2] + found[held] <= limit + 1e-12).all()
    for row in range(5):
        alone = sleeve_weights(requested[row : row + 1], 2, largest_gross=gross, largest_weight=limit)
        assert alone[0] == found[row]
