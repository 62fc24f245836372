"""What the assets of one card share: how they are named and shown in the UI, and the session they go on from."""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg

from portfolio_pipeline.components.filling import strategy_key
from portfolio_pipeline.core.calendar.continuity import previous_state_session
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.ports import Reader


def of_card(card: StrategyCard, noun: str) -> dict[str, Any]:
    """Arguments of `session_asset` that all assets of a card have in common: each strategy is a group of its own."""
    return {
        "key": strategy_key(card.name, noun),
        "rows_of": {"strategy": card.name},
        "group": card.name,
        "begins": "strategies",
        "owners": [f"team:{card.owner}"],
        "tags": {"strategy_type": card.type},
        "metadata": {"card": dg.MetadataValue.json(card.model_dump(mode="json"))},
    }


def state_session(reader: Reader, table: str, strategy: str, first: date) -> date | None:
    """The session before `first` that a strategy's state is taken from; None when there is none. A gap is refused."""
    return previous_state_session(first, reader.newest(table, before=first, where={"strategy": strategy}))
