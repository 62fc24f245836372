"""What the assets of one card share: their keys, how the UI shows them, and the session they go on from."""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg

from portfolio_pipeline.core.calendar.continuity import previous_state_session
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.ports import Reader


def parameters_key(card: StrategyCard) -> dg.AssetKey:
    return dg.AssetKey(["optimized_parameters", card.name])


def targets_key(card: StrategyCard) -> dg.AssetKey:
    return dg.AssetKey(["strategy_targets", card.name])


def honesty_key(card: StrategyCard) -> dg.AssetKey:
    return dg.AssetKey(["strategy_honesty", card.name])


def shown(card: StrategyCard) -> dict[str, Any]:
    """Arguments of `session_asset` that all assets of a card have in common."""
    return {
        "group": "strategies",
        "owners": [f"team:{card.owner}"],
        "tags": {"strategy_type": card.type},
        "metadata": {"card": dg.MetadataValue.json(card.model_dump(mode="json"))},
    }


def state_session(reader: Reader, table: str, strategy: str, first: date) -> date | None:
    """The session before `first` that a strategy's state is taken from; None when there is none. A gap is refused."""
    return previous_state_session(first, reader.newest(table, before=first, where={"strategy": strategy}))
