"""What measures of a whole range of sessions see: targets, who brought them, and the past of each session, as arrays.

A measure is asked once for all sessions of a range. Whatever it gives for a session has to be made of that session's
row alone, added up in an order that other sessions do not change: a range then gives the bits of its sessions one by
one. Arrays that several measures need are worked out once, when the first of them asks.

NaN policy: returns are never NaN (`history`); windows are shorter where the past is (`known` sessions of them).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SESSIONS_PER_YEAR
from portfolio_pipeline.core.market.past import HALF_LIFE, WINDOW
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.measures.kernels import contributions, played, rolling_correlations, row_sums
from portfolio_pipeline.core.risk.measures.parts import Parts

T = TypeVar("T")
FEWEST = 63
"""With a shorter past there are no figures of it."""
"""Of ex-ante figures: what is so many sessions older counts half, as in the portfolio's volatility target."""
SHORT, LONG = 63, 252
_CALM = 1e-6


@dataclass(frozen=True, eq=False)
class SeenRange:
    """What a measure may see of the last `len(weights)` sessions, and of all sessions before them."""

    symbols: tuple[str, ...]
    weights: Array  # [sessions, symbols]
    before: Array  # [symbols]: of the session before the first
    returns: Array  # [all sessions up to the last, symbols]
    paper: Array  # [all sessions up to the last]: what the targets of the session before earned on paper
    paper_drawdowns: Array  # [all sessions up to the last]: how far these are below their highest
    caps: Caps
    asset_classes: Mapping[str, str]
    sectors: Mapping[str, str]
    benchmark: int | None
    parts: Parts | None
    made_up: bool
    days: Array  # all sessions up to the last, datetime64[D]
    _found: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, what: Hashable, compute: Callable[[], T]) -> T:
        """What several measures take a part of each: worked out when the first of them asks."""
        if what not in self._found:
            self._found[what] = compute()
        found: T = self._found[what]
        return found

    @property
    def sessions(self) -> Array:
        """Of the range."""
        found: Array = self.days[self.rows]
        return found

    @cached_property
    def rows(self) -> Array:
        """Where each session of the range stands among all."""
        return np.arange(len(self.returns) - len(self.weights), len(self.returns))

    @cached_property
    def known(self) -> Array:
        """How many sessions of the past each session has, at most WINDOW."""
        known: Array = np.minimum(self.rows, WINDOW)
        return known

    @cached_property
    def by_symbol(self) -> Array:
        """Returns as [symbols, all sessions]."""
        return np.ascontiguousarray(self.returns.T)

    @cached_property
    def past(self) -> Array:
        """Returns that the targets would have had, [sessions, WINDOW]."""
        return played(self.weights, self.by_symbol, self.rows)

    @cached_property
    def ordered(self) -> Array:
        """`past` in ascending order; what is known stands at the end of its row."""
        hidden = np.arange(WINDOW) < (WINDOW - self.known)[:, None]
        return np.sort(np.where(hidden, -np.inf, self.past), axis=1)

    @cached_property
    def past_of_benchmark(self) -> Array:
        """Returns of the benchmark in the same sessions, [sessions, WINDOW]."""
        alone = np.zeros((len(self.weights), 1))
        alone[:] = 1.0
        return played(alone, np.ascontiguousarray(self.by_symbol[[self.benchmark or 0]]), self.rows)

    @cached_property
    def counts(self) -> Array:
        """How much each session of a window counts ex ante."""
        weights: Array = 0.5 ** (np.arange(WINDOW)[::-1] / HALF_LIFE)
        return weights

    def ex_ante(self, past: Array) -> Array:
        """Deviation from 0 of some past [sessions, WINDOW], a year, newer sessions counting more; NaN while short."""
        seen = np.where(np.arange(WINDOW) >= (WINDOW - self.known)[:, None], self.counts, 0.0)
        total = seen.sum(axis=1)
        squares = (seen * past * past).sum(axis=1)
        found = np.sqrt(squares / np.where(total > 0.0, total, 1.0) * SESSIONS_PER_YEAR)
        return self.long_enough(found)

    @cached_property
    def volatility(self) -> Array:
        """Of the book, ex ante."""
        return self.ex_ante(self.past)

    @cached_property
    def _contributions(self) -> tuple[Array, Array]:
        return contributions(self.weights, self.by_symbol, self.rows, self.past, self.counts)

    @cached_property
    def marginal(self) -> Array:
        """By how much the book's ex-ante volatility grows with each held symbol's weight, [sessions, symbols]."""
        covariance = self._contributions[0] * SESSIONS_PER_YEAR
        steady = np.where(self.volatility > _CALM, self.volatility, np.nan)
        return np.where(self.weights != 0.0, covariance / steady[:, None], np.nan)

    @cached_property
    def symbol_volatility(self) -> Array:
        """Of each held symbol, ex ante; 0 where nothing is held."""
        return self.long_enough(np.sqrt(self._contributions[1] * SESSIONS_PER_YEAR))

    def of_parts(self, weights: Array) -> list[Array]:
        """What each strategy's weights [sessions, names, symbols] played, each [sessions, WINDOW]."""
        names = range(weights.shape[1])
        return [played(np.ascontiguousarray(weights[:, name]), self.by_symbol, self.rows) for name in names]

    @cached_property
    def past_of_parts(self) -> list[Array]:
        return self.of_parts(self.parts.weights) if self.parts else []

    @cached_property
    def volatility_of_own(self) -> Array:
        """Of what each strategy wants of its own capital, ex ante, [sessions, names]."""
        if self.parts is None:
            return np.zeros((len(self.weights), 0))
        return np.column_stack([self.ex_ante(past) for past in self.of_parts(self.parts.own)])

    def correlations(self, window: int) -> Array:
        """Of the strategies' paper returns, [sessions, names, names]."""
        if self.parts is None:
            return np.zeros((len(self.weights), 0, 0))
        return rolling_correlations(self.parts.paper, self.rows, window, FEWEST if window == LONG else SHORT // 2, 1e-5)

    @cached_property
    def correlations_short(self) -> Array:
        return self.correlations(SHORT)

    @cached_property
    def correlations_long(self) -> Array:
        return self.correlations(LONG)

    def alike(self) -> Iterator[tuple[Array, int]]:
        """The sessions whose past is equally long and long enough: which they are, and where it begins."""
        for length in np.unique(self.known[self.known >= FEWEST]).tolist():
            yield self.known == length, WINDOW - length

    def over_past(self, figures: Callable[[Array], Sequence[Array]], count: int = 1) -> list[Array]:
        """`count` figures of the past of every session; `figures` is given [some sessions, length] of one length."""
        found = [np.full(len(self.weights), np.nan) for _ in range(count)]
        for which, start in self.alike():
            for column, values in zip(found, figures(np.ascontiguousarray(self.past[which, start:])), strict=True):
                column[which] = values
        return found

    def long_enough(self, found: Array) -> Array:
        """NaN where the past is too short; `found` has sessions down."""
        return np.where((self.known >= FEWEST).reshape(-1, *[1] * (found.ndim - 1)), found, np.nan)


def added(values: Array) -> Array:
    """The sum of each row, column after column, NaN counting nothing: a column of nothing changes no bit."""
    found: Array = row_sums(np.ascontiguousarray(values, dtype=np.float64))
    return found
