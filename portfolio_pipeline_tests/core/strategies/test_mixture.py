"""A mixture that was stored and read goes on to the bit; what is left of one adds up to 1 again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.types.diversified import DiversifiedParameters

SETS = tuple(DiversifiedParameters(window=window) for window in range(42, 253, 21))
PARTS = st.lists(st.integers(1, 10_000), min_size=1, max_size=len(SETS))


@given(PARTS, st.sampled_from([3, 6, 7, 30]))
def test_a_whole_one_keeps_its_shares_to_the_bit(parts: list[int], steps: int) -> None:
    exact = [part / sum(parts) for part in parts]
    # As a mean of several draws leaves them: a little beside 1 in all.
    shares = [sum(share / steps for _ in range(steps)) for share in exact]
    found = Mixture.of(SETS[: len(shares)], shares)
    assert found is not None
    assert found.shares == tuple(shares)


@given(PARTS, st.floats(0.05, 0.999))
def test_what_is_left_of_one_adds_up_again_in_the_same_proportions(parts: list[int], left: float) -> None:
    shares = [left * part / sum(parts) for part in parts]
    found = Mixture.of(SETS[: len(shares)], shares)
    assert found is not None
    assert math.fsum(found.shares) == pytest.approx(1.0, abs=1e-12)
    assert found.shares == pytest.approx([part / sum(parts) for part in parts])


def test_nothing_is_left_of_nothing() -> None:
    assert Mixture.of((), ()) is None
