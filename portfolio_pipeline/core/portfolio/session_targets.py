"""From weights to shares: what a session's targets call for, the same for the account's orders and for strategy books.

Which weights are allowed is decided in `core.risk`; which orders follow, in `core.execution.orders`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from portfolio_pipeline.core.tables.declare import RESERVE


@dataclass(frozen=True)
class SessionTargets:
    """What one session's close asks for, as fractions of the account's equity by symbol."""

    weights: dict[str, float] = field(default_factory=dict)
    requested: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    contributions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By strategy: its share of the capital times its own weight of the symbol, times the book's scale; and what the
    reserve holds for idle cash."""
    eased: bool = False
    """Whether positions may be made smaller whatever limits the way: a breach is being answered."""
    pinned: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By strategy: units that a person wants in its book beside all weights, whatever it wishes for itself."""
    ordered: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By strategy: by how much these are more, or less, than its book holds."""
    by_hand: Mapping[str, str] = field(default_factory=dict)
    """Who orders a symbol by hand in this session, and why."""
    limit_prices: Mapping[str, float] = field(default_factory=dict)
    """The worst price that who orders a symbol by hand takes."""

    def pins(self, symbol: str) -> int:
        """Units of the symbol that are pinned in all books together."""
        return sum(own.get(symbol, 0) for own in self.pinned.values())

    def orders(self, symbol: str) -> int:
        """Units of the symbol that are ordered by hand, over all books."""
        return sum(own.get(symbol, 0) for own in self.ordered.values())

    def cut(self, symbol: str) -> float:
        """How much of what was requested the limits left: 1 where they did not make it smaller."""
        requested = self.requested.get(symbol, 0.0)
        left = self.weights.get(symbol, 0.0) / requested if requested else 1.0
        return left if 0.0 <= left <= 1.0 else 1.0


NO_TARGETS = SessionTargets()


def invested_part(weights: Mapping[str, float], cash_buffer: float, pinned: float = 0.0) -> float:
    """What all weights are scaled with so that the cash buffer stays, should they ask for more than the rest.

    `pinned` is what stands beside them and is not scaled.
    """
    net = math.fsum(weights.values())
    return min(1.0, max(1.0 - cash_buffer - pinned, 0.0) / net) if net > 0 else 1.0


def session_targets(
    aggregated: pa.Table, strategy_targets: pa.Table, strategy_weights: pa.Table
) -> dict[date, SessionTargets]:
    """The rows of the three tables of these names, by session. Zero weights are left out of the contributions."""
    shares = shares_by_session(strategy_weights)
    scales = dict(_rows(aggregated, "session", "scale"))
    contributions: dict[date, dict[str, dict[str, float]]] = {}
    for session, strategy, symbol, weight in _rows(
        _some(strategy_targets, "weight"), "session", "strategy", "symbol", "weight"
    ):
        part = weight * shares.get(session, {}).get(strategy, 0.0) * scales.get(session, 1.0)
        if part:
            contributions.setdefault(session, {}).setdefault(strategy, {})[symbol] = part
    for session, symbol, part in _rows(_some(aggregated, "sleeve"), "session", "symbol", "sleeve"):
        contributions.setdefault(session, {}).setdefault(RESERVE, {})[symbol] = part
    by_session: dict[date, SessionTargets] = {}
    for session, symbol, requested, weight, reason in _rows(
        aggregated, "session", "symbol", "requested_weight", "weight", "reason"
    ):
        targets = by_session.get(session)
        if targets is None:
            targets = by_session[session] = SessionTargets({}, {}, {}, contributions.get(session, {}))
        targets.weights[symbol] = weight
        targets.requested[symbol] = requested
        if reason:
            targets.reasons[symbol] = reason
    return by_session


def shares_by_session(strategy_weights: pa.Table) -> dict[date, dict[str, float]]:
    """Each strategy's share of the capital, by session."""
    shares: dict[date, dict[str, float]] = {}
    for session, strategy, weight in _rows(strategy_weights, "session", "strategy", "weight"):
        shares.setdefault(session, {})[strategy] = weight
    return shares


def _some(table: pa.Table, name: str) -> pa.Table:
    """The rows with something in this column of weights: most have nothing, and each takes time."""
    return table.filter(pc.not_equal(table.column(name), 0.0))


def _rows(table: pa.Table, *columns: str) -> Iterable[tuple[Any, ...]]:
    return zip(*(table.column(name).to_pylist() for name in columns), strict=True)
