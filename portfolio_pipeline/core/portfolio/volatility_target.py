"""How much of what the strategies ask for is taken, so that the book moves about as much as the portfolio aims at.

Strategies are partly in cash and partly against each other, so that what they ask for together is mostly calmer than
any of them. Ex ante, the book of a session is played over the sessions before it: its volatility is the deviation from
0 of what these weights would have earned, newer sessions counting more. What was asked is then scaled up or down, never
above the limits on gross and net exposure; limits cut it afterwards.

A scale of today alone would sell everything else when a strategy enters the market, and buy it again when it leaves,
for weeks that bring less than these trades cost. So what is used is a scale that did for most of the past months, or
today's if that is smaller: idle capital of a strategy that is out for a while stays idle.

NaN policy: a return is known where a symbol has a bar at a session and at the one before; elsewhere it is 0. Time: the
scale of session t sees prices up to t, of WINDOW sessions alone, and what was aimed at in the sessions before it.
"""

from __future__ import annotations

import math

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.past import HALF_LIFE, WINDOW

MOSTLY = 0.3
"""The part of the remembered sessions whose own aim may have been smaller than the scale."""
FEWEST = 20
"""Fewer sessions say nothing: what is asked for is taken as it is."""
_CALM = 1e-6


def scales(aimed: Array, earlier: Array, memory: int) -> Array:
    """One factor for each session of `aimed`, at most what is aimed at.

    `earlier` are the aims of the sessions before, oldest first; `memory` says how many sessions count, with the
    session's own. 1 where nothing was aimed at yet.
    """
    known, found = np.concatenate([earlier, aimed]), np.ones(len(aimed))
    for row, today in enumerate(aimed.tolist()):
        stop = len(earlier) + row + 1
        past = known[max(0, stop - memory) : stop]
        past = past[~np.isnan(past)]
        if len(past):
            usual = float(np.quantile(past, MOSTLY))
            found[row] = usual if np.isnan(today) else min(today, usual)
    return found


def aims(
    requested: Array,
    closes: Array,
    target: float | None,
    largest_gross: float | None,
    largest_net: float | None = None,
) -> Array:
    """The scale with which the book of each session of `requested` [sessions, symbols] would have its volatility.

    `closes` [more sessions, symbols] are adjusted, end with the same session, and begin WINDOW sessions before the
    first of them, where there are so many. NaN where nothing is asked for, too little is known, or there is no target.
    """
    found = np.full(len(requested), np.nan)
    if target is None:
        return found
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = np.nan_to_num(closes[1:] / closes[:-1] - 1.0, nan=0.0, posinf=0.0, neginf=0.0)
    for row, weights in enumerate(requested):
        stop = len(returns) - len(requested) + row + 1
        past = returns[max(0, stop - WINDOW) : stop]
        gross = math.fsum(np.abs(weights).tolist())
        if len(past) < FEWEST or gross <= _CALM:
            continue
        counts = 0.5 ** (np.arange(len(past))[::-1] / HALF_LIFE)
        # Symbol by symbol, so that one of weight 0, which only a range knows of, changes no bit.
        earned = np.zeros(len(past))
        for symbol in np.flatnonzero(weights):
            earned += past[:, symbol] * weights[symbol]
        volatility = float(np.sqrt((counts * earned * earned).sum() / counts.sum() * SESSIONS_PER_YEAR))
        scale = target / volatility if volatility > _CALM else np.inf
        net = math.fsum(weights.tolist())
        most = np.inf if largest_gross is None else largest_gross / gross
        if largest_net is not None and net > _CALM:
            most = min(most, largest_net / net)
        found[row] = min(scale, most) if np.isfinite(min(scale, most)) else np.nan
    return found
