"""Weights cut until every limit holds.

How a limit cuts is said by the limit. Path-dependent: the turnover limit starts from the session before. Reading and
writing tables does not belong here.

The limits cut in the order in which they are registered, those that scale all weights alike after the others; every one
only shrinks weights, so what an earlier one reached stays reached. Last come those about the way from yesterday's
targets, which are first shrunk into the limits of today: getting into these comes before turnover, so turnover may
stand above its limit only while it does nothing but shrink positions. Where a limit that is not convex breaks half-way,
the way is gone less far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.past import Past
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.exposures import NO_SECTORS, Portfolio
from portfolio_pipeline.core.risk.limits.cutting_room import ROUNDING, CuttingRoom, Weights
from portfolio_pipeline.core.risk.limits.limit import Caps, Figure, Limit
from portfolio_pipeline.core.risk.limits.registry import LIMITS

_HALVINGS = 30


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
    *,
    sectors: Mapping[str, str] = NO_SECTORS,
    pasts: Sequence[Past] | None = None,
) -> list[LimitedTargets]:
    """Cut each session's requested weights ([sessions, symbols]) into the limits, day after day.

    `previous` are the final weights of the session before; empty before the first, for the book starts in cash. `pasts`
    are those of each session.
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
    for row, past in zip(requested.tolist(), pasts or (None,) * len(requested), strict=True):
        wanted = dict(zip(symbols, row, strict=True))
        path.append(limit_session(wanted, asset_classes, caps, previous, sectors=sectors, past=past))
        previous = path[-1].weights
    return path


def limit_session(
    requested: Mapping[str, float],
    asset_classes: Mapping[str, str],
    caps: Caps,
    previous: Mapping[str, float],
    *,
    sectors: Mapping[str, str] = NO_SECTORS,
    past: Past | None = None,
) -> LimitedTargets:
    """One session: the weights nearest in direction to `requested` that hold every limit at once."""
    symbols = dict.fromkeys((*requested, *(symbol for symbol, weight in previous.items() if weight)))

    def shrunk_previous() -> Weights:
        held = {symbol: previous.get(symbol, 0.0) for symbol in symbols}
        start = CuttingRoom(held, asset_classes, sectors=sectors, past=past)
        _cut(start, caps, about_the_way=False)
        return start.weights

    wanted = {symbol: requested.get(symbol, 0.0) for symbol in symbols}
    room = CuttingRoom(wanted, asset_classes, previous, shrunk_previous, sectors, past)
    _cut(room, caps, about_the_way=False)
    end = dict(room.weights)
    _cut(room, caps, about_the_way=True)
    if room.weights != end:
        _go_less_far(room, caps)
    reasons = {symbol: "; ".join(why) for symbol, why in room.reasons.items()}
    return LimitedTargets(room.weights, tuple(room.breaches), reasons)


def _cut(room: CuttingRoom, caps: Caps, *, about_the_way: bool) -> None:
    for scales_all in (False, True):
        for limit in LIMITS.values():
            if (limit.about_the_way, limit.scales_all) == (about_the_way, scales_all):
                limit.cut(room, caps)


def _go_less_far(room: CuttingRoom, caps: Caps) -> None:
    """Stop on the way where those limits still hold that are not convex: at its start they do."""
    figures = _figures_not_convex(room.portfolio, caps)
    broken = [(limit, figure) for limit, figure in figures if figure.excess > ROUNDING]
    if not broken:
        return
    start, reached = room.shrunk_previous(), dict(room.weights)

    def on_the_way(part: float) -> Weights:
        return {symbol: start[symbol] + part * (weight - start[symbol]) for symbol, weight in reached.items()}

    near, far = 0.0, 1.0
    for _ in range(_HALVINGS):
        half = (near + far) / 2.0
        there = _figures_not_convex(room.portfolio_of(on_the_way(half)), caps)
        near, far = (half, far) if all(figure.excess <= ROUNDING for _, figure in there) else (near, half)
    for symbol, weight in on_the_way(near).items():
        if abs(weight - reached[symbol]) > ROUNDING:
            room.explain(symbol, broken[0][0].why(broken[0][1].subject, broken[0][1].cap))
        room.weights[symbol] = weight
    for limit, figure in broken:
        told = limit.breach(figure.subject, "cut", figure.found, figure.cap, f"trades scaled by {near:.4f}")
        room.breaches.append(told)


def _figures_not_convex(portfolio: Portfolio, caps: Caps) -> list[tuple[Limit, Figure]]:
    limits = (limit for limit in LIMITS.values() if not limit.convex)
    return [(limit, figure) for limit in limits for figure in limit.figures(portfolio, caps)]
