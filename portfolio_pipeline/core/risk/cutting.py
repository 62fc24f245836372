"""Weights cut until every limit holds.

How a limit cuts is said by the limit. Path-dependent: the turnover limit starts from the session before. Reading and
writing tables does not belong here.

The limits cut in the order in which they are registered; every one only shrinks weights, so what an earlier one reached
stays reached. Last come those about the way from yesterday's targets, which are first shrunk into the limits of today:
getting into these comes before turnover, so turnover may stand above its limit only while it does nothing but shrink
positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.limits.cutting_room import CuttingRoom, Weights
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.limits.registry import LIMITS


@dataclass(frozen=True)
class LimitedTargets:
    """One session's weights after limits, the cuts, and for each symbol that was cut the reason."""

    weights: Weights
    cuts: tuple[Breach, ...]
    reasons: Mapping[str, str]


def limit_path(
    requested: Array,
    symbols: Sequence[str],
    asset_classes: Mapping[str, str],
    caps: Caps,
    previous: Mapping[str, float],
) -> list[LimitedTargets]:
    """Cut each session's requested weights ([sessions, symbols]) into the limits, day after day.

    `previous` are the final weights of the session before; empty before the first, for the book starts in cash.
    """
    if not np.isfinite(requested).all():
        row, column = np.argwhere(~np.isfinite(requested))[0]
        raise DataError(
            "TARGET_NOT_FINITE",
            found=requested[row, column],
            symbol=symbols[column],
            position=int(row),
            remedy="Find the strategy that asks for it in strategy_targets.",
        )
    path = []
    for row in requested.tolist():
        wanted = dict(zip(symbols, row, strict=True))
        path.append(limit_session(wanted, asset_classes, caps, previous))
        previous = path[-1].weights
    return path


def limit_session(
    requested: Mapping[str, float], asset_classes: Mapping[str, str], caps: Caps, previous: Mapping[str, float]
) -> LimitedTargets:
    """One session: the weights nearest in direction to `requested` that hold every limit at once."""
    symbols = dict.fromkeys((*requested, *(symbol for symbol, weight in previous.items() if weight)))

    def shrunk_previous() -> Weights:
        start = CuttingRoom({symbol: previous.get(symbol, 0.0) for symbol in symbols}, asset_classes)
        _cut(start, caps, about_the_way=False)
        return start.weights

    room = CuttingRoom(
        {symbol: requested.get(symbol, 0.0) for symbol in symbols}, asset_classes, previous, shrunk_previous
    )
    _cut(room, caps, about_the_way=False)
    _cut(room, caps, about_the_way=True)
    reasons = {symbol: "; ".join(why) for symbol, why in room.reasons.items()}
    return LimitedTargets(room.weights, tuple(room.breaches), reasons)


def _cut(room: CuttingRoom, caps: Caps, *, about_the_way: bool) -> None:
    for limit in LIMITS.values():
        if limit.about_the_way == about_the_way:
            limit.cut(room, caps)
