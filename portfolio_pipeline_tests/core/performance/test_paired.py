"""The difference of two Sharpe ratios, and its error, against other ways to them."""

from __future__ import annotations

import numpy as np
import pytest

from portfolio_pipeline.core.performance.fading import paired_evidence
from portfolio_pipeline.core.performance.metrics import performance
from portfolio_pipeline.core.performance.paired import sharpe_differences


def correlated(sessions: int, draws: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shared = rng.normal(0.0002, 0.01, (draws, sessions))
    return shared + rng.normal(0.0002, 0.004, (draws, sessions)), shared + rng.normal(0, 0.003, (draws, sessions))


def test_the_difference_is_that_of_the_ratios_that_are_told_everywhere() -> None:
    (one,), (base,) = correlated(300, 1)
    differences, _ = sharpe_differences(np.stack([one, base]), base)
    expected = performance(one)["sharpe"][-1] - performance(base)["sharpe"][-1]
    assert differences == pytest.approx([expected, 0.0])


def test_the_error_is_the_one_that_the_search_weighs_its_mixtures_by() -> None:
    (one,), (base,) = correlated(400, 1)
    (difference,), (error,) = sharpe_differences(one[None], base)
    both = np.stack([one, base])
    errors = paired_evidence(both, np.array([0]), np.ones(1), 1, 0, len(base) - 1, 1.0)
    assert difference / error == pytest.approx(errors, rel=2e-3)  # which divides by one session more


def test_the_error_is_how_much_the_difference_varies_from_history_to_history() -> None:
    ones, bases = correlated(250, 3_000)
    found = [sharpe_differences(one[None], base) for one, base in zip(ones, bases, strict=True)]
    assert np.mean([error[0] for _, error in found]) == pytest.approx(np.std([one[0] for one, _ in found]), rel=0.05)


def test_what_never_moved_has_no_error_and_the_base_none_to_itself() -> None:
    base = np.array([0.01, -0.01, 0.02])
    differences, errors = sharpe_differences(np.stack([np.zeros(3), base]), base)
    assert np.isnan(errors[0])
    assert differences[0] == pytest.approx(-performance(base)["sharpe"][-1])
    assert (differences[1], errors[1]) == (0.0, 0.0)
    assert np.isnan(sharpe_differences(base[:1][None], base[:1])[0]).all()
