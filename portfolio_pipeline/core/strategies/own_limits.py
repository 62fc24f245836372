"""What the house's limits leave of a card: its own figures may be tighter, never looser, and what it leaves out is the
house's.

A card that has been read is `within` them, so that its searches, its paper book and its targets show the strategy as it
is allowed to trade: with a cut that came later, paper would promise what the account may not hold, and the search would
choose by it. The mean of a mixture is cut to the largest positions once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.strategies.card import Sizing

TIGHTENED: Mapping[str, str] = {
    "maximum_weight": "strategy_symbol",
    "maximum_gross": "strategy_gross",
    "maximum_positions": "strategy_positions",
    "maximum_drawdown": "strategy_drawdown",
    "volatility_target": "volatility",
}
"""Entries of a card's `sizing`, and the key under `limits` that they may not pass."""
_OWN_DEFAULT = ("maximum_gross", "volatility_target")
"""Those that a card which says nothing has from its own section: borrowing and scaling are asked for."""


class Looser(NamedTuple):
    """An entry of `sizing` that passes the limit of a key."""

    entry: str
    found: float
    key: str
    limit: float


def looser(sizing: Sizing, limits: Caps) -> Iterator[Looser]:
    """What is written on a card and looser than the house allows."""
    for entry, key in TIGHTENED.items():
        limit, found = _number(limits.value(key)), getattr(sizing, entry)
        if entry in sizing.model_fields_set and found is not None and limit is not None and found > limit:
            yield Looser(entry, found, key, limit)


def within(sizing: Sizing, limits: Caps, symbols: int) -> Sizing:
    """The sizing of a card of so many symbols as the house lets it be."""
    allowed: dict[str, float | int | None] = {}
    for entry, key in TIGHTENED.items():
        limit, own = _number(limits.value(key)), getattr(sizing, entry)
        if limit is None or (own is None and entry in _OWN_DEFAULT):
            continue
        written = own is not None and (entry in sizing.model_fields_set or entry in _OWN_DEFAULT)
        allowed[entry] = min(own, limit) if written else limit
    most = allowed.get("maximum_positions", sizing.maximum_positions)
    allowed["maximum_positions"] = int(most) if most is not None and most < symbols else None
    return sizing.model_copy(update=allowed)


def _number(value: object) -> float | None:
    assert value is None or isinstance(value, float | int), value
    return value
