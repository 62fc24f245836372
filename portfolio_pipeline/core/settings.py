"""What a person sets in portfolio.yaml: frozen, checked when read, with a refusal for every misspelt key.

Settings of one strategy do not belong here: they are on its card under `defs/strategies/<name>/defs.yaml`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.sessions import FIRST_SESSION

Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
AssetClass = Literal["equity", "bond", "commodity", "real_estate"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Instrument(Section):
    """One symbol of the universe."""

    symbol: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9.]{0,9}$")]
    asset_class: AssetClass
    group: str
    name: str


class Quality(Section):
    """When a bar is quarantined."""

    largest_daily_move: Positive = 0.35
    stale_sessions: Annotated[int, Field(ge=2)] = 4
    minimum_coverage: Fraction = 0.5


class Costs(Section):
    """What trading costs, in back-tests, on paper and at the simulated broker."""

    commission_bps: NonNegative = 0.5
    half_spread_bps: NonNegative = 1.0
    slippage_bps: NonNegative = 1.0

    @property
    def total(self) -> float:
        """Cost of trading one unit of currency, as a fraction."""
        return (self.commission_bps + self.half_spread_bps + self.slippage_bps) / 1e4


class SimulatedBroker(Section):
    """The simulated broker: fills at the next open, dearer the larger the order's share of the session's volume."""

    initial_cash: Positive = 1_000_000.0
    impact_bps: NonNegative = 50.0
    maximum_volume_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    delist_after_sessions: Annotated[int, Field(ge=2)] = 10


class Regimes(Section):
    """How the market's regime is told: by rules, or with volatility from a Markov-switching model of the benchmark.

    `markov` fits `states` hidden states anew at the first session of each period (`refit`) with all returns up to it;
    before there are `fewest_sessions` of them, and where no model can be fitted, the rules answer.
    """

    method: Literal["rules", "markov"] = "rules"
    states: Literal[2, 3] = 2
    refit: Literal["monthly", "quarterly", "yearly"] = "yearly"
    fewest_sessions: Annotated[int, Field(ge=252)] = 504


class Allocation(Section):
    """How capital is shared between the strategies. What is given to none stays in cash."""

    method: Literal["equal", "static", "inverse_volatility"] = "inverse_volatility"
    minimum: Fraction = 0.05
    maximum: Fraction = 0.40
    daily_change: Annotated[float, Field(gt=0, le=1)] = 0.02
    window_sessions: Annotated[int, Field(ge=20)] = 63
    static: dict[str, Fraction] = {}
    locked: dict[str, Fraction] = {}

    @model_validator(mode="after")
    def _limits_can_hold_together(self) -> Allocation:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        for name in ("static", "locked"):
            if sum(getattr(self, name).values()) > 1 + 1e-9:
                raise ValueError(f"the shares under {name} add up to more than 1")
        return self


class Limits(Section):
    """The risk limits, as fractions of equity. `tolerance` is how far prices may carry a book past a limit."""

    gross: Positive = 1.0
    net: Positive = 1.0
    net_minimum: Annotated[float, Field(le=0)] = 0.0  # the empty book fits every limit
    symbol: Positive = 0.20
    asset_class: dict[AssetClass, Positive] = {"equity": 0.7, "bond": 0.7, "commodity": 0.35, "real_estate": 0.25}
    turnover: Positive = 0.5
    tolerance: NonNegative = 0.01


class Orders(Section):
    """How orders are made from targets."""

    fractional: bool = False
    minimum_trade: NonNegative = 500.0
    cash_buffer: Fraction = 0.01


class Settings(Section):
    """portfolio.yaml as a whole."""

    history_start: date = FIRST_SESSION
    benchmark: str = "SPY"
    universe: tuple[Instrument, ...]
    quality: Quality = Quality()
    costs: Costs = Costs()
    simulated_broker: SimulatedBroker = SimulatedBroker()
    regimes: Regimes = Regimes()
    allocation: Allocation = Allocation()
    limits: Limits = Limits()
    orders: Orders = Orders()

    @model_validator(mode="after")
    def _universe_is_sound(self) -> Settings:
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("a symbol stands twice in the universe")
        if self.benchmark not in self.symbols:
            raise ValueError(f"the benchmark {self.benchmark} is not in the universe")
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(instrument.symbol for instrument in self.universe)

    @property
    def asset_classes(self) -> dict[str, str]:
        """Asset class of each symbol."""
        return {instrument.symbol: instrument.asset_class for instrument in self.universe}


def load_settings(path: Path) -> Settings:
    """Read portfolio.yaml, or say in one message where it is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            "SETTINGS_UNREADABLE", found=path, why=error.strerror, remedy="Point PORTFOLIO_CONFIG at a readable file."
        ) from None
    try:
        return Settings.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigurationError("SETTINGS_NOT_YAML", found=where, remedy="Mend the indentation or quotes.") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()[:5])
        raise ConfigurationError("SETTINGS_WRONG", found=f"{path}: {wrong}", remedy="Mend these entries.") from None
