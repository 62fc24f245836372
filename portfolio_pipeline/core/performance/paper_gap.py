"""Why a strategy's book earns something else than it does on paper: by the book's scale, by limits, or by execution.

Between paper and book stand two books that trade without any friction but the usual cost: both have, from each open
on, exactly the weights that were decided at the close before. One has those that the scaled portfolio asks for, the
other what limits and the cash buffer leave of them. What then is left to the real book is execution: whole shares, the
band within which nothing is traded, prices and partial fills, and what strategies trade with each other.

What a session paid for its trades is left out of the weights that it ends with: below a ten-thousandth of a return.

NaN policy: a symbol without a bar does not move. Time: the return of session t follows from the weights decided at the
two closes before and the prices since, so a range has the bits of its sessions one by one; sums are taken symbol by
symbol, so that one of weight 0 changes no bit.
"""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array, forward_fill

EARLIER = 2
"""So many sessions before the first one that is asked for have to be there."""


def traded_exactly(weights: Array, opens: Array, closes: Array, cash_return: Array, cost_rate: float) -> Array:
    """Return of each session; NaN in the first EARLIER ones. All arrays but `cash_return` are [sessions, symbols].

    `weights` are decided at the closes, the others as in `core.simulation`.
    """
    found = np.full(len(weights), np.nan)
    if len(weights) <= EARLIER:
        return found
    known = forward_fill(closes)
    before = known[:-1]
    opened = np.where(np.isnan(opens[1:]), before, opens[1:])
    with np.errstate(invalid="ignore"):
        overnight = np.nan_to_num(opened / before - 1.0)
        by_day = np.nan_to_num(known[1:] / opened - 1.0)
    # Row k of what follows is session k + EARLIER.
    old, new = weights[:-2], weights[1:-1]
    last_close = 1.0 + _sum(old * by_day[:-1])
    held = old * (1.0 + by_day[:-1]) / last_close[:, None]
    at_open = 1.0 + _sum(held * overnight[1:]) + (1.0 - _sum(held)) * cash_return[EARLIER:]
    traded = _sum(np.abs(new * at_open[:, None] - held * (1.0 + overnight[1:])))
    found[EARLIER:] = at_open * (1.0 + _sum(new * by_day[1:])) - cost_rate * traded - 1.0
    return found


def after_limits(weights: Array, requested: Array, allowed: Array, cash_buffer: float) -> Array:
    """What is left of a strategy's `weights` where `allowed` is what limits left of all that was `requested`."""
    left = np.divide(allowed, requested, out=np.ones_like(allowed), where=requested != 0.0)
    left = np.where((left >= 0.0) & (left <= 1.0), left, 1.0)
    net = _sum(allowed)
    invested = np.where(net > 1.0 - cash_buffer, (1.0 - cash_buffer) / np.where(net > 0.0, net, 1.0), 1.0)
    return np.asarray(weights * left * invested[:, None])


def _sum(values: Array) -> Array:
    total = np.zeros(len(values))
    for column in values.T:
        total += column
    return total
