"""The component that makes a strategy of a card: its assets with their checks, one module for each.

In the modules: reading what the core needs, calling it, writing what it gives. Not here: cards as files (`cards`), and
any rule of searching, deciding, judging or trading on paper (`core.search`, `core.strategies`, `core.honesty`).
"""

from typing import Annotated, Any

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.card_files import card_names
from portfolio_pipeline.adapters.cards import load_card
from portfolio_pipeline.components.strategy.honesty import honesty_asset
from portfolio_pipeline.components.strategy.parameters import parameters_asset
from portfolio_pipeline.components.strategy.targets import targets_asset
from portfolio_pipeline.core.strategies.card import StrategyCard

__all__ = ["StrategyComponent", "strategy_definitions"]

# Sections of a card are checked by the card itself, which names the line and what was expected.
_Section = Annotated[dict[str, Any], dg.Resolver.default(description="see core.strategies.card")]


class StrategyComponent(dg.Component, dg.Model, dg.Resolvable):
    """One strategy. The attributes are those of `core.strategies.card.StrategyCard`."""

    name: str
    type: str
    description: str
    symbols: _Section
    owner: str = "portfolio"
    rebalance: str = "weekly"
    direction: str = "long_only"
    parameters: _Section = Field(default_factory=dict)
    search: _Section = Field(default_factory=dict)
    sizing: _Section = Field(default_factory=dict)
    honesty: _Section = Field(default_factory=dict)
    stage: str = "active"
    constraints: tuple[str, ...] = ()
    transition_sessions: int = 1

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        name = (context.path.parent if context.path.is_file() else context.path).name
        # The settings may leave it out.
        return strategy_definitions(load_card(name)) if name in card_names() else dg.Definitions()


def strategy_definitions(card: StrategyCard) -> dg.Definitions:
    """The assets of a card that has been read and checked."""
    return dg.Definitions(assets=[parameters_asset(card), targets_asset(card), honesty_asset(card)])
