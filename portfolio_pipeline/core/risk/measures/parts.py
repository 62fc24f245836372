"""Who brought which part of the book: the strategies' own targets, what limits left of them, and how they did on paper.

NaN policy: a strategy without a share in a session has no part in it, and is not `there`; its paper return before its
first session is NaN. Time: a session's parts are made of that session's targets alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.tables.declare import RESERVE


@dataclass(frozen=True, eq=False)
class Parts:
    """Of some consecutive sessions, the last ones that are known.

    `names` end with the reserve, which has what no strategy asks for: the sleeve, and what limits did not let go of.
    """

    names: tuple[str, ...]
    there: Array  # [sessions, names]: who has a share of the capital; never the reserve
    own: Array  # [sessions, names, symbols]: what each wants of its own capital; nothing for the reserve
    weights: Array  # [sessions, names, symbols]: what each has in the book; together they are the book
    paper: Array  # [all sessions up to the last, names]: return above cash on paper


def parts_of(
    names: tuple[str, ...], shares: Array, own: Array, scale: Array, requested: Array, weights: Array, paper: Array
) -> Parts:
    """What of the book's `weights` [sessions, symbols] each strategy brought.

    `shares` [sessions, names] are NaN where a strategy has none; `own` [names, sessions, symbols], `paper` [all
    sessions, names]. A limit that cuts a symbol cuts every strategy's part of it alike.
    """
    left = np.divide(weights, requested, out=np.ones_like(weights), where=requested != 0.0)
    left = np.where((left >= 0.0) & (left <= 1.0), left, 1.0)
    there = np.column_stack([~np.isnan(shares), np.zeros(len(shares), dtype=bool)])
    brought = np.zeros((len(shares), len(names) + 1, weights.shape[1]))
    wanted = np.zeros_like(brought)
    rest = weights.copy()
    for place in range(len(names)):
        wanted[:, place] = own[place]
        brought[:, place] = own[place] * (np.nan_to_num(shares[:, place]) * scale)[:, None] * left
        rest -= brought[:, place]
    brought[:, -1] = np.where(np.abs(rest) < 1e-12, 0.0, rest)
    nothing = np.full((len(paper), 1), np.nan)
    return Parts((*names, RESERVE), there, wanted, brought, np.hstack([paper, nothing]))
