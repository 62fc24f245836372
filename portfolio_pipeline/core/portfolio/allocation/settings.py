"""Settings of how capital is shared out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from portfolio_pipeline.core.market.instruments import Ticker
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS, AllocationMethod
from portfolio_pipeline.core.sections import (
    MOST_SESSIONS,
    Bounds,
    Fraction,
    Number,
    Section,
    Size,
    SomeFraction,
    Whole,
    impossible,
)
from portfolio_pipeline.core.weighing.covariances import Kind

MethodName = Annotated[str, AfterValidator(ALLOCATION_METHODS.known)]
Window = Annotated[Whole, Field(ge=20, le=MOST_SESSIONS)]
Changes = Annotated[Number, AfterValidator(Bounds(0, 2, above=True, fraction=True))]
"""Bought plus sold: all of it away and all of another bought is 2."""


class OwnBounds(Section):
    """Of one strategy, instead of those of all."""

    minimum: Fraction | None = None
    maximum: Fraction | None = None


class Group(Section):
    """Strategies whose shares together have bounds of their own."""

    strategies: Annotated[tuple[str, ...], Field(min_length=1)]
    minimum: Fraction = 0.0
    maximum: Fraction = 1.0

    @model_validator(mode="after")
    def _bounds_can_hold_together(self) -> Group:
        if self.minimum > self.maximum:
            raise impossible(f"minimum {self.minimum} is above maximum {self.maximum}", "minimum")
        return self


class Allocation(Section):
    """How capital is shared between the strategies. What is given to none stays in cash.

    `volatility_target` is what the whole book aims at a year: what the strategies ask for together is scaled to it, as
    far as the limit on gross exposure allows; without one it is taken as it is. The scale is one that would have done
    in most of the last `scale_memory` sessions; 1 takes each session's own. `cash_sleeve` is a symbol that holds what
    is idle then.

    `minimum`, `maximum` and `daily_change` are of each share, `bounds` those of single strategies instead, `groups`
    those of several together. `turnover` is what may be bought plus sold of shares a session, `tracking_error` how far
    the new shares may be from the present ones, as the volatility of the difference a year. `locked` keeps a share: at
    a fraction, or `while_invested` where it is until the strategy holds nothing. `fully_invested` refuses settings
    that cannot share out everything, and lets no method leave anything in cash.
    """

    method: MethodName = "inverse_volatility"
    minimum: Fraction = 0.05
    maximum: Fraction = 0.40
    daily_change: SomeFraction = 0.02
    turnover: Changes | None = 0.20
    tracking_error: Size | None = 0.03
    fully_invested: bool = False
    bounds: dict[str, OwnBounds] = Field(default_factory=dict)
    groups: dict[str, Group] = Field(default_factory=dict)
    window_sessions: Window = 63
    volatility_target: Size | None = 0.10
    scale_memory: Annotated[Whole, Field(ge=1, le=MOST_SESSIONS)] = 126
    cash_sleeve: Ticker | None = None
    static: dict[str, Fraction] = Field(default_factory=dict)
    locked: dict[str, Fraction | Literal["while_invested", "never"]] = Field(default_factory=dict)
    # What methods measure, and how: see each of them.
    covariance: Kind = "ledoit_wolf"
    half_life_sessions: Window = 63
    performance_ratio: Literal["sharpe", "sortino"] = "sharpe"
    kelly_fraction: SomeFraction = 0.25
    tau: SomeFraction = 0.05
    risk_budgets: dict[str, Fraction] = Field(default_factory=dict)
    members: Annotated[tuple[MethodName, ...], Field(min_length=1)] = ("inverse_volatility", "risk_parity", "hrp")
    # Whoever did better than others of late gets more than the method wants, by so much at most.
    overlay: Literal["none", "momentum"] = "none"
    overlay_strength: Fraction = 0.5
    overlay_sessions: Window = 63

    @property
    def fixed(self) -> dict[str, float]:
        """Locked shares that are numbers."""
        return {name: share for name, share in self.locked.items() if not isinstance(share, str)}

    @property
    def kept_while_invested(self) -> frozenset[str]:
        return frozenset(name for name, share in self.locked.items() if share == "while_invested")

    @property
    def methods_used(self) -> tuple[AllocationMethod, ...]:
        names = (self.method, *(self.members if self.method == "ensemble" else ()))
        return tuple(ALLOCATION_METHODS[name] for name in names)

    @property
    def sessions_of_method(self) -> int:
        """How many sessions of paper returns the method looks at."""
        return max(self.window_sessions, *(method.sessions for method in self.methods_used))

    @property
    def sessions_seen(self) -> int:
        """How many sessions of paper returns anything of these settings looks at."""
        return max(self.sessions_of_method, self.overlay_sessions if self.overlay != "none" else 0)

    @property
    def needs_exposure(self) -> bool:
        return bool(self.kept_while_invested) or any(method.needs_exposure for method in self.methods_used)

    def bounds_of(self, strategy: str) -> tuple[float, float]:
        """Smallest and largest share of a strategy."""
        own = self.bounds.get(strategy, OwnBounds())
        lowest = self.minimum if own.minimum is None else own.minimum
        highest = self.maximum if own.maximum is None else own.maximum
        return lowest, highest

    @model_validator(mode="after")
    def _limits_can_hold_together(self) -> Allocation:
        if self.minimum > self.maximum:
            raise impossible(f"minimum {self.minimum} is above maximum {self.maximum}", "minimum")
        for name in self.bounds:
            lowest, highest = self.bounds_of(name)
            if lowest > highest:
                raise impossible(f"minimum {lowest} of {name} is above its maximum {highest}", "bounds", name)
        for entry, shares in (("static", self.static), ("locked", self.fixed)):
            if sum(shares.values()) > 1 + 1e-9:
                raise impossible(f"the shares under {entry} add up to more than 1", entry)
        if "ensemble" in self.members:
            raise impossible("an ensemble cannot be a member of itself", "members")
        return self
