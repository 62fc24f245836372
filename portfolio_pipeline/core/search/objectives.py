"""What is maximised: one goal, a weighted sum of goals, or several at once, and what no other set beats.

A goal's value is larger when better: a drawdown is negative. Metrics are those of `performance.windows`, [METRICS,
rows, candidates]. Not here: neighbourhoods (`plateau`), and when a better score is reason enough to change (`choice`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.parallel import in_chunks
from portfolio_pipeline.core.performance.windows import METRICS, NOTHING
from portfolio_pipeline.core.strategies.card import Goal


@dataclass(frozen=True)
class Objective:
    """Goals with their weights; without weights they are pursued at once."""

    goals: tuple[str, ...]
    weights: tuple[float, ...] | None

    @classmethod
    def of(cls, written: str | Mapping[Goal, float] | Sequence[Goal]) -> Objective:
        """As a card writes it: one goal, goals with weights, or a list."""
        if isinstance(written, str):
            return cls((written,), (1.0,))
        if isinstance(written, Mapping):
            return cls(tuple(written), tuple(float(weight) for weight in written.values()))
        return cls(tuple(written), None)

    def __str__(self) -> str:
        if self.weights is None:
            return ", ".join(self.goals)
        if self.weights == (1.0,):
            return self.goals[0]
        return " + ".join(f"{weight:g}*{goal}" for goal, weight in zip(self.goals, self.weights, strict=True))

    @property
    def at_once(self) -> bool:
        return self.weights is None

    def values(self, metrics: Array) -> Array:
        """Of each goal, [goals, …]."""
        return np.stack([_value(goal, metrics) for goal in self.goals])

    def scores(self, values: Array) -> Array:
        """One number for each candidate of each row. At once: the mean share of candidates it is as good as."""
        if self.weights is None:
            mean: Array = np.mean([rank_shares(one) for one in values], axis=0)
            return mean
        total: Array = self.weights[0] * values[0]
        for weight, value in zip(self.weights[1:], values[1:], strict=True):
            total = total + weight * value
        return total

    def pareto_goals(self, metrics: Array) -> Array:
        """What a set must be unbeaten in: the card's goals; return, volatility and drawdown when it has only one."""
        if len(self.goals) > 1:
            return self.values(metrics)
        return np.stack([_value("return", metrics), -metrics[METRICS.index("volatility")], _value("drawdown", metrics)])

    def after_cost(self, values: Array, yearly_cost: float, metrics: Array, downside: float) -> Array:
        """One candidate's goal values [goals], were its yearly return lower by `yearly_cost` and nothing else changed.

        `metrics` are its own, `downside` the yearly deviation that its Sortino ratio divides by.
        """
        units = {
            "return": 1.0,
            "sharpe": metrics[METRICS.index("volatility")],
            "sortino": downside,
            "calmar": metrics[METRICS.index("deepest_fall")],
            "drawdown": 0.0,
        }
        costs = [yearly_cost / units[goal] if units[goal] > NOTHING else 0.0 for goal in self.goals]
        left: Array = values - np.array(costs)
        return left


def active_share(net_return: Array, begin: int, window: int, rows: Array) -> Array:
    """Part of the window up to each row in which a set earned or lost anything, [rows, candidates]."""
    last = np.maximum(rows + 1, begin)
    first = np.maximum(last - window, begin)
    part = np.empty((len(rows), len(net_return)))
    _active_share(net_return, first, last, part)
    return part


@njit(cache=True, nogil=True)
def _active_share(net_return: Array, first: Array, last: Array, part: Array) -> None:  # pragma: no cover
    """Of the sessions from first[k] to before last[k]. What enters and leaves from one row to the next is counted."""
    for c in range(len(net_return)):
        low, high, active = 0, 0, 0
        for k in range(len(last)):
            if k == 0 or first[k] < low or last[k] < high:
                low, high, active = first[k], first[k], 0
            for t in range(high, last[k]):
                active += net_return[c, t] != 0.0
            for t in range(low, first[k]):
                active -= net_return[c, t] != 0.0
            low, high = first[k], last[k]
            part[k, c] = active / max(high - low, 1)


def _value(goal: str, metrics: Array) -> Array:
    value: Array = -metrics[METRICS.index("deepest_fall")] if goal == "drawdown" else metrics[METRICS.index(goal)]
    return value


def rank_shares(values: Array) -> Array:
    """Share of each row's values that are not greater; rows with a NaN are NaN."""
    shares: Array = _rank_shares(np.ascontiguousarray(values))
    return shares


@njit(cache=True, nogil=True)
def _rank_shares(values: Array) -> Array:  # pragma: no cover
    rows, candidates = values.shape
    shares = np.full((rows, candidates), np.nan)
    order = np.empty(0, np.int64)
    for k in range(rows):
        row = values[k]
        if np.isnan(row).any():
            continue
        if len(order) == 0:
            order = np.argsort(row)
        else:
            # From one session to the next little changes its place.
            for n in range(1, candidates):
                c, place = order[n], n
                while place > 0 and row[order[place - 1]] > row[c]:
                    order[place] = order[place - 1]
                    place -= 1
                order[place] = c
        for n in range(candidates - 1, -1, -1):
            c = order[n]
            tied = n + 1 < candidates and row[order[n + 1]] == row[c]
            shares[k, c] = shares[k, order[n + 1]] if tied else (n + 1) / candidates
    return shares


def undominated(goods: Array, *, workers: int = 1) -> Array:
    """Whether no other set is as good in every goal and better in one, [rows, candidates]. `goods` [goals, rows, …].

    Sets that are equal in everything stand or fall together; those of rows with a NaN are dominated.
    """
    result = np.zeros(goods.shape[1:], dtype=bool)
    in_chunks(lambda first, stop: _undominated(goods, result, first, stop), len(result), workers)
    return result


@njit(cache=True, nogil=True)
def _undominated(goods: Array, result: Array, first: int, stop: int) -> None:  # pragma: no cover
    """Each set against those that nothing has beaten so far; sorting them first would take longer than this does."""
    goals, _, candidates = goods.shape
    front, values = np.empty(candidates, np.int64), np.empty((candidates, goals))
    for k in range(first, stop):
        # Side by side, for they are compared with one another again and again.
        for g in range(goals):
            values[:, g] = goods[g, k]
        if np.isnan(values).any():
            continue
        size = 0
        for c in range(candidates):
            beaten, f = False, 0
            while f < size:
                other = front[f]
                as_good, no_better = True, True
                for g in range(goals):
                    as_good &= values[other, g] >= values[c, g]
                    no_better &= values[other, g] <= values[c, g]
                if as_good and not no_better:
                    beaten = True
                    # What beats one set will beat others: it is asked first next time.
                    front[f], front[0] = front[0], front[f]
                    break
                if no_better and not as_good:
                    size -= 1
                    front[f] = front[size]
                else:
                    f += 1
            if not beaten:
                front[size] = c
                size += 1
        for f in range(size):
            result[k, front[f]] = True
