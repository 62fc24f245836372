"""What is written on a strategy's card: its type, its symbols, its parameters and how it is searched and sized.

A card is data; what a type does with it is in the module of the type. Cards are checked when they are read.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from portfolio_pipeline.core.settings import AssetClass, Fraction, NonNegative, Section, Settings
from portfolio_pipeline.core.strategy_books import ACCOUNT_BOOK, RESERVE


def _no_other_book(name: str) -> str:
    """A strategy's book carries its name, and stands in the tables beside the two that belong to no strategy."""
    if name in (ACCOUNT_BOOK, RESERVE):
        raise ValueError(f"any name but {ACCOUNT_BOOK} and {RESERVE}, which are books of the house")
    return name


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$"), AfterValidator(_no_other_book)]


class Symbols(Section):
    """Which part of the universe a strategy trades: whole asset classes, or symbols by name."""

    asset_classes: tuple[AssetClass, ...] = ()
    only: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Symbols:
        if bool(self.asset_classes) == bool(self.only):
            raise ValueError("give either asset_classes or only")
        return self


class Search(Section):
    """How parameters are found: what is maximised, over which window, over how many candidates.

    The parameters in use are left only for some whose score is better by `switch_margin` of that score.
    """

    objective: Literal["sharpe", "return", "sortino", "calmar", "drawdown"] = "sharpe"
    window_sessions: Annotated[int, Field(ge=20)] = 504
    trials: Annotated[int, Field(ge=1)] = 40
    cadence: Literal["daily", "weekly", "monthly"] = "daily"
    switch_margin: NonNegative = 0.1


class Sizing(Section):
    """How raw weights become targets: scaled to a volatility, capped per position."""

    volatility_target: Annotated[float, Field(gt=0)] | None = None
    volatility_window: Annotated[int, Field(ge=10)] = 60
    maximum_weight: Fraction = 0.35
    maximum_gross: NonNegative = 1.0


class StrategyCard(Section):
    """One strategy. `parameters` overrides ranges or fixes values of the type's parameters, by name."""

    name: Name
    type: str
    description: str
    owner: str = "portfolio"
    symbols: Symbols
    rebalance: Literal["daily", "weekly", "monthly"] = "weekly"
    direction: Literal["long_only", "long_short"] = "long_only"
    parameters: dict[str, Any] = Field(default_factory=dict)
    search: Search = Search()
    sizing: Sizing = Sizing()

    def universe(self, settings: Settings) -> tuple[str, ...]:
        """The symbols it trades, in the order of the settings."""
        return tuple(
            instrument.symbol
            for instrument in settings.universe
            if instrument.asset_class in self.symbols.asset_classes or instrument.symbol in self.symbols.only
        )
