"""Settings of when capital is shared out anew, and whether that is worth it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from portfolio_pipeline.core.sections import Bounds, Number, Section, SomeFraction, Whole

Calendar = Literal["daily", "weekly", "month_end", "quarterly"]
Trigger = Calendar | Literal["drift", "adaptive", "after_breach", "manual"]
Aversion = Annotated[Number, AfterValidator(Bounds(0, 100))]


class Rebalancing(Section):
    """When capital is shared out anew, and whether that is worth it. In between the decided shares stay as they are.

    Any of `trigger` decides anew: the close of every session (`daily`), of the last one of a week, month or quarter; a
    share that its strategy's paper returns since the last move would have carried further than `drift` (`drift`; and
    `adaptive`: further than that times volatility over what it is on average in a year, or a change of the regime); a
    stage or a risk state that leaves a strategy less than the session before (`after_breach`). What people do by hand
    always does, with `manual` alone nothing else. What is decided is carried out in `steps` sessions, or more where
    limits on daily changes call for it.

    With `cost_benefit` shares move only if the gain expected over `horizon` sessions (that of the paper returns' shrunk
    means, less half of `risk_aversion` times the change of variance) is `cost_multiple` of the costs; nobody asks after
    a breach, or where something was done by hand.
    """

    trigger: Annotated[tuple[Trigger, ...], Field(min_length=1)] = ("daily",)
    drift: SomeFraction = 0.05
    steps: Annotated[Whole, Field(ge=1, le=252)] = 1
    cost_benefit: bool = False
    cost_multiple: Aversion = 1.5
    horizon: Annotated[Whole, Field(ge=1, le=2_520)] = 21
    risk_aversion: Aversion = 3.0

    @property
    def needs_regimes(self) -> bool:
        return "adaptive" in self.trigger

    @property
    def sessions_seen(self) -> int:
        """How many sessions of paper returns triggers look at."""
        return ADAPTIVE_WINDOW + ADAPTIVE_MEMORY - 1 if "adaptive" in self.trigger else 1

    @property
    def decides_daily(self) -> bool:
        """Whether every session is decided anew and carried out at once, so that no decision is ever on its way."""
        return "daily" in self.trigger and self.steps == 1 and not self.cost_benefit


ADAPTIVE_WINDOW, ADAPTIVE_MEMORY = 21, 252
"""Sessions of a volatility, and of the mean that it is compared with."""
