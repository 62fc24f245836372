"""What a person sets in portfolio.yaml: frozen, checked when read, with a refusal for every misspelt key.

Settings of one strategy do not belong here: they are on its card.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.execution.settings import Costs, Orders, SimulatedBroker
from portfolio_pipeline.core.market.instruments import Instrument
from portfolio_pipeline.core.market.quality.settings import Quality
from portfolio_pipeline.core.market.regimes.settings import Regimes
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.risk.limits.of_exposure import ASSET_CLASS
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.sections import MOST_SESSIONS, Section, Whole, parse_yaml


class Settings(Section):
    """portfolio.yaml as a whole."""

    # For `portfolio up` in a new home: no session before is loaded, and how many are loaded before the first trading
    # session: what the cards need, none, or so many.
    history_start: date = FIRST_SESSION
    warm_up: Literal["auto", "none"] | Annotated[Whole, Field(ge=0, le=MOST_SESSIONS)] = "auto"
    benchmark: str = "SPY"
    universe: tuple[Instrument, ...]
    quality: Quality = Quality()
    costs: Costs = Costs()
    simulated_broker: SimulatedBroker = SimulatedBroker()
    regimes: Regimes = Regimes()
    allocation: Allocation = Allocation()
    limits: Limits = Field(default_factory=Limits)
    orders: Orders = Orders()
    # Which of the strategies that come with the package are there; those of the home are there in any case.
    shipped_strategies: Literal["all", "none"] | tuple[str, ...] = "all"

    @model_validator(mode="after")
    def _universe_is_sound(self) -> Settings:
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("a symbol stands twice in the universe")
        if self.benchmark not in self.symbols:
            raise ValueError(f"the benchmark {self.benchmark} is not in the universe")
        return self

    @model_validator(mode="after")
    def _every_class_has_its_limit(self) -> Settings:
        named = self.limits.value(ASSET_CLASS.name)
        missing = sorted(set(self.asset_classes.values()) - set(named if isinstance(named, Mapping) else ()))
        if missing:
            symbol = next(i.symbol for i in self.universe if i.asset_class == missing[0])
            raise ValueError(
                f"limits.asset_class names no limit for {', '.join(missing)} (of {symbol}): what no limit names may not"
                f" be held; write one, such as {missing[0]}: 0.25"
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


def load_settings(path: Path) -> Settings:
    """Read portfolio.yaml, or say in one message where it is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            "SETTINGS_UNREADABLE", found=path, why=error.strerror, remedy="Point PORTFOLIO_CONFIG at a readable file."
        ) from None
    try:
        return Settings.model_validate(parse_yaml(text)[0] or {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigurationError("SETTINGS_NOT_YAML", found=where, remedy="Mend the indentation or quotes.") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()[:5])
        raise ConfigurationError("SETTINGS_WRONG", found=f"{path}: {wrong}", remedy="Mend these entries.") from None
