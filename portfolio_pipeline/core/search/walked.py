"""What a search from session to session comes across, and what it leaves behind: pools, sets in use, stretches.

Walking is done in `walk`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Protocol

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.performance.fading import Fading
from portfolio_pipeline.core.performance.windows import Windows
from portfolio_pipeline.core.search.choice import Choice
from portfolio_pipeline.core.search.plateau import Neighbourhoods
from portfolio_pipeline.core.search.ranking import Ranking
from portfolio_pipeline.core.search.regime_scores import RegimeWindows
from portfolio_pipeline.core.search.response_surface import ResponseSurface
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.parameters import Parameters


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of some sets' past: on the window, fading, weighted by regimes, and on the sessions held out."""

    window: Windows
    fading: Fading | None
    alike: RegimeWindows | None
    held_out: Windows | None


@dataclass(frozen=True, eq=False)
class Pool:
    """Sets that are compared with one another, in the order of the grid. Arrays are those of `Backtests.of`."""

    candidates: tuple[Parameters, ...]
    net_return: Array
    turnover: Array
    begin: int  # the first session that every candidate has the history for
    seen: Seen
    smoother: Neighbourhoods | ResponseSurface

    @cached_property
    def texts(self) -> tuple[str, ...]:
        return tuple(one.to_json() for one in self.candidates)

    @cached_property
    def places(self) -> dict[Parameters, int]:
        return {one: place for place, one in enumerate(self.candidates)}


@dataclass(frozen=True)
class InUse:
    """The state between two sessions. `settled` once it was chosen by scores."""

    mixture: Mixture
    settled: bool


class Past(Protocol):
    """What was stored before a session. Parameter sets that the card no longer allows are left out."""

    def in_use(self, before: date) -> Sequence[Parameters]:
        """The sets in use at the session before; empty if none are stored."""
        ...

    def best(self, before: date) -> Sequence[Parameters]:
        """The ranked sets of the newest search before."""
        ...


class Nothing:
    """The past of a strategy that was never searched."""

    def in_use(self, before: date) -> Sequence[Parameters]:
        return ()

    def best(self, before: date) -> Sequence[Parameters]:
        return ()


@dataclass(frozen=True, eq=False)
class Stretch:
    """Consecutive sessions, from position `start` on, that compared the same pool. Arrays are by session.

    Scores are the mean of those of the sets in use, by their shares; NaN as long as they were not chosen by scores.
    """

    pool: Pool
    start: int
    choices: list[Choice]
    score: Array
    smoothed: Array
    held_out: Array
    ranking: Ranking  # of the searched ones among them
    newest: Array  # [candidates], smoothed scores at the last session

    @property
    def rows(self) -> Array:
        return np.arange(self.start, self.start + len(self.choices))

    @property
    def leading(self) -> Array:
        """The place of the set with the largest share."""
        return np.array([choice.places[0] for choice in self.choices], np.int64)

    @cached_property
    def mixtures(self) -> list[Mixture]:
        known: dict[tuple[tuple[int, ...], tuple[float, ...]], Mixture] = {}
        for choice in self.choices:
            key = choice.places, choice.shares
            if key not in known:
                known[key] = Mixture(tuple(self.pool.candidates[place] for place in choice.places), choice.shares)
        return [known[choice.places, choice.shares] for choice in self.choices]

    @property
    def in_use(self) -> InUse:
        return InUse(self.mixtures[-1], self.choices[-1].settled)

    @property
    def best(self) -> tuple[Parameters, ...]:
        """The ranked sets of the newest search; empty when none of these sessions was searched."""
        return tuple(self.pool.candidates[place] for place in self.ranking.last)
