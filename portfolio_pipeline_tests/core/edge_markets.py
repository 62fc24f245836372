"""Markets full of edges, for hypothesis: prices in ticks that stand still, come back to where they were or move alike,
symbols that begin late, end early or miss bars. In ticks, so that a plain loop can reckon without rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline_tests.core.markets import closes_only

Price = Fraction | None


@dataclass(frozen=True, eq=False)
class EdgeMarket:
    """Closes in tenths, by symbol; None where there is no bar."""

    ticks: tuple[tuple[int | None, ...], ...]

    @property
    def symbols(self) -> range:
        return range(len(self.ticks))

    @cached_property
    def inputs(self) -> Inputs:
        """As the package sees it."""
        close = np.array([[np.nan if tick is None else tick / 10 for tick in one] for one in self.ticks]).T
        return Inputs(closes_only(np.ascontiguousarray(close)))

    @cached_property
    def carried(self) -> list[list[Price]]:
        """The last close of each symbol at each session, exactly."""
        found: list[list[Price]] = []
        for one in self.ticks:
            last: Price = None
            found.append([last := last if tick is None else Fraction(tick, 10) for tick in one])
        return found

    @cached_property
    def returns(self) -> list[list[Price]]:
        return [
            [None, *(None if a is None or b is None else b / a - 1 for a, b in pairwise(one))] for one in self.carried
        ]

    def has_bar(self, i: int, t: int) -> bool:
        return self.ticks[i][t] is not None

    def past(self, i: int, t: int, window: int) -> list[Fraction] | None:
        """The carried closes of the `window` sessions up to t; None before there are as many."""
        return _window(self.carried[i], t, window)

    def past_returns(self, i: int, t: int, window: int) -> list[Fraction] | None:
        return _window(self.returns[i], t, window)

    def average(self, i: int, t: int, window: int) -> Price:
        past = self.past(i, t, window)
        return None if past is None else sum(past) / Fraction(window)

    @cached_property
    def level(self) -> list[Fraction]:
        """Grows by the mean return of the symbols that have one."""
        level, path = Fraction(1), []
        for t in range(len(self.ticks[0])):
            known = [value for i in self.symbols if (value := self.returns[i][t]) is not None]
            # Cut to forty digits, which are short enough to go on with.
            level = round(level * (1 + sum(known) / Fraction(max(len(known), 1))), 40)
            path.append(level)
        return path


def _window(values: list[Price], t: int, window: int) -> list[Fraction] | None:
    past = values[max(0, t - window + 1) : t + 1]
    known = [value for value in past if value is not None]
    return known if len(known) == window else None


@st.composite
def edge_markets(draw: st.DrawFn, sessions: int = 40, most_symbols: int = 5) -> EdgeMarket:
    rng = np.random.default_rng(draw(st.integers(0, 1_000_000)))
    kind = st.sampled_from(["walk", "still", "swings", "alike", "stops"])
    kinds = draw(st.lists(kind, min_size=1, max_size=most_symbols))
    paths: list[np.ndarray] = []
    for chosen in kinds:
        start = int(rng.integers(20, 200))
        moves = rng.integers(-2, 3, sessions)
        if chosen == "still":
            path = np.full(sessions, start)
        elif chosen == "swings":
            path = start + np.arange(sessions) % int(rng.integers(2, 5))
        elif chosen == "alike" and paths:
            path = paths[-1] * int(rng.integers(1, 4))
        else:
            path = np.maximum(start + np.cumsum(moves), 1)
        if chosen == "stops":
            path[sessions // 2 :] = path[sessions // 2]
        paths.append(path)
    gone = rng.random((len(paths), sessions)) < draw(st.sampled_from([0.0, 0.05, 0.3]))
    for i in range(len(paths)):
        if draw(st.booleans()):
            gone[i, : int(rng.integers(0, sessions))] = True
        if draw(st.booleans()):
            gone[i, int(rng.integers(1, sessions)) :] = True
    return EdgeMarket(
        tuple(
            tuple(None if missing else int(tick) for tick, missing in zip(path, absent, strict=True))
            for path, absent in zip(paths, gone, strict=True)
        )
    )
