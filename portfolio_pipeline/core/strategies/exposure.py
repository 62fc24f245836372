"""What a card wants to hold between its scheduled decisions: volatility targeted daily, and stops.

Pure functions of prices and the calendar: no path, no book, no parameters of earlier sessions. The last scheduled row
of a session t is the last row at or before t at which the card's rebalancing is due (`rebalancing.due`), whatever
parameters were changed in between. At t the card wants the raw weights of that row under the parameters in force at t,

- sized at the last scheduled row, or at t itself with `adjust: daily`;
- with `stop` s, without what is stopped: a long whose close has fallen more than s below its highest close since the
  last scheduled row (that one included) is out until the next scheduled row, and so is a short whose close has risen
  more than s above its lowest. What is stopped stays in cash: nothing else is scaled up for it.

Which sessions decide: the scheduled ones; with `adjust: daily` all from the first scheduled one on; with a stop also
those at which something is newly stopped. A card with neither decides at its scheduled rows as it always did.

`decisions` is for a search: one parameter set over the whole history. `wanted_at` is for a strategy that is followed
from session to session with parameters that change; both give the same bits for the same parameters. NaN policy and
time are those of `inputs`: closes are carried forward over gaps, row t sees sessions up to t.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numba import njit

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.simulation.simulation import Decisions
from portfolio_pipeline.core.strategies.card import Sizing
from portfolio_pipeline.core.strategies.selection import ROUNDING
from portfolio_pipeline.core.strategies.sizing import sized

_NEVER = np.iinfo(np.int64).max


def decides_between_schedules(sizing: Sizing) -> bool:
    """Whether other sessions than the scheduled ones can be decisions. If not, `sized` alone says what to hold."""
    return sizing.adjust == "daily" or sizing.stop is not None


def last_scheduled(scheduled: Array) -> Array:
    """The position of the last scheduled session at or before each session; -1 before the first. From `due(...)`."""
    return np.maximum.accumulate(np.where(scheduled, np.arange(len(scheduled)), -1))


def decision_rows(inputs: Inputs, sizing: Sizing, rows: Array) -> Array:
    """The rows at which all parameter sets decide whose cards have no stop."""
    if sizing.adjust != "daily" or not len(rows):
        return rows
    every: Array = inputs.at(rows).shared("sessions_since", partial(_sessions_since, inputs, rows))[0]
    return every


def decisions(inputs: Inputs, sizing: Sizing, rows: Array, raw: Array) -> Decisions:
    """What one parameter set decides over the whole history.

    `rows` are all scheduled rows of the history, ascending, and `raw` [rows, symbols] the type's weights there. With
    `adjust: daily` all parameter sets decide at the same rows; with a stop alone, at rows of their own.
    """
    if not decides_between_schedules(sizing) or not len(rows):
        return Decisions(rows, sized(inputs, raw, rows, sizing))
    at, every, source = inputs.at(rows), rows, np.arange(len(rows))
    if sizing.adjust == "daily":
        every, source = at.shared("sessions_since", partial(_sessions_since, inputs, rows))
        weights = sized(inputs, raw[source], every, sizing)
    else:
        weights = sized(inputs, raw, rows, sizing)
    if sizing.stop is None:
        return Decisions(every, weights)
    first_stop = at.shared(("first_stop", sizing.stop), partial(_first_stops_until_next, inputs, rows, sizing.stop))
    if sizing.adjust != "daily":
        every, source = _rows_with_stops(weights, rows, first_stop, len(inputs.sessions))
        weights = weights[source]
    _leave_stopped(weights, every, source, first_stop)
    return Decisions(every, weights)


def wanted_at(inputs: Inputs, sizing: Sizing, rows: Array, scheduled: Array, raw: Array) -> tuple[Array, Array]:
    """The weights wanted at each of `rows`, and whether the card by itself decides there.

    `scheduled[k]` is the last scheduled row of `rows[k]` (`last_scheduled`; none may be -1), and `raw[k]` are the
    type's weights AT THAT ROW under the parameters in force at `rows[k]`. A change of parameters is a decision too;
    whoever follows a strategy adds it: `decided | changed`.

        scheduled = last_scheduled(due(sessions, card.rebalance))
        for chosen in set(parameters):        # those in force at the rows
            mine = ...
            raw[mine] = strategy.target_weights(inputs, chosen, scheduled[rows[mine]], long_short=...)
        weights, decided = wanted_at(inputs, card.sizing, rows, scheduled[rows], raw)
    """
    rows, scheduled = np.asarray(rows, np.int64), np.asarray(scheduled, np.int64)
    daily = sizing.adjust == "daily"
    weights = sized(inputs, raw, rows if daily else scheduled, sizing)
    decided = (rows == scheduled) | daily
    if sizing.stop is not None:
        first_stop = first_stops(inputs.close_by_symbol, scheduled, rows, sizing.stop)
        mine = np.where(weights > 0.0, first_stop[0], np.where(weights < 0.0, first_stop[1], _NEVER))
        decided |= (mine == rows[:, None]).any(axis=1)
        _leave_stopped(weights, rows, np.arange(len(rows)), first_stop)
    return weights, decided


def _sessions_since(inputs: Inputs, rows: Array) -> tuple[Array, Array]:
    """Every session from the first scheduled one on, and the position of its last scheduled row among `rows`."""
    every = np.arange(rows[0], len(inputs.sessions))
    return every, np.searchsorted(rows, every, side="right") - 1


def _first_stops_until_next(inputs: Inputs, rows: Array, stop: float) -> Array:
    found: Array = first_stops(inputs.close_by_symbol, rows, np.append(rows[1:], len(inputs.sessions)) - 1, stop)
    return found


@njit(cache=True, nogil=True)
def first_stops(close: Array, starts: Array, stops: Array, stop: float) -> Array:  # pragma: no cover
    """The first session from starts[k] to stops[k] at which each symbol would be stopped, [long and short, k, symbols].

    _NEVER where it is not. `close` is [symbols, sessions]. What has moved by exactly the stop is not stopped.
    """
    lower, upper = (1.0 - stop) * (1.0 - ROUNDING), (1.0 + stop) * (1.0 + ROUNDING)
    result = np.full((2, len(starts), len(close)), _NEVER, np.int64)
    for i in range(len(close)):
        for k in range(len(starts)):
            highest = lowest = close[i, starts[k]]
            if np.isnan(highest):
                continue
            for t in range(starts[k], stops[k] + 1):
                value = close[i, t]
                highest, lowest = max(highest, value), min(lowest, value)
                if value < highest * lower:
                    result[0, k, i] = min(result[0, k, i], t)
                if value > lowest * upper:
                    result[1, k, i] = min(result[1, k, i], t)
    return result


@njit(cache=True, nogil=True)
def _rows_with_stops(
    weights: Array, rows: Array, first_stop: Array, sessions: int
) -> tuple[Array, Array]:  # pragma: no cover
    """The scheduled rows and those at which something held is stopped; and each one's last scheduled row, by place."""
    marked = np.zeros(sessions, np.bool_)
    for k in range(len(rows)):
        marked[rows[k]] = True
        for i in range(weights.shape[1]):
            if weights[k, i] != 0.0:
                at = first_stop[0 if weights[k, i] > 0.0 else 1, k, i]
                if at < sessions:
                    marked[at] = True
    every = np.flatnonzero(marked)
    source = np.empty(len(every), np.int64)
    k = 0
    for n in range(len(every)):
        while k + 1 < len(rows) and rows[k + 1] <= every[n]:
            k += 1
        source[n] = k
    return every, source


@njit(cache=True, nogil=True)
def _leave_stopped(weights: Array, every: Array, source: Array, first_stop: Array) -> None:  # pragma: no cover
    """Set to 0 what is stopped at or before each row."""
    for n in range(len(every)):
        for i in range(weights.shape[1]):
            if weights[n, i] != 0.0 and first_stop[0 if weights[n, i] > 0.0 else 1, source[n], i] <= every[n]:
                weights[n, i] = 0.0
