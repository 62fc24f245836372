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
from dataclasses import dataclass, replace

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.past import Past
from portfolio_pipeline.core.risk.adaptation import Factors, adapted
from portfolio_pipeline.core.risk.breaches import ONLY_REPORTED, Breach
from portfolio_pipeline.core.risk.exposures import NO_SECTORS, Portfolio
from portfolio_pipeline.core.risk.limits.cutting_room import ROUNDING, CuttingRoom, Weights
from portfolio_pipeline.core.risk.limits.limit import Caps, Figure, Limit
from portfolio_pipeline.core.risk.limits.registry import LIMITS
from portfolio_pipeline.core.risk.states.standing import Standing

_HALVINGS = 30


@dataclass(frozen=True)
class LimitedTargets:
    """One session's weights after limits, the cuts and what is only told, and why each symbol was cut."""

    weights: Weights
    cuts: tuple[Breach, ...]
    reasons: Mapping[str, str]

    def because(self, told: Mapping[str, str]) -> LimitedTargets:
        """The same, with what came before the limits told first."""
        both = {
            symbol: "; ".join(filter(None, (told.get(symbol), self.reasons.get(symbol))))
            for symbol in dict.fromkeys((*told, *self.reasons))
        }
        return replace(self, reasons=both)


def limit_path(
    requested: Array,
    symbols: Sequence[str],
    asset_classes: Mapping[str, str],
    caps: Caps,
    previous: Mapping[str, float],
    *,
    sectors: Mapping[str, str] = NO_SECTORS,
    pasts: Sequence[Past] | None = None,
    adaptations: Sequence[Factors] | None = None,
    standings: Sequence[Standing] | None = None,
    eased: Sequence[bool] | None = None,
) -> list[LimitedTargets]:
    """Cut each session's requested weights ([sessions, symbols]) into the limits, day after day.

    `previous` are the final weights of the session before; empty before the first, for the book starts in cash. `pasts`
    are those of each session. `adaptations` to the regime and `standings`, the portfolio's states, leave a part of what
    is asked for, and `eased` says in which sessions reductions pass the limits on the way; without them everything is
    normal.
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
    listed: Sequence[Past | None] = pasts or (None,) * len(requested)
    for place, (row, past) in enumerate(zip(requested.tolist(), listed, strict=True)):
        wanted, standing = dict(zip(symbols, row, strict=True)), standings[place] if standings else Standing()
        told: dict[str, str] = {}
        if adaptations is not None:
            wanted, told = adapted(wanted, adaptations[place])
        if standing.restricts:
            allowed = _allowed(wanted, previous, standing)
            for symbol in (symbol for symbol, weight in wanted.items() if allowed[symbol] != weight):
                told[symbol] = "; ".join(filter(None, (told.get(symbol), standing.told())))
            wanted = allowed
        ease = bool(eased and eased[place])
        limited = limit_session(wanted, asset_classes, caps, previous, sectors=sectors, past=past, eased=ease)
        path.append(limited if not told else limited.because(told))
        previous = limited.weights
    return path


def limit_session(
    requested: Mapping[str, float],
    asset_classes: Mapping[str, str],
    caps: Caps,
    previous: Mapping[str, float],
    *,
    sectors: Mapping[str, str] = NO_SECTORS,
    past: Past | None = None,
    eased: bool = False,
) -> LimitedTargets:
    """One session: the weights nearest in direction to `requested` that hold every limit at once.

    `eased`: positions first become as small as requested, whatever limits the way; what it leaves is for the others.
    """
    symbols = dict.fromkeys((*requested, *(symbol for symbol, weight in previous.items() if weight)))

    def shrunk_previous() -> Weights:
        held = {symbol: previous.get(symbol, 0.0) for symbol in symbols}
        if eased:
            held = {symbol: no_larger(weight, requested.get(symbol, 0.0)) for symbol, weight in held.items()}
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
    return LimitedTargets(room.weights, (*room.breaches, *_reported(room, caps)), reasons)


def no_larger(weight: float, than: float) -> float:
    """`weight`, but at most as large as `than` and on its side: nothing, if that is the other one."""
    if weight * than <= 0.0:
        return 0.0
    return weight if abs(weight) <= abs(than) else than


def _allowed(wanted: Weights, previous: Mapping[str, float], standing: Standing) -> Weights:
    """The part of what is asked for that a state leaves."""
    left = {symbol: weight * standing.factor for symbol, weight in wanted.items()}
    if standing.adds or not standing.factor:
        return left
    return {symbol: no_larger(weight, previous.get(symbol, 0.0)) for symbol, weight in left.items()}


def _cut(room: CuttingRoom, caps: Caps, *, about_the_way: bool) -> None:
    for scales_all in (False, True):
        for limit in LIMITS.values():
            its_turn = (limit.about_the_way, limit.scales_all) == (about_the_way, scales_all)
            if its_turn and not caps.only_reports(limit.name):
                limit.cut(room, caps)


def _reported(room: CuttingRoom, caps: Caps) -> list[Breach]:
    """What breaks limits of which the settings ask for no more than to be told."""
    limits = [limit for limit in LIMITS.values() if caps.only_reports(limit.name)]
    return [
        limit.breach(figure.subject, "warning", figure.found, figure.cap, ONLY_REPORTED)
        for limit in limits
        for figure in limit.figures(room.portfolio, caps)
        if figure.excess > ROUNDING
    ]


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
    limits = (limit for limit in LIMITS.values() if not limit.convex and not caps.only_reports(limit.name))
    return [(limit, figure) for limit in limits for figure in limit.figures(portfolio, caps)]
