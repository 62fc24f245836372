"""Settings of trading: what it costs, how orders are made of targets, how the simulated broker fills them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, Field, Strict

from portfolio_pipeline.core.execution.rejects import Rejects
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.core.sections import (
    MOST_SESSIONS,
    BasisPoints,
    Bounds,
    Currency,
    Fraction,
    Multiple,
    Number,
    Section,
    SomeCurrency,
    SomeFraction,
    Whole,
)


class Costs(Section):
    """What trading costs, in back-tests, on paper and at the simulated broker."""

    commission_bps: BasisPoints = 0.5
    half_spread_bps: BasisPoints = 1.0
    slippage_bps: BasisPoints = 1.0

    @property
    def total(self) -> float:
        """Cost of trading one unit of currency, as a fraction."""
        return (self.commission_bps + self.half_spread_bps + self.slippage_bps) / 1e4


class SimulatedBroker(Section):
    """The simulated broker: fills at the next open, dearer the larger the order's share of the session's volume."""

    initial_cash: SomeCurrency = 1_000_000.0
    impact_bps: BasisPoints = 50.0
    maximum_volume_share: SomeFraction = 0.1
    delist_after_sessions: Annotated[Whole, Field(ge=2, le=MOST_SESSIONS)] = 10


class Orders(Section):
    """How orders are made from targets.

    No trade for its own sake: what is held may differ from its target by the band within which a trade costs more than
    it is worth, (3/2 * cost / risk_aversion * weight^2 * (1 - weight)^2) ^ (1/3) of equity, and `band` times as much;
    0 trades at once. What is beyond is traded to the target, or only to the edge of the band (`trade_to`). Nor is
    anything smaller than `minimum_trade` or than `minimum_share` of equity traded, unless it closes a position.

    `type` says how they are filled: at market, with a limit that is `collar` away from the close they were sized at, or
    in an auction. Fractions are traded if `fractional`, and else whole shares in multiples of `lot`.
    """

    type: Literal["market", "limit", "opening", "closing"] = "market"
    collar: Annotated[Number, AfterValidator(Bounds(0, 0.2, above=True, fraction=True))] = 0.02
    fractional: Annotated[bool, Strict()] = False
    lot: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    minimum_trade: Currency = 500.0
    minimum_share: Fraction = 0.0025
    band: Multiple = 1.0
    trade_to: Literal["target", "edge"] = "target"
    risk_aversion: Annotated[Number, Field(gt=0, le=100)] = 3.0
    cash_buffer: Fraction = 0.01
    rejects: Rejects = Rejects()


class TradingTerms(Protocol):
    """What planning and judging orders has to know beside targets, bars and the account."""

    @property
    def asset_classes(self) -> Mapping[str, str]: ...
    @property
    def sectors(self) -> Mapping[str, str]: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def responses(self) -> Responses: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def costs(self) -> Costs: ...
    @property
    def simulated_broker(self) -> SimulatedBroker: ...
