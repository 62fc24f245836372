"""Settings of the judge of bars, and what else it has to know beside the bars."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from portfolio_pipeline.core.sections import MOST_SESSIONS, Fraction, Section, Size, Whole


class Quality(Section):
    """When a bar is quarantined."""

    largest_daily_move: Size = 0.35
    stale_sessions: Annotated[Whole, Field(ge=2, le=MOST_SESSIONS)] = 4
    minimum_coverage: Fraction = 0.5
    # How far two vendors' closes of a bar may lie apart before it is recorded.
    vendor_difference: Size = 0.005


class JudgingTerms(Protocol):
    """The universe, what counts as suspicious, and after how many silent sessions a symbol counts as delisted."""

    @property
    def symbols(self) -> tuple[str, ...]: ...
    @property
    def quality(self) -> Quality: ...
    @property
    def delist_after_sessions(self) -> int: ...
