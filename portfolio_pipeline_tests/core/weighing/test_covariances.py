"""Covariances agree with pandas and scikit-learn, and can be used whatever the returns are like."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf

from portfolio_pipeline.core.weighing.covariances import (
    RIDGE,
    Kind,
    covariance,
    deviations_and_correlations,
)
from portfolio_pipeline.core.weighing.means import shrunk_means

KINDS: tuple[Kind, ...] = get_args(Kind)


def returns(seed: int = 0, sessions: int = 63, names: int = 5) -> np.ndarray:
    random = np.random.default_rng(seed)
    common = random.normal(0, 0.006, (sessions, 1))
    return common + random.normal(0.0003, 0.002 + 0.01 * random.random(names), (sessions, names))


def ridged(matrix: np.ndarray) -> np.ndarray:
    """Off the diagonal a ten-thousandth less."""
    return matrix * np.where(np.eye(len(matrix)) > 0, 1.0, 1.0 - RIDGE)


def test_the_sample_covariance_is_that_of_pandas() -> None:
    expected = ridged(pd.DataFrame(returns()).cov().to_numpy())
    np.testing.assert_allclose(covariance(returns(), "sample", 63), expected, rtol=1e-10)


@pytest.mark.parametrize("half_life", [5, 63, 500])
def test_the_exponential_covariance_is_that_of_pandas(half_life: int) -> None:
    expected = pd.DataFrame(returns()).ewm(halflife=half_life).cov().loc[62].to_numpy()
    np.testing.assert_allclose(covariance(returns(), "exponential", half_life), ridged(expected), rtol=1e-9)


@pytest.mark.parametrize("sessions", [25, 63, 1000])
def test_correlations_shrink_as_scikit_learn_shrinks_standardised_returns(sessions: int) -> None:
    given_ = returns(sessions=sessions)
    scaled = (given_ - given_.mean(axis=0)) / given_.std(axis=0)
    expected, shrinkage = ledoit_wolf(scaled, assume_centered=True)
    assert shrinkage > RIDGE
    deviations, correlations = deviations_and_correlations(given_, "ledoit_wolf", 63)
    np.testing.assert_allclose(correlations, expected, atol=1e-12)
    np.testing.assert_allclose(deviations, given_.std(axis=0, ddof=1), rtol=1e-12)


@given(
    kind=st.sampled_from(KINDS),
    sessions=st.integers(1, 80),
    seed=st.integers(0, 100),
    begun=st.lists(st.integers(0, 80), min_size=6, max_size=6),
    idle=st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_short_histories_late_beginnings_idle_ones_and_twins_leave_a_matrix_that_can_be_inverted(
    kind: Kind, sessions: int, seed: int, begun: list[int], idle: float
) -> None:
    random = np.random.default_rng(seed)
    found = returns(seed, sessions, 6)
    found[:, 1] = found[:, 0]
    found[random.random(found.shape) < idle] = 0.0
    for column, first in enumerate(begun):
        found[:first, column] = np.nan
    matrix = covariance(found, kind, 20)
    assert np.isfinite(matrix).all()
    np.testing.assert_array_equal(matrix, matrix.T)
    deviations = np.sqrt(np.diag(matrix))
    correlations = matrix / np.outer(deviations, deviations)
    assert np.linalg.eigvalsh(correlations).min() > RIDGE / 2
    assert np.abs(correlations[~np.eye(6, dtype=bool)]).max() <= 1 - RIDGE + 1e-12


def test_who_never_trades_or_has_just_begun_is_taken_for_a_middling_one_that_moves_with_nobody() -> None:
    found = returns()
    found[:, 0] = 0.0
    found[:50, 1] = np.nan
    deviations, correlations = deviations_and_correlations(found, "sample", 63)
    assert deviations[0] == deviations[1] == np.median(deviations[2:])
    np.testing.assert_array_equal(correlations[:2], np.eye(5)[:2])


def test_means_shrink_as_jorion_wrote_it() -> None:
    found = returns(3)
    matrix, means = pd.DataFrame(found).cov().to_numpy(), found.mean(axis=0)
    ones, inverse = np.ones(5), np.linalg.inv(matrix)
    centre = ones @ inverse @ means / (ones @ inverse @ ones)
    shrinkage = 7 / (7 + 63 * (means - centre) @ inverse @ (means - centre))
    expected = (1 - shrinkage) * means + shrinkage * centre
    np.testing.assert_allclose(shrunk_means(means, matrix, 63), expected, rtol=1e-10)
    assert 0 < shrinkage < 1


def test_a_mean_that_nobody_knows_is_that_of_the_calmest_whole() -> None:
    found = returns(3)
    matrix, means = np.cov(found.T), found.mean(axis=0)
    means[2] = np.nan
    known = [0, 1, 3, 4]
    inverse = np.linalg.inv(matrix[np.ix_(known, known)])
    assert shrunk_means(means, matrix, 63)[2] == pytest.approx(inverse.sum(axis=0) @ means[known] / inverse.sum())
    np.testing.assert_array_equal(shrunk_means(np.full(5, np.nan), matrix, 63), 0.0)
