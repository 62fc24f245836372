"""Settings of the responses: what each rule does when its limit breaks, and the way back.

The limits themselves are in the section `limits`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Strict, model_validator

from portfolio_pipeline.core.sections import MOST_SESSIONS, Fraction, Section, SomeFraction, Whole, impossible

Response = Literal["liquidate", "pause", "scale", "no_new_capital", "alert_only"]
Sessions = Annotated[Whole, Field(ge=0, le=MOST_SESSIONS)]


class Responses(Section):
    """What happens when a limit over time breaks, by the name of the limit, and how it ends.

    `liquidate` and `pause` sell everything at the next open, `scale` keeps `scaled_to` of it, `no_new_capital` lets
    nothing grow, `alert_only` tells. `position_stop` is of single positions, on the price really paid.

    The way back: the paper drawdown has to be `recovery` or less for `cool_down` sessions in a row; then the risk comes
    back in `steps` equal steps, `step_sessions` apart, and a new breach breaks it off. With `review` the last step
    waits for a `portfolio risk review`. `warn_at`: from which part of a limit on people are told.
    """

    drawdown: Literal["liquidate", "scale", "no_new_capital", "alert_only"] = "liquidate"
    strategy_drawdown: Literal["pause", "scale", "no_new_capital", "alert_only"] = "pause"
    correlation: Literal["no_new_capital", "pause", "alert_only"] = "no_new_capital"
    position_stop: Literal["sell", "alert_only"] = "sell"
    scaled_to: SomeFraction = 0.5
    recovery: Fraction = 0.05
    cool_down: Sessions = 10
    steps: Annotated[Whole, Field(ge=1, le=100)] = 4
    step_sessions: Annotated[Whole, Field(ge=1, le=MOST_SESSIONS)] = 5
    review: Annotated[bool, Strict()] = False
    warn_at: SomeFraction = 0.8

    @model_validator(mode="after")
    def _scaling_leaves_less(self) -> Responses:
        if self.scaled_to == 1.0:
            raise impossible("1 leaves everything as it is; write alert_only for the rule instead", "scaled_to")
        return self
