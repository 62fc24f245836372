"""What a measure of one session is: which figures it gives, what it needs for them, and when there is none.

Measures themselves stand in `of_exposure` and `of_stress`; those of whole ranges are `range_measure`s, in the modules
beside them. Which are taken, in `registry`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.risk.exposures import PORTFOLIO, Portfolio
from portfolio_pipeline.core.risk.limits.limit import Caps, Limit
from portfolio_pipeline.core.risk.limits.setting import FRACTION

Scope = Literal["portfolio", "asset_class", "sector", "symbol", "stress"]
Need = Literal["portfolio", "past", "paper", "paper_drawdowns"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a measure may see at one session; each array ends at that session."""

    portfolio: Portfolio
    """The targets above or below 0, and those of the session before."""
    past: Array
    """Returns that these targets would have had in the sessions up to now."""
    paper: Array
    """Returns of the targets of each session, from the first of all on."""
    paper_drawdowns: Array


@dataclass(frozen=True)
class Measure:
    """One measure. Adding one is registering the object.

    `compute` is given what `needs` names, in that order, and answers with one figure of `subject`, or with figures by
    subject. NaN policy: one figure is NULL with a past shorter than `fewest`; beyond that `compute` decides.
    """

    name: str
    metric: str
    """The name in risk_metrics, beside the scope."""
    needs: tuple[Need, ...]
    compute: Callable[..., float | Mapping[str, float]]
    scope: Scope = "portfolio"
    subject: str = PORTFOLIO
    unit: str = FRACTION
    limit: Limit | None = None
    """The limit whose value stands beside the figure."""
    window: int | None = None
    """How many sessions of `past` it sees at most; None when it needs no past."""
    fewest: int = 0

    def figures(self, seen: Seen, caps: Caps) -> Iterator[tuple[str, str, float, float]]:
        """Scope, metric, value and limit, as risk_metrics has them."""
        for subject, value in self._values(seen).items():
            cap = self.limit.cap(caps, subject) if self.limit else None
            scope = PORTFOLIO if self.scope == PORTFOLIO else f"{self.scope}:{subject}"
            yield scope, self.metric, value, math.nan if cap is None else cap

    def _values(self, seen: Seen) -> Mapping[str, float]:
        if len(seen.past) < self.fewest:
            return {self.subject: math.nan}
        given = [getattr(seen, need) for need in self.needs]
        if self.window is not None:
            given = [
                one[-self.window :] if need == "past" else one for need, one in zip(self.needs, given, strict=True)
            ]
        found = self.compute(*given)
        return found if isinstance(found, Mapping) else {self.subject: found}


def of_limit(limit: Limit, metric: str) -> Measure:
    """The figure that a limit is about, beside the limit."""
    return Measure(
        f"{limit.name}_limit", metric, ("portfolio",), limit.measure, scope=limit.place, unit=limit.unit, limit=limit
    )
