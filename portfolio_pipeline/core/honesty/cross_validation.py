"""Combinatorial purged cross-validation (López de Prado 2018, chapter 12), for the promotion of a new card.

The history is cut into folds; every choice of a few folds in turn is tested on, the others are trained on. Each
session is then tested in several splits, and the tests recombine into several paths through the whole history: a
distribution of out-of-sample results instead of the one that happened.

Look-ahead: training sessions lie after tests as well as before, on purpose. This judges a way of choosing parameters;
it is no back-test and nothing is traded on it. Purging removes training sessions on both sides of a test, by the
longest look-back or holding time that could carry information across; the embargo removes more of those that follow.
NaN is refused (see `trial_sums`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.honesty.trial_sums import Sums, returns_matrix, sharpe_from_sums

MOST_SPLITS = 20_000


@dataclass(frozen=True)
class CombinatorialFolds:
    """How a history is split. Folds are of equal length; the last one takes what is left over."""

    folds: int = 10
    test_folds: int = 2
    purge: int = 0
    embargo: int = 0

    def __post_init__(self) -> None:
        if not (self.folds >= 3 and 1 <= self.test_folds < self.folds and self.purge >= 0 and self.embargo >= 0):
            raise ValueError(f"3 folds or more, fewer test folds, no negative gaps; found {self}")
        if self.splits > MOST_SPLITS:
            raise ValueError(f"{self} makes {self.splits} splits, at most {MOST_SPLITS}")

    @property
    def splits(self) -> int:
        return comb(self.folds, self.test_folds)

    @property
    def paths(self) -> int:
        return comb(self.folds - 1, self.test_folds - 1)

    @property
    def fewest_sessions(self) -> int:
        """The shortest history whose folds outlast purging and embargo."""
        return self.folds * (2 * self.purge + self.embargo + 2)

    def tested(self) -> Array:
        """Folds tested in each split [splits, test_folds]."""
        return np.array(list(combinations(range(self.folds), self.test_folds)))

    def split_of_path(self) -> Array:
        """The split that each fold's test is taken from, for each path [paths, folds]; each test is used once."""
        tested = self.tested()
        return np.array([np.flatnonzero((tested == fold).any(axis=1)) for fold in range(self.folds)]).T

    def bounds(self, sessions: int) -> list[tuple[int, int]]:
        """First session of each fold and the one after its last."""
        length = sessions // self.folds
        if 2 * self.purge + self.embargo >= length - 1:
            raise ValueError(
                f"purge {self.purge} and embargo {self.embargo} use up a fold of {length} sessions: "
                "take fewer folds or a longer history"
            )
        return [
            (fold * length, (fold + 1) * length if fold + 1 < self.folds else sessions) for fold in range(self.folds)
        ]

    def split(self, sessions: int) -> Iterator[tuple[Array, list[Array]]]:
        """Training sessions, and the sessions of each test fold, split by split."""
        bounds = self.bounds(sessions)
        for tested in self.tested().tolist():
            training = np.ones(sessions, dtype=np.bool_)
            for fold in tested:
                start, stop = bounds[fold]
                training[max(0, start - self.purge) : stop + self.purge + self.embargo] = False
            yield np.flatnonzero(training), [np.arange(*bounds[fold]) for fold in tested]


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What choosing the best trial in training gave in the tests."""

    chosen: Array  # trial chosen in each split
    training_sharpe: Array  # of the chosen trial, per split
    path_returns: Array  # [paths, sessions], out of sample
    path_sharpe: Array  # per path, per session

    @property
    def loss_probability(self) -> float:
        """Share of paths whose Sharpe ratio is not above zero."""
        return float(np.mean(self.path_sharpe <= 0.0))

    def quantile(self, share: float) -> float:
        """Sharpe ratio that this share of the paths stays below."""
        return float(np.quantile(self.path_sharpe, share))


def cross_validate(returns: Array, folds: CombinatorialFolds) -> CrossValidation:
    """Choose the trial with the best training Sharpe ratio in each split, test it, and join the tests to paths."""
    matrix = returns_matrix(returns)
    sums = Sums.of(matrix)
    chosen, training_sharpe = np.empty(folds.splits, dtype=np.int64), np.empty(folds.splits)
    for i, (training, _) in enumerate(folds.split(len(matrix))):
        edges = np.flatnonzero(np.diff(training) > 1) + 1
        starts = training[np.concatenate([[0], edges])]
        stops = training[np.concatenate([edges - 1, [training.size - 1]])] + 1
        scores = sharpe_from_sums(
            (sums.total[stops] - sums.total[starts]).sum(axis=0),
            (sums.square[stops] - sums.square[starts]).sum(axis=0),
            training.size,
        )
        chosen[i] = scores.argmax()
        training_sharpe[i] = scores[chosen[i]]
    path_returns = np.empty((folds.paths, len(matrix)))
    for fold, (start, stop) in enumerate(folds.bounds(len(matrix))):
        path_returns[:, start:stop] = matrix[start:stop, chosen[folds.split_of_path()[:, fold]]].T
    path_sharpe = Sums.of(path_returns.T).sharpes(0, len(matrix))
    return CrossValidation(chosen, training_sharpe, path_returns, path_sharpe)
