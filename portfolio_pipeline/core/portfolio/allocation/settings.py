"""Settings of how capital is shared out."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from portfolio_pipeline.core.market.instruments import Ticker
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS
from portfolio_pipeline.core.sections import MOST_SESSIONS, Fraction, Section, Size, SomeFraction, Whole, impossible


class Allocation(Section):
    """How capital is shared between the strategies. What is given to none stays in cash.

    `volatility_target` is what the whole book aims at a year: what the strategies ask for together is scaled to it, as
    far as the limit on gross exposure allows; without one it is taken as it is. The scale is one that would have done
    in most of the last `scale_memory` sessions; 1 takes each session's own. `cash_sleeve` is a symbol that holds what
    is idle then.
    """

    method: Annotated[str, AfterValidator(ALLOCATION_METHODS.known)] = "inverse_volatility"
    minimum: Fraction = 0.05
    maximum: Fraction = 0.40
    daily_change: SomeFraction = 0.02
    window_sessions: Annotated[Whole, Field(ge=20, le=MOST_SESSIONS)] = 63
    volatility_target: Size | None = 0.10
    scale_memory: Annotated[Whole, Field(ge=1, le=MOST_SESSIONS)] = 126
    cash_sleeve: Ticker | None = None
    static: dict[str, Fraction] = Field(default_factory=dict)
    locked: dict[str, Fraction] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _limits_can_hold_together(self) -> Allocation:
        if self.minimum > self.maximum:
            raise impossible(f"minimum {self.minimum} is above maximum {self.maximum}", "minimum")
        for name in ("static", "locked"):
            if sum(getattr(self, name).values()) > 1 + 1e-9:
                raise impossible(f"the shares under {name} add up to more than 1", name)
        return self
