"""A measure that gives its figures for all sessions of a range at once: what most measures of the house are.

One that is simpler to say for one session is a `measure.Measure`; both are registered in `registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.limits.setting import FRACTION
from portfolio_pipeline.core.risk.measures.ranges import SeenRange

RangeScope = Literal["portfolio", "asset_class", "sector", "symbol", "strategy", "pair", "stress"]


@dataclass(frozen=True)
class Bound:
    """A limit of the settings that is told beside a figure.

    `floor`: the figure may not be below it. `loss`: the setting is positive, the figure a return, negative when lost.
    `cut`: targets are cut to just this figure, so that none is past it; to others somebody answers, or comes close.
    """

    key: str
    floor: bool = False
    loss: bool = False
    cut: bool = False

    def value(self, caps: Caps) -> float | None:
        cap = caps.value(self.key)
        return None if not isinstance(cap, float | int) else -cap if self.loss else float(cap)


@dataclass(frozen=True)
class RangeMeasure:
    """One measure of a range. Adding one is registering the object.

    `compute` answers with [sessions] for the portfolio, or with [sessions, subjects]. Subjects follow from the scope:
    asset classes, sectors, strategies, pairs and symbols, in the order in which `SeenRange` and `subjects` have them.
    NaN policy: of the portfolio NaN is written as NULL; of any other subject it is no row.
    """

    name: str
    metric: str
    """The name in risk_metrics, beside the scope."""
    compute: Callable[[SeenRange], Array]
    scope: RangeScope = "portfolio"
    named: Sequence[str] = ()
    """The subjects, where they do not follow from the scope: scenarios of stress."""
    unit: str = FRACTION
    bound: Bound | None = None

    def subjects(self, seen: SeenRange) -> Sequence[str]:
        """What stands behind the scope's name, one for each column."""
        if self.named:
            return self.named
        if self.scope == "portfolio":
            return (PORTFOLIO,)
        if self.scope == "pair":
            names = strategies(seen)
            return [f"{names[b]}|{names[a]}" for a in range(len(names)) for b in range(a)]
        return {
            "asset_class": sorted(set(seen.asset_classes.values())),
            "sector": sorted(set(seen.sectors.values())),
            "symbol": seen.symbols,
            "strategy": seen.parts.names if seen.parts else (),
            "stress": (),
        }[self.scope]

    def scopes(self, seen: SeenRange) -> list[str]:
        """As risk_metrics has them."""
        subjects = self.subjects(seen)
        return [PORTFOLIO if self.scope == PORTFOLIO else f"{self.scope}:{subject}" for subject in subjects]


def strategies(seen: SeenRange) -> tuple[str, ...]:
    """Their names, without the reserve."""
    return seen.parts.names[:-1] if seen.parts else ()
