"""Decisions in a compact form: who comes first, and who is let through, in tables that parameter sets share.

An order belongs to its look-backs and a filter to its average, so a grid of many parameter sets needs few of either,
and the weights of each set need never be spread out. Not here: playing them (`segments`), or a strategy's rule.

NaN policy: a score that is NaN or infinite has no place in an order. Time: a row sees its own session and earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array


class Selections(NamedTuple):
    """Candidates that hold the first symbols of an order in equal parts, where a filter allows them.

    Candidate c takes the first top[c] places of orders[order[c]] and gives share[c] to each that allowed[filter[c]]
    lets through. A place that is empty or not allowed stays in cash.
    """

    orders: Array  # int16 [orders, rows, places], -1 for an empty place
    allowed: Array  # bool [filters, rows, symbols]
    order: Array  # int64 [candidates]
    filter: Array  # int64 [candidates]
    top: Array  # int64 [candidates], at most `places`
    share: Array  # [candidates]

    @classmethod
    def of(cls, candidates: Iterable[tuple[Array, Array, int]]) -> Selections:
        """From the order, the filter and the number of places of each; a table that several name is kept once."""
        orders: dict[int, tuple[int, Array]] = {}
        filters: dict[int, tuple[int, Array]] = {}
        places = [
            (
                orders.setdefault(id(order), (len(orders), order))[0],
                filters.setdefault(id(allowed), (len(filters), allowed))[0],
                top,
            )
            for order, allowed, top in candidates
        ]
        order, allowed, top = np.array(places, np.int64).T.copy()
        return cls(
            np.stack([table for _, table in orders.values()]),
            np.stack([table for _, table in filters.values()]),
            order,
            allowed,
            top,
            1.0 / top,
        )

    @property
    def most_gross(self) -> float:
        """The greatest exposure of any candidate, its shares added one by one."""
        taken = np.arange(self.orders.shape[2]) < self.top[:, None]
        return float(np.cumsum(np.where(taken, self.share[:, None], 0.0), axis=1).max())


@njit(cache=True, nogil=True)
def without_rounding(scores: Any) -> Any:  # pragma: no cover
    """A score, or an array of them, to nine digits: what differs in its last digits alone is equal, and tied."""
    return np.rint(scores * 1e9) / 1e9


@njit(cache=True, nogil=True)
def order_table(scores: Array, places: int) -> Array:  # pragma: no cover
    """The `places` best symbols of each row of scores, best first, int16; -1 where there are none left.

    On a tie (`without_rounding`) the earlier symbol comes first. For few symbols a symbol's place is the number of
    better ones: counting them all takes no branches, and for up to some hundred no sort is as fast. Of many, most are
    worse than the last place that is taken, and the others are inserted.
    """
    rows, symbols = scores.shape
    order = np.full((rows, places), -1, np.int16)
    row = np.empty(symbols)
    for r in range(rows):
        for i in range(symbols):
            row[i] = without_rounding(scores[r, i]) if np.isfinite(scores[r, i]) else np.nan
        if symbols > 100 and places < symbols:
            _insert_best(row, order[r])
            continue
        for i in range(symbols):
            place = 0
            for other in range(symbols):
                place += row[other] > row[i]
            while place < places and order[r, place] >= 0:
                place += 1
            if place < places and not np.isnan(row[i]):
                order[r, place] = i
    return order


@njit(cache=True, nogil=True)
def _insert_best(row: Array, order: Array) -> None:  # pragma: no cover
    taken = 0
    for i in range(len(row)):
        if np.isnan(row[i]) or (taken == len(order) and not row[i] > row[order[taken - 1]]):
            continue
        place = taken if taken < len(order) else taken - 1
        while place > 0 and row[i] > row[order[place - 1]]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = i
        taken = min(taken + 1, len(order))
