"""Combinatorial purged cross-validation: folds and paths against skfolio, the choice against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.honesty import CombinatorialFolds, cross_validate


@pytest.mark.parametrize(
    ("folds", "sessions"),
    [
        (CombinatorialFolds(3, 2), 12),
        (CombinatorialFolds(6, 2, purge=3), 200),
        (CombinatorialFolds(10, 8, purge=2, embargo=5), 317),
        (CombinatorialFolds(7, 3, embargo=4), 100),
    ],
)
def test_folds_and_paths_equal_skfolio(folds: CombinatorialFolds, sessions: int) -> None:
    skfolio = pytest.importorskip("skfolio.model_selection")
    oracle = skfolio.CombinatorialPurgedCV(
        n_folds=folds.folds, n_test_folds=folds.test_folds, purged_size=folds.purge, embargo_size=folds.embargo
    )
    assert (folds.splits, folds.paths) == (oracle.n_splits, oracle.n_test_paths)
    assert np.array_equal(folds.split_of_path().T, oracle.recombined_paths)
    expected = list(oracle.split(np.zeros((sessions, 1))))
    for (training, tests), (their_training, their_tests) in zip(folds.split(sessions), expected, strict=True):
        assert np.array_equal(training, their_training)
        assert all(np.array_equal(ours, theirs) for ours, theirs in zip(tests, their_tests, strict=True))


@given(
    folds=st.integers(3, 8), tested=st.integers(1, 4), purge=st.integers(0, 4), embargo=st.integers(0, 6),
    sessions=st.integers(160, 240),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_no_training_session_is_near_a_test_and_every_path_covers_history_once(
    folds: int, tested: int, purge: int, embargo: int, sessions: int
) -> None:
    plan = CombinatorialFolds(folds, min(tested, folds - 1), purge, embargo)
    splits = list(plan.split(sessions))
    for training, tests in splits:
        for test in tests:
            after = training[training > test[-1]]
            before = training[training < test[0]]
            assert not np.isin(training, test).any()
            assert not after.size or after[0] > test[-1] + purge + embargo
            assert not before.size or before[-1] < test[0] - purge
    used = [(fold, split) for path in plan.split_of_path() for fold, split in enumerate(path)]
    assert len(set(used)) == len(used) == plan.splits * plan.test_folds
    assert all(fold in plan.tested()[split] for fold, split in used)


def test_the_best_in_training_is_tested_and_the_tests_are_joined_to_paths() -> None:
    returns = 0.01 * np.random.default_rng(1).standard_normal((250, 15))
    plan = CombinatorialFolds(6, 2, purge=5, embargo=3)
    found = cross_validate(returns, plan)
    tests: dict[int, list[np.ndarray]] = {fold: [] for fold in range(6)}
    for i, (training, _) in enumerate(plan.split(250)):
        past = returns[training]
        sharpes = past.mean(axis=0) / past.std(axis=0, ddof=1)
        assert found.chosen[i] == sharpes.argmax()
        assert found.training_sharpe[i] == pytest.approx(sharpes.max(), rel=1e-10)
        for fold in plan.tested()[i]:
            tests[fold].append(returns[slice(*plan.bounds(250)[fold]), sharpes.argmax()])
    for path in range(plan.paths):
        expected = np.concatenate([tests[fold][path] for fold in range(6)])
        assert np.array_equal(found.path_returns[path], expected)
        assert found.path_sharpe[path] == pytest.approx(expected.mean() / expected.std(ddof=1), rel=1e-9)
    assert found.loss_probability == np.mean(found.path_sharpe <= 0)
    assert found.quantile(0.0) == found.path_sharpe.min()


@pytest.mark.parametrize(
    "arguments", [{"folds": 2}, {"folds": 5, "test_folds": 5}, {"purge": -1}, {"folds": 30, "test_folds": 15}]
)
def test_impossible_folds_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="CombinatorialFolds"):
        CombinatorialFolds(**arguments)


def test_gaps_that_use_up_a_fold_are_refused() -> None:
    with pytest.raises(ValueError, match="use up a fold of 20"):
        cross_validate(np.zeros((200, 2)), CombinatorialFolds(10, 2, purge=8, embargo=5))
