"""Settings of the market regimes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from portfolio_pipeline.core.sections import MOST_SESSIONS, Section, Whole


class Regimes(Section):
    """How the market's regime is told: by rules, or with volatility from a Markov-switching model of the benchmark.

    `markov` fits `states` hidden states anew at the first session of each period (`refit`) with all returns up to it;
    before there are `fewest_sessions` of them, and where no model can be fitted, the rules answer.

    Either way, the probabilities are filtered: what they know is `memory_sessions` old on average, and the regime told
    is left only for one that is more than twice as likely. 0: each session speaks for itself.
    """

    method: Literal["rules", "markov"] = "rules"
    memory_sessions: Annotated[Whole, Field(ge=0, le=252)] = 2
    states: Literal[2, 3] = 2
    refit: Literal["monthly", "quarterly", "yearly"] = "yearly"
    fewest_sessions: Annotated[Whole, Field(ge=252, le=MOST_SESSIONS)] = 504
