"""Settings of the made-up market."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portfolio_pipeline.core.sections import Section, Whole

DEFAULT_SEED = 4


class SimulatedMarket(Section):
    """Which of the made-up markets it is: each seed is another history, and a home keeps to the one it began with."""

    seed: Annotated[Whole, Field(ge=0, le=2**31 - 1)] = DEFAULT_SEED
