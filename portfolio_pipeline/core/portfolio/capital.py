"""All that sharing out capital knows of a range of sessions, and the shares that follow from it.

The chain asks for the whole range, whoever wants to know what would be otherwise asks with other settings. Where it
comes from does not belong here (`reads.capital`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.allocate import Shares, allocate
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import ByHand
from portfolio_pipeline.core.portfolio.rebalancing.course import Standing
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.portfolio.rebalancing.triggers import Signals


@dataclass(frozen=True, eq=False)
class Granted:
    """[sessions, strategies]: 1 where a strategy may be given more than it has and 0 where not; which part of the
    largest share it may have (both NaN where its stage is not known); whether it is paused."""

    takes_new_capital: Array
    capital: Array
    paused: Array

    def as_said(self, said: ByHand) -> Granted:
        """Who is paused by hand has no capital."""
        capital = np.where(said.paused, 0.0, self.capital)
        return Granted(self.takes_new_capital, capital, self.paused | said.paused)


@dataclass(frozen=True, eq=False)
class Before:
    """What the session before a range left, by strategy; `shares` is None where there was none."""

    shares: Mapping[str, float] | None = None
    kept: Mapping[str, float] | None = None
    standing: Standing | None = None

    @classmethod
    def of(cls, strategies: tuple[str, ...], shares: Shares) -> Before:
        """What the last session of these shares leaves."""
        goal = shares.decided[-1]
        return cls(
            dict(zip(strategies, shares.weight[-1].tolist(), strict=True)),
            dict(zip(strategies, shares.kept[-1].tolist(), strict=True)),
            Standing(shares.drifted[-1], None if np.isnan(goal).all() else goal, shares.steps_left[-1]),
        )


@dataclass(frozen=True, eq=False)
class Capital:
    """What is known of each of `sessions`: see `allocate`. `paper` and `exposure` end with the last of them."""

    sessions: tuple[date, ...]
    strategies: tuple[str, ...]
    classes: tuple[str, ...]
    paper: Array
    exposure: Array
    granted: Granted
    said: ByHand
    signals: Signals

    def shared_out(
        self,
        allocation: Allocation,
        rebalancing: Rebalancing,
        cost: float,
        before: Before,
        first: int = 0,
        last: int | None = None,
    ) -> Shares:
        """From session number `first` on, before number `last`; all of them without."""
        count = len(self.sessions)
        rows = slice(first, count if last is None else last)
        known = len(self.paper) - count + rows.stop
        said, signals = self.said, self.signals
        return allocate(
            self.paper[:known],
            rows.stop - rows.start,
            self.strategies,
            allocation,
            before.shares,
            takes_new_capital=self.granted.takes_new_capital[rows] == 1.0,
            capital=self.granted.capital[rows],
            kept=before.kept,
            paused=self.granted.paused[rows],
            exposure=self.exposure[:known],
            classes=self.classes,
            rebalancing=rebalancing,
            signals=Signals(signals.fired[rows], signals.drift[rows], signals.who[rows]),
            standing=before.standing,
            by_hand=ByHand(said.share[rows], said.kept[rows], said.paused[rows], said.who[rows]),
            cost=cost,
        )
