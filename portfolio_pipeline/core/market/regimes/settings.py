"""Settings of the market regimes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from portfolio_pipeline.core.sections import MOST_SESSIONS, Section, Whole


class Regimes(Section):
    """How the market's regime is told: by rules, or with volatility from a Markov-switching model of the benchmark.

    `markov` fits `states` hidden states anew at the first session of each period (`refit`) with all returns up to it;
    before there are `fewest_sessions` of them, and where no model can be fitted, the rules answer.
    """

    method: Literal["rules", "markov"] = "rules"
    states: Literal[2, 3] = 2
    refit: Literal["monthly", "quarterly", "yearly"] = "yearly"
    fewest_sessions: Annotated[Whole, Field(ge=252, le=MOST_SESSIONS)] = 504
