"""What calls for a decision at each session, but for drift, which depends on what was decided before (`course`).

NaN policy: a NaN return is a session before the strategy had any; it is left out. Time: session t sees what is known at
its close; that it is the last of its month is said by the calendar of the exchange alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.cadence import Cadence, due
from portfolio_pipeline.core.calendar.sessions import as_days, next_session
from portfolio_pipeline.core.portfolio.rebalancing.settings import ADAPTIVE_MEMORY, ADAPTIVE_WINDOW, Rebalancing

_CADENCES: dict[str, Cadence] = {
    "daily": "daily",
    "weekly": "weekly",
    "month_end": "monthly",
    "quarterly": "quarterly",
}


@dataclass(frozen=True, eq=False)
class Signals:
    """Of each session: what calls for a decision, and how far a share may drift (infinite: as far as it likes)."""

    fired: Sequence[tuple[str, ...]]
    drift: Array
    who: Sequence[str] = ()
    """Who did something by hand; empty where nobody did."""


def signals_of(
    sessions: Sequence[date],
    rules: Rebalancing,
    returns: Array,
    *,
    breached: Array | None = None,
    regime_changed: Array | None = None,
    by_hand: Sequence[str] | None = None,
) -> Signals:
    """`returns` [sessions, strategies] are paper returns that end with the last of `sessions`; the others are of each
    session: whether somebody may have less capital than before, whether the regime is another one, and who did
    something by hand ("": nobody)."""
    count = len(sessions)
    hands = list(by_hand) if by_hand is not None else [""] * count
    found: dict[str, Array] = {"manual": np.array([who != "" for who in hands], dtype=bool)}
    if "after_breach" in rules.trigger and breached is not None:
        found["after_breach"] = breached
    for name in _CADENCES:
        if name in rules.trigger:
            found[name] = is_last_of_period(sessions, name)
    if "adaptive" in rules.trigger and regime_changed is not None:
        found["regime_change"] = regime_changed
    drift = np.full(count, np.inf)
    if "drift" in rules.trigger:
        drift[:] = rules.drift
    if "adaptive" in rules.trigger:
        drift = np.minimum(drift, rules.drift * restlessness(returns, count))
    fired = [tuple(name for name, at in found.items() if at[row]) for row in range(count)]
    return Signals(fired, drift, hands)


def is_last_of_period(sessions: Sequence[date], calendar: str) -> Array:
    """Whether the session after is one of another week, month or quarter; `daily`: always."""
    if not sessions:
        return np.zeros(0, dtype=bool)
    after = as_days((*sessions[1:], next_session(sessions[-1])))
    return due(after, _CADENCES[calendar])


def restlessness(returns: Array, count: int) -> Array:
    """For the last `count` rows: volatility of the strategies' mean return over its mean of a year; 1 before that."""
    there = ~np.isnan(returns)
    known = there.sum(axis=1)
    mean = np.where(there, returns, 0.0).sum(axis=1) / np.maximum(known, 1)
    found = np.ones(count)
    for row in range(count):
        stop = len(mean) - count + row + 1
        start = stop - (ADAPTIVE_WINDOW + ADAPTIVE_MEMORY - 1)
        if start < 0 or not known[start]:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(mean[start:stop], ADAPTIVE_WINDOW)
        volatility = np.ascontiguousarray(windows).std(axis=1, ddof=1)
        usual = float(volatility.mean())
        if usual > 0.0:
            found[row] = float(volatility[-1]) / usual
    return found


def with_less_capital(takes_new_capital: Array, capital: Array, paused: Array) -> Array:
    """Of rows of the session before and those that follow it, for each of the latter: whether somebody is worse off.

    [sessions + 1, strategies] each; NaN in the first where nothing is known of the session before.
    """
    allowed = np.where(paused, 0.0, capital)
    fell = (allowed[1:] < allowed[:-1]) | (takes_new_capital[1:] < takes_new_capital[:-1])
    return cast(Array, fell.any(axis=1))
