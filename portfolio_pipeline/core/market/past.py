"""What weights would have earned in the sessions before they are decided: the past that limits on risk look at.

NaN policy: a return is known where a symbol has a bar at a session and at the one before. Elsewhere it is what the
symbols of its class with a known return had on average that session, and 0 where there are none, or no class. Sessions
before the first known return of all are no past. Time: the past of a session ends with its close, and reaches back
WINDOW sessions; each return needs two sessions alone, so its bits do not depend on where a range starts or ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.bars import NO_BARS, Bars

WINDOW = 252
HALF_LIFE = 63
"""Of what a session of the past counts in a volatility ex ante, in sessions."""


@dataclass(frozen=True, eq=False)
class Past:
    """Returns of symbols up to one session, newest last; [symbols, sessions]."""

    places: Mapping[str, int]
    returns: Array

    @property
    def sessions(self) -> int:
        return int(self.returns.shape[1])

    def of(self, weights: Mapping[str, float]) -> Array:
        """What fixed weights would have earned in each session; a symbol that it does not know, nothing."""
        held = sorted((symbol, weight) for symbol, weight in weights.items() if weight and symbol in self.places)
        # Row after row in the order of names: neither zero weights nor their order change a bit.
        rows = self.returns[[self.places[symbol] for symbol, _ in held]]
        earned: Array = (np.array([weight for _, weight in held])[:, None] * rows).sum(axis=0)
        return earned


@dataclass(frozen=True, eq=False)
class Pasts:
    """The returns of consecutive sessions, [symbols, sessions]; that of the first is not known."""

    places: Mapping[str, int]
    returns: Array
    first: int
    """The first session with a known return."""
    rows: Mapping[date, int]

    @classmethod
    def of_closes(
        cls, closes: Array, sessions: Sequence[date], symbols: Sequence[str], asset_classes: Mapping[str, str]
    ) -> Pasts:
        """From adjusted closes [sessions, symbols], NaN where there is no bar."""
        with np.errstate(invalid="ignore", divide="ignore"):
            earned = closes[1:] / closes[:-1] - 1.0
        return cls._filled(np.vstack([np.full((1, closes.shape[1]), np.nan), earned]), sessions, symbols, asset_classes)

    @classmethod
    def of_bars(cls, bars: Mapping[date, Bars], asset_classes: Mapping[str, str]) -> Pasts:
        """From raw bars by session, splits and dividends on them."""
        sessions = tuple(SessionRange(min(bars), max(bars))) if bars else ()
        earned = np.full((len(sessions), len(asset_classes)), np.nan)
        before: Bars = NO_BARS
        for row, session in enumerate(sessions):
            today = bars.get(session, NO_BARS)
            for column, symbol in enumerate(asset_classes):
                bar, last = today.get(symbol), before.get(symbol)
                if bar is not None and last is not None and last.close > 0:
                    earned[row, column] = bar.split_ratio * (bar.close + bar.dividend) / last.close - 1.0
            before = today
        return cls._filled(earned, sessions, tuple(asset_classes), asset_classes)

    @classmethod
    def _filled(
        cls, earned: Array, sessions: Sequence[date], symbols: Sequence[str], asset_classes: Mapping[str, str]
    ) -> Pasts:
        known = np.isfinite(earned)
        places = {symbol: place for place, symbol in enumerate(symbols)}
        classes = (
            [places[s] for s in sorted(asset_classes) if asset_classes[s] == name and s in places]
            for name in sorted(set(asset_classes.values()))
        )
        filled = filled_by_class(earned, ~known, classes)
        told = known.any(axis=1)
        first = int(np.argmax(told)) if told.any() else len(filled)
        rows = {session: row for row, session in enumerate(sessions)}
        return cls(places, np.ascontiguousarray(filled.T), first, rows)

    def at(self, session: date) -> Past:
        """The past of a session, its own return included."""
        stop = self.rows[session] + 1 if session in self.rows else 0
        return Past(self.places, self.returns[:, max(stop - WINDOW, min(self.first, stop), 0) : stop])


def filled_by_class(returns: Array, unknown: Array, classes: Iterable[Sequence[int]]) -> Array:
    """`returns` [sessions, symbols] without NaN: where one is `unknown`, it is what the members of its class (columns)
    with a return had on average in that session; anywhere else without one, 0.

    Added member by member in the order given, so that bits do not depend on who else there is.
    """
    known = np.isfinite(returns)
    filled = np.where(known, returns, 0.0)
    for members in classes:
        total, count = np.zeros(len(filled)), np.zeros(len(filled))
        for column in members:
            total += filled[:, column]
            count += known[:, column]
        mean = total / np.maximum(count, 1.0)
        for column in members:
            filled[:, column] = np.where(unknown[:, column], mean, filled[:, column])
    return filled
