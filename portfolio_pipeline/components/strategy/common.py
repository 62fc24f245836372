"""What the assets of one card share: how they are named and shown in the UI, and the session they go on from."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import dagster as dg

from portfolio_pipeline.components.filling import strategy_key
from portfolio_pipeline.core.calendar.continuity import previous_state_session
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.search import Written
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
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


def mixtures_in_use(reader: Reader, strategy: str, sessions: SessionRange) -> dict[date, Written]:
    """The stored mixture of each session that has one."""
    rows = reader.read("parameter_mixtures", sessions, where={"strategy": strategy})
    found: dict[date, list[tuple[str, float]]] = {}
    for session, text, share in zip(
        *(rows[name].to_pylist() for name in ("session", "parameters", "share")), strict=True
    ):
        found.setdefault(session, []).append((text, share))
    return {session: tuple(members) for session, members in found.items()}


def allowed_part(space: ParameterSpace, mixture: Written) -> Mixture | None:
    """What the card still allows of a stored mixture; None if nothing."""
    known = [(allowed(space, text), share) for text, share in mixture]
    left = [(one, share) for one, share in known if one is not None]
    return Mixture.of([one for one, _ in left], [share for _, share in left])


def allowed(space: ParameterSpace, text: str) -> Parameters | None:
    values = json.loads(text)
    return space.parameters(values) if space.holds(values) is None else None
