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
from dataclasses import dataclass, replace

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.risk.breaches import Breach
from portfolio_pipeline.core.risk.limits.cutting_room import CuttingRoom, Weights
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.limits.registry import LIMITS
from portfolio_pipeline.core.risk.states.standing import Standing


@dataclass(frozen=True)
class LimitedTargets:
    """One session's weights after limits, the cuts, and for each symbol that was cut the reason."""

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
    standings: Sequence[Standing] | None = None,
    eased: Sequence[bool] | None = None,
) -> list[LimitedTargets]:
    """Cut each session's requested weights ([sessions, symbols]) into the limits, day after day.

    `previous` are the final weights of the session before; empty before the first, for the book starts in cash.
    `standings` are the portfolio's states, which leave a part of what is asked for, and `eased` says in which sessions
    reductions pass the limits on the way; without them everything is normal.
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
    for place, row in enumerate(requested.tolist()):
        wanted, standing = dict(zip(symbols, row, strict=True)), standings[place] if standings else Standing()
        told = {}
        if standing.restricts:
            allowed = _allowed(wanted, previous, standing)
            told = {symbol: standing.told() for symbol, weight in wanted.items() if allowed[symbol] != weight}
            wanted = allowed
        limited = limit_session(wanted, asset_classes, caps, previous, eased=bool(eased and eased[place]))
        path.append(limited if not told else limited.because(told))
        previous = limited.weights
    return path


def limit_session(
    requested: Mapping[str, float],
    asset_classes: Mapping[str, str],
    caps: Caps,
    previous: Mapping[str, float],
    *,
    eased: bool = False,
) -> LimitedTargets:
    """One session: the weights nearest in direction to `requested` that hold every limit at once.

    `eased`: positions first become as small as requested, whatever limits the way; what it leaves is for the others.
    """
    symbols = dict.fromkeys((*requested, *(symbol for symbol, weight in previous.items() if weight)))

    def shrunk_previous() -> Weights:
        before = {symbol: previous.get(symbol, 0.0) for symbol in symbols}
        if eased:
            before = {symbol: no_larger(weight, requested.get(symbol, 0.0)) for symbol, weight in before.items()}
        start = CuttingRoom(before, asset_classes)
        _cut(start, caps, about_the_way=False)
        return start.weights

    room = CuttingRoom(
        {symbol: requested.get(symbol, 0.0) for symbol in symbols}, asset_classes, previous, shrunk_previous
    )
    _cut(room, caps, about_the_way=False)
    _cut(room, caps, about_the_way=True)
    reasons = {symbol: "; ".join(why) for symbol, why in room.reasons.items()}
    return LimitedTargets(room.weights, tuple(room.breaches), reasons)


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
    for limit in LIMITS.values():
        if limit.about_the_way == about_the_way:
            limit.cut(room, caps)
