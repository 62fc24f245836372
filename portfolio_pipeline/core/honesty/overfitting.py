"""Probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey and others 2017).

The window is cut into blocks; every half of the blocks in turn is the past, the other half the future. The trial with
the best Sharpe ratio in the past is looked up in the future: where it ranks below the median there, choosing was
harmful. Ties share their mean rank, and a rank exactly at the median counts half, so that noise gives 0.5 on average
and a search without any choice gives 0.5.

Blocks have `window // blocks` sessions; the oldest sessions of the window that fill no block are left out. NaN is
refused (see `trial_sums`); session D is judged on rows up to D only, and the same whichever other sessions are asked
about.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.honesty.trial_sums import FLAT, Rows, Sums, checked_rows, returns_matrix

MOST_BLOCKS = 16


@dataclass(frozen=True, eq=False)
class Overfitting:
    """What choosing the best in one half of the window gave in the other. One entry a session; NaN before a full
    window."""

    probability: Array  # of the chosen trial ending below the median
    loss: Array  # share of splits in which the chosen trial's Sharpe ratio was not above zero
    degradation: (
        Array  # slope of the chosen trial's future Sharpe ratio on its past one: below zero when better was worse
    )
    past_sharpe: Array  # mean over the splits, of the chosen trial
    future_sharpe: Array


@dataclass(frozen=True, eq=False)
class Splits:
    """Each split of one window: the chosen trial's Sharpe ratios in past and future, and its future rank as a
    logit."""

    past_sharpe: Array
    future_sharpe: Array
    logit: Array

    @property
    def probability(self) -> float:
        return float(np.mean(self.logit < 0.0) + 0.5 * np.mean(self.logit == 0.0))


def overfitting_splits(returns: Array, *, blocks: int = 10) -> Splits:
    """All splits of the whole matrix, the past halves in the order of `itertools.combinations`."""
    sums = Sums.of(returns)
    sessions = len(sums.total) - 1
    length = _block_length(sessions, blocks, sums.total.shape[1])
    past, future, rank = _splits(sums.total, sums.square, sessions, length, blocks, _past_halves(blocks))
    share = rank / (sums.total.shape[1] + 1.0)
    return Splits(past, future, np.log(share / (1.0 - share)))


def overfitting_by_session(
    returns: Array, rows: Rows, *, window: int, blocks: int = 10, workers: int = 1
) -> Overfitting:
    """Probability of overfitting over the window that ends with each session of `rows`.

    `returns` [sessions, trials] starts with the first stored session. `workers` threads change the time and nothing
    else.
    """
    matrix = returns_matrix(returns)
    asked = checked_rows(rows, len(matrix))
    length = _block_length(window, blocks, matrix.shape[1])
    sums = Sums.of(matrix[: asked.max(initial=-1) + 1])
    found = np.full((asked.size, 5), np.nan)
    full = np.flatnonzero(asked >= window - 1)
    past_halves = _past_halves(blocks)

    def judge(part: Array) -> None:
        found[part] = _judge(sums.total, sums.square, asked[part] + 1, length, blocks, past_halves)

    parts = [part for part in np.array_split(full, max(1, workers)) if part.size]
    if len(parts) <= 1:
        for part in parts:
            judge(part)
    else:
        with ThreadPoolExecutor(len(parts)) as threads:
            list(threads.map(judge, parts))
    return Overfitting(*found.T.copy())


def _block_length(window: int, blocks: int, trials: int) -> int:
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise ValueError(f"blocks must be even and between 2 and {MOST_BLOCKS}, found {blocks}")
    if window < 2 * blocks:
        raise ValueError(f"a window of {window} sessions is too short for {blocks} blocks of 2 or more")
    if trials < 2:
        raise ValueError("overfitting needs 2 trials or more to choose from")
    return window // blocks


def _past_halves(blocks: int) -> Array:
    """Halves of the blocks as bit masks. The complement of the i-th is the i-th from the end."""
    return np.array([sum(1 << block for block in half) for half in combinations(range(blocks), blocks // 2)])


@njit(cache=True, nogil=True, error_model="numpy")
def _splits(
    total: Array, square: Array, stop: int, length: int, blocks: int, past_halves: Array
) -> tuple[Array, Array, Array]:
    """Past and future Sharpe ratio and future rank of the trial chosen in each split of the blocks before row `stop`.

    The sums of any set of blocks are two table look-ups: one of the older half of the blocks, one of the newer.
    """
    trials = total.shape[1]
    half = blocks // 2
    sets = 1 << half
    sums, squares = np.zeros((2, sets, trials)), np.zeros((2, sets, trials))
    for side in range(2):
        for chosen in range(1, sets):
            lowest = 0
            while not chosen >> lowest & 1:
                lowest += 1
            rest = chosen & (chosen - 1)
            end = stop - (blocks - 1 - side * half - lowest) * length
            for j in range(trials):
                sums[side, chosen, j] = sums[side, rest, j] + (total[end, j] - total[end - length, j])
                squares[side, chosen, j] = squares[side, rest, j] + (square[end, j] - square[end - length, j])

    splits = past_halves.size
    past, future, rank = np.empty(splits), np.empty(splits), np.empty(splits)
    one, other = np.empty(trials), np.empty(trials)
    sessions = half * length
    for i in range(splits // 2):
        twin = splits - 1 - i
        _scores(sums, squares, past_halves[i], half, sessions, one)
        _scores(sums, squares, past_halves[twin], half, sessions, other)
        past[i], future[i], rank[i] = _choose(one, other)
        past[twin], future[twin], rank[twin] = _choose(other, one)
    unit = np.sqrt(sessions - 1.0) / sessions
    return past * unit, future * unit, rank


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _scores(sums: Array, squares: Array, chosen: int, half: int, sessions: int, scores: Array) -> None:
    """Sharpe ratio, but for a factor, of every trial over a set of blocks; 0 where it is flat."""
    older, newer = chosen & ((1 << half) - 1), chosen >> half
    old_sums, new_sums = sums[0, older], sums[1, newer]
    old_squares, new_squares = squares[0, older], squares[1, newer]
    for j in range(scores.size):
        total = old_sums[j] + new_sums[j]
        square = old_squares[j] + new_squares[j]
        spread = square - total * total / sessions
        moves = spread > FLAT * square
        scores[j] = (total if moves else 0.0) / np.sqrt(spread if moves else 1.0)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _choose(past: Array, future: Array) -> tuple[float, float, float]:
    """The best trial's past and future score, and its mean rank in the future, counted from 1."""
    best = 0
    for j in range(past.size):
        if past[j] > past[best]:
            best = j
    score = future[best]
    below, level = 0, 0
    for j in range(future.size):
        below += future[j] < score
        level += future[j] == score
    return past[best], score, below + (level + 1) / 2.0


@njit(cache=True, nogil=True, error_model="numpy")
def _judge(total: Array, square: Array, stops: Array, length: int, blocks: int, past_halves: Array) -> Array:
    """The columns of `Overfitting` for the windows that end before each of `stops`."""
    middle = (total.shape[1] + 1) / 2.0
    judged = np.empty((stops.size, 5))
    for k in range(stops.size):
        past, future, rank = _splits(total, square, stops[k], length, blocks, past_halves)
        below, lost, mean_past, mean_future = 0.0, 0.0, 0.0, 0.0
        for i in range(past.size):
            below += 1.0 if rank[i] < middle else (0.5 if rank[i] == middle else 0.0)
            lost += future[i] <= 0.0
            mean_past += past[i]
            mean_future += future[i]
        mean_past /= past.size
        mean_future /= past.size
        together, alone = 0.0, 0.0
        for i in range(past.size):
            together += (past[i] - mean_past) * (future[i] - mean_future)
            alone += (past[i] - mean_past) ** 2
        judged[k, 0] = below / past.size
        judged[k, 1] = lost / past.size
        judged[k, 2] = together / alone if alone > 0.0 else np.nan
        judged[k, 3] = mean_past
        judged[k, 4] = mean_future
    return judged
