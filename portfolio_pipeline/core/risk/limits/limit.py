"""What a limit is: where it applies, what it measures, what may be set, how it cuts, how it is verified and worded.

Limits themselves stand in `of_symbols`, `of_concentration`, `of_exposure`, `of_returns` and `of_turnover`; which are in
force, in `registry`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, Protocol

from portfolio_pipeline.core.risk.breaches import Breach, Gravity, Severity
from portfolio_pipeline.core.risk.exposures import EPSILON, PORTFOLIO, Portfolio
from portfolio_pipeline.core.risk.limits.cutting_room import ROUNDING, CuttingRoom
from portfolio_pipeline.core.risk.limits.setting import FRACTION, Setting, Value

Place = Literal["symbol", "sector", "asset_class", "portfolio"]
_NOBODY: Mapping[str, float] = {}
PLACES: tuple[Place, ...] = ("symbol", "sector", "asset_class", "portfolio")
"""In the order in which breaches are told."""


class Caps(Protocol):
    """The limits' values, as the settings hold them."""

    def value(self, name: str) -> Value: ...

    def only_reports(self, name: str) -> bool:
        """Whether the settings ask for no more than to be told when the limit breaks."""
        ...


class Figure(NamedTuple):
    """A measured figure beside its limit; `excess` is how far it stands on the wrong side."""

    subject: str
    found: float
    cap: float
    excess: float


class Limit(ABC):
    """One limit. Adding one is subclassing this and registering the object; everything else asks the object.

    A limit that cuts has to be convex (between two sets of weights that hold it, it holds), or to say that it is not:
    the turnover limit stops targets half-way.
    """

    name: str
    """Its key in portfolio.yaml, the rule of its breaches, and the name that messages begin with."""
    place: Place = "portfolio"
    setting: Setting | None = None
    """None: nothing can be set, and the limit is 0."""
    metric: str | None = None
    """The name that risk_metrics shows the figure under, with its limit; None: it is not shown."""
    tolerated = True
    """Whether prices may carry a book past it, by the tolerance of the settings."""
    gravity: Gravity = "low"
    """How grave its breaches are."""
    about_the_way = False
    """Whether it is about the way from the weights before. Such limits cut last."""
    convex = True
    scales_all = False
    """Whether it scales all weights alike, and comes after those that need not: where one position hedges another, a
    smaller one can make its figure larger."""
    decisive = False
    """Whether nothing else can be said of weights that break it."""

    @property
    def unit(self) -> str:
        return self.setting.unit if self.setting else FRACTION

    def cap(self, caps: Caps, subject: str = PORTFOLIO) -> float | None:
        """What is allowed the subject: nothing, where others are named and it is not; None where nothing is limited."""
        value = self._value(caps)
        return value.get(subject, 0.0) if isinstance(value, Mapping) else value

    @abstractmethod
    def measure(self, portfolio: Portfolio) -> Mapping[str, float]:
        """The limited figure of every subject, in the order of their names."""

    def excess(self, found: float, cap: float) -> float:
        return found - cap

    def slack(self, cap: float, tolerance: float) -> float:
        """How far past the limit prices may carry a book."""
        return tolerance if self.tolerated else 0.0

    def too_much(self, found: float, cap: float, gross: float) -> float:
        """About how much weight has to go until the figure holds; `gross` is all there is."""
        return abs(found - cap)

    def cut(self, room: CuttingRoom, caps: Caps) -> None:  # noqa: B027  a limit that only verifies leaves it as it is
        """Bring the weights inside, only ever making them smaller."""

    def forgives(self, figure: Figure, before: Figure | None, portfolio: Portfolio) -> bool:
        """Whether a breach only warns. `before` is the figure of the book before its trades; None for targets.

        What reduces risk must never be stopped: a book that the trades do not make worse.
        """
        return before is not None and figure.excess <= before.excess + EPSILON

    def figures(self, portfolio: Portfolio, caps: Caps) -> Iterator[Figure]:
        value = self._value(caps)
        if value is None:
            return
        each, others = (value, 0.0) if isinstance(value, Mapping) else (_NOBODY, value)
        for subject, found in self.measure(portfolio).items():
            cap = each.get(subject, others)
            yield Figure(subject, found, cap, self.excess(found, cap))

    def breach(self, subject: str, severity: Severity, found: float, cap: float, action: str = "") -> Breach:
        message = f"{self.name.upper()}_LIMIT: subject={subject}, found={found:.6g}, limit={cap:.6g}"
        return Breach(subject, self.name, severity, found, cap, message, action, self.gravity)

    def why(self, subject: str, cap: float) -> str:
        """Why a weight was cut, in the words of aggregated_targets."""
        return f"{self.name} limit {cap:g}"

    def clip(self, room: CuttingRoom, caps: Caps) -> None:
        """Clip every symbol that is measured to its cap."""
        for figure in self.figures(room.portfolio, caps):
            symbol, cap = figure.subject, figure.cap
            if figure.found > cap + ROUNDING * (cap > 0):
                weight = math.copysign(cap, room.weights[symbol]) if cap else 0.0
                room.put(symbol, weight, self.why(symbol, cap))
                room.breaches.append(self.breach(symbol, "cut", figure.found, cap, f"clipped to {weight:.4f}"))

    def scale(
        self, room: CuttingRoom, members: Iterable[str], *, size: float, into: float, figure: tuple[str, float, float]
    ) -> None:
        """Scale `members`, which together are `size`, to `into`; `figure` is subject, what was found, and the cap."""
        if size <= into + ROUNDING:
            return
        subject, found, cap = figure
        factor = max(into, 0.0) / size
        room.scale(members, factor, self.why(subject, cap))
        room.breaches.append(self.breach(subject, "cut", found, cap, f"scaled by {factor:.4f}"))

    def _value(self, caps: Caps) -> Value:
        return caps.value(self.name) if self.setting else 0.0


class PortfolioLimit(Limit):
    """A limit with one figure for the whole portfolio."""

    @abstractmethod
    def of_whole(self, portfolio: Portfolio) -> float: ...

    def measure(self, portfolio: Portfolio) -> Mapping[str, float]:
        return {PORTFOLIO: self.of_whole(portfolio)}

    def scale_all(self, room: CuttingRoom, caps: Caps) -> None:
        """Cut by one factor for every weight. For figures that shrink in proportion to the weights."""
        for figure in self.figures(room.portfolio, caps):
            shown = (PORTFOLIO, figure.found, figure.cap)
            self.scale(room, tuple(room.weights), size=figure.found, into=figure.cap, figure=shown)
