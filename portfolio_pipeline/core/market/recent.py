"""What the sessions before a close say of one symbol: the last close before it, and how much is traded of it.

Prices and volumes are per share of the split in force at the close. Time: sees bars up to the session asked about.
A session without a bar, or with a volume that is not known (0), is left out of an average.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from portfolio_pipeline.core.calendar.sessions import previous_session
from portfolio_pipeline.core.market.bars import NO_BARS, Bar, Bars, action
from portfolio_pipeline.core.market.past import Past


@dataclass(frozen=True)
class RecentMarket:
    """The bars of `session` and of the `sessions` - 1 before it, as far as `bars` holds them."""

    session: date
    bars: Mapping[date, Bars] = field(default_factory=dict)
    sessions: int = 20
    past: Past | None = None
    """What symbols earned in more sessions than these, for the limits that look at it."""
    _averages: dict[str, float | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    _closes: dict[str, float | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def earlier_close(self, symbol: str) -> float | None:
        """The newest close before the session's own."""
        if symbol not in self._closes:
            earlier = (bar.close / ratio for bar, ratio in self._back(symbol) if ratio is not None)
            self._closes[symbol] = next(earlier, None)
        return self._closes[symbol]

    def average_volume(self, symbol: str) -> float | None:
        """Shares per session, the session's own included; None where none is known."""
        if symbol not in self._averages:
            known = [bar.volume * (ratio or 1.0) for bar, ratio in self._back(symbol) if bar.volume > 0]
            self._averages[symbol] = math.fsum(known) / len(known) if known else None
        return self._averages[symbol]

    def _back(self, symbol: str) -> Iterator[tuple[Bar, float | None]]:
        """Bars, newest first, each with the ratio of all splits since; None for the session's own."""
        ratio = 1.0
        for place, bars in enumerate(self._days):
            bar, acted = bars.get(symbol), action(bars, symbol)
            if bar is not None:
                yield bar, ratio if place else None
            if acted is not None:
                ratio *= acted.split_ratio

    @cached_property
    def _days(self) -> tuple[Bars, ...]:
        """The bars of each session, newest first."""
        back = (previous_session(self.session, count) for count in range(1, self.sessions))
        return tuple(self.bars.get(day, NO_BARS) for day in (self.session, *back) if day)
