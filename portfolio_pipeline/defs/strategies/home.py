"""The strategies whose cards are in the home, beside those that come with the package."""

import dagster as dg

from portfolio_pipeline.adapters.card_files import SHIPPED_FILE, card_files
from portfolio_pipeline.adapters.cards import load_card
from portfolio_pipeline.components.strategy import strategy_definitions


@dg.definitions
def home_strategies() -> dg.Definitions:
    own = [name for name, path in card_files().items() if path.name != SHIPPED_FILE]
    return dg.Definitions.merge(*(strategy_definitions(load_card(name)) for name in own))
