"""What a person sets in portfolio.yaml: frozen, checked when read, with a refusal for every misspelt key.

Settings of one strategy do not belong here: they are on its card.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from portfolio_pipeline.core.alerting.settings import AlertSettings
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION
from portfolio_pipeline.core.execution.settings import Approval, Costs, Orders, SimulatedBroker
from portfolio_pipeline.core.market.instruments import Instrument, Ticker
from portfolio_pipeline.core.market.quality.settings import Quality
from portfolio_pipeline.core.market.regimes.settings import Regimes
from portfolio_pipeline.core.market.settings import SimulatedMarket
from portfolio_pipeline.core.mistakes import first_mistake, read_written, wrong
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.registry import near
from portfolio_pipeline.core.risk.adaptation import Adaptation
from portfolio_pipeline.core.risk.limits.of_exposure import ASSET_CLASS
from portfolio_pipeline.core.risk.limits.of_orders import LIMIT_DISTANCE
from portfolio_pipeline.core.risk.presets import DEFAULT, Preset, filled
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.core.sections import MOST_SESSIONS, Bounds, Number, Section, Whole, impossible


class Settings(Section):
    """portfolio.yaml as a whole."""

    # Where keys get their figures that are not written (`core.risk.presets`).
    preset: Preset = DEFAULT
    # For `portfolio up` in a new home: no session before is loaded, and how many are loaded before the first trading
    # session: what the cards need, none, or so many.
    history_start: date = FIRST_SESSION
    warm_up: Literal["auto", "none"] | Annotated[Whole, Field(ge=0, le=MOST_SESSIONS)] = "auto"
    benchmark: str = "SPY"
    universe: tuple[Instrument, ...]
    quality: Quality = Quality()
    costs: Costs = Costs()
    # What cash earns, and what Sharpe ratios are above: a fraction a year, or a symbol whose return it is.
    risk_free_rate: Annotated[Number, AfterValidator(Bounds(-0.02, 0.25, fraction=True))] | Ticker = 0.0
    simulated_market: SimulatedMarket = SimulatedMarket()
    simulated_broker: SimulatedBroker = SimulatedBroker()
    regimes: Regimes = Regimes()
    allocation: Allocation = Allocation()
    rebalancing: Rebalancing = Rebalancing()
    # Whether the rule of promotion only tells which strategies should get or lose capital, or decides it.
    promotion: Literal["suggest", "act"] = "suggest"
    limits: Limits = Field(default_factory=Limits)
    responses: Responses = Responses()
    adaptation: Adaptation = Adaptation()
    orders: Orders = Orders()
    approval: Approval = Approval()
    alerts: AlertSettings = AlertSettings()
    # Which of the strategies that come with the package are there; those of the home are there in any case.
    shipped_strategies: Literal["all", "none"] | tuple[str, ...] = "all"

    @model_validator(mode="before")
    @classmethod
    def _by_preset_where_nothing_is_written(cls, written: Any) -> Any:
        return filled(written) if isinstance(written, dict) else written

    @model_validator(mode="after")
    def _universe_is_sound(self) -> Settings:
        for place, symbol in enumerate(self.symbols):
            if symbol in self.symbols[:place]:
                raise impossible("the symbol stands twice in the universe", "universe", place, "symbol")
        if self.benchmark not in self.symbols:
            raise impossible(f"it is not in the universe{near(self.benchmark, self.symbols)}", "benchmark")
        named: tuple[tuple[object, tuple[str, ...]], ...] = (
            (self.risk_free_rate, ("risk_free_rate",)),
            (self.allocation.cash_sleeve, ("allocation", "cash_sleeve")),
        )
        for found, at in named:
            if isinstance(found, str) and found not in self.symbols:
                raise impossible(f"it is not in the universe{near(found, self.symbols)}", *at)
        return self

    @model_validator(mode="after")
    def _every_class_has_its_limit(self) -> Settings:
        named = self.limits.value(ASSET_CLASS.name)
        missing = sorted(set(self.asset_classes.values()) - set(named if isinstance(named, Mapping) else ()))
        if missing:
            symbol = next(i.symbol for i in self.universe if i.asset_class == missing[0])
            raise impossible(
                f"limits.asset_class names no limit for {', '.join(missing)} (of {symbol}): what no limit names may not"
                f" be held; write one, such as {missing[0]}: 0.25",
                "limits",
                ASSET_CLASS.name,
            )
        return self

    @model_validator(mode="after")
    def _limits_of_orders_hold_their_own_limit(self) -> Settings:
        most = LIMIT_DISTANCE.cap(self.limits)
        if self.orders.type == "limit" and most is not None and self.orders.collar > most:
            raise impossible(
                f"collar {self.orders.collar:g} is above limits.{LIMIT_DISTANCE.name}, {most:g}: every session would be"
                " refused",
                "orders",
                "collar",
            )
        return self

    @model_validator(mode="after")
    def _what_is_answered_can_recover(self) -> Settings:
        for name in ("drawdown", "strategy_drawdown"):
            limit = self.limits.value(name)
            if isinstance(limit, float | int) and self.responses.recovery >= limit:
                raise impossible(
                    f"recovery {self.responses.recovery:g} is not below limits.{name} {limit:g}: whoever breaks the"
                    " limit would have recovered already",
                    "responses",
                    "recovery",
                )
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(instrument.symbol for instrument in self.universe)

    @property
    def delist_after_sessions(self) -> int:
        """After how many sessions without a bar a symbol counts as delisted."""
        return self.simulated_broker.delist_after_sessions

    @property
    def asset_classes(self) -> dict[str, str]:
        """Asset class of each symbol."""
        return {instrument.symbol: instrument.asset_class for instrument in self.universe}

    @property
    def sectors(self) -> dict[str, str]:
        """Sector of each symbol."""
        return {instrument.symbol: instrument.group for instrument in self.universe}


def load_settings(path: Path) -> Settings:
    """Read portfolio.yaml, or say in one message where it is wrong."""
    written = read_written(path, "SETTINGS", "Point PORTFOLIO_CONFIG at a readable file.")
    document = {} if written.document is None else written.document
    try:
        return Settings.model_validate(document)
    except ValidationError as refusal:
        mistake = first_mistake(refusal, document, Settings)
        others = len({error["loc"][:2] for error in refusal.errors()}) - 1
        remedy = "Mend this line of the settings" + (f", and {others} more that are wrong." if others else ".")
        raise wrong("SETTINGS", path, written, mistake, remedy=remedy) from None
