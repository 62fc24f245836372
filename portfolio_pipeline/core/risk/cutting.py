"""Weights cut until every limit holds.

Which limits there are, and whether they hold, is asked of `limits`. Path-dependent: the turnover limit starts from the
session before. Reading and writing tables does not belong here.

How weights are cut, in this order; every step only shrinks weights, so what an earlier step reached stays reached:
outside the universe -> 0; symbols clipped to their cap; asset classes scaled to theirs; everything scaled to gross; the
longs scaled to net, the shorts to the net minimum; and last the way from yesterday's targets is cut to the turnover
limit, all trades by the same factor. Yesterday's targets are first shrunk into the limits of today: that comes before
turnover, so turnover may stand above its limit only while it does nothing but shrink positions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.risk.limits import PORTFOLIO, Rule, exposures, turnover
from portfolio_pipeline.core.risk.settings import Limits

Weights = dict[str, float]

ONLY_SHRINKS = "left above the limit: the trades only bring yesterday's targets into the limits"
_ROUNDING = 1e-12
"""What scaling to a limit may leave above it; far below the rounding that `check_limits` forgives."""


@dataclass(frozen=True)
class Cut:
    """A limit that the requested weights would have broken, and what was done."""

    subject: str
    rule: Rule
    found: float
    limit: float
    action: str


@dataclass(frozen=True)
class LimitedTargets:
    """One session's weights after limits, the cuts, and for each symbol that was cut the reason."""

    weights: Weights
    cuts: tuple[Cut, ...]
    reasons: Mapping[str, str]


def limit_path(
    requested: Array,
    symbols: Sequence[str],
    asset_classes: Mapping[str, str],
    limits: Limits,
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
        path.append(limit_session(wanted, asset_classes, limits, previous))
        previous = path[-1].weights
    return path


def limit_session(
    requested: Mapping[str, float], asset_classes: Mapping[str, str], limits: Limits, previous: Mapping[str, float]
) -> LimitedTargets:
    """One session: the weights nearest in direction to `requested` that hold every limit at once."""
    symbols = dict.fromkeys((*requested, *(symbol for symbol, weight in previous.items() if weight)))
    cutter = _Cutter({symbol: requested.get(symbol, 0.0) for symbol in symbols}, asset_classes, limits)
    cutter.shrink()
    if turnover(cutter.weights, previous) > limits.turnover + _ROUNDING:
        start = _Cutter({symbol: previous.get(symbol, 0.0) for symbol in symbols}, asset_classes, limits)
        start.shrink()
        cutter.slow_down(start.weights, previous)
    reasons = {symbol: "; ".join(why) for symbol, why in cutter.reasons.items()}
    return LimitedTargets(cutter.weights, tuple(cutter.cuts), reasons)


class _Cutter:
    """Weights on their way into the limits, with a record of every cut."""

    def __init__(self, weights: Weights, asset_classes: Mapping[str, str], limits: Limits) -> None:
        self.weights = weights
        self.cuts: list[Cut] = []
        self.reasons: dict[str, list[str]] = {}
        self._classes = asset_classes
        self._limits = limits

    def shrink(self) -> None:
        """Every limit but turnover."""
        limits = self._limits
        for symbol, weight in self.weights.items():
            if symbol not in self._classes:
                self._clip(symbol, "universe", weight, 0.0, "outside the universe")
            else:
                self._clip(symbol, "symbol", weight, limits.symbol, f"symbol limit {limits.symbol:g}")
        by_class = exposures(self.weights, self._classes).by_class
        for name, cap in sorted(limits.asset_class.items()):
            found = by_class.get(name, 0.0)
            if found > cap + _ROUNDING:
                members = [symbol for symbol in self.weights if self._classes.get(symbol) == name]
                self._scale(name, "asset_class", members, found, cap, found, cap, f"{name} limit {cap:g}")
        gross = exposures(self.weights, self._classes).gross
        why = f"gross limit {limits.gross:g}"
        self._scale(PORTFOLIO, "gross", list(self.weights), gross, limits.gross, gross, limits.gross, why)
        longs = [symbol for symbol, weight in self.weights.items() if weight > 0]
        shorts = [symbol for symbol, weight in self.weights.items() if weight < 0]
        long = math.fsum(self.weights[symbol] for symbol in longs)
        short = -math.fsum(self.weights[symbol] for symbol in shorts)
        why = f"net limit {limits.net:g}"
        self._scale(PORTFOLIO, "net", longs, long, limits.net + short, long - short, limits.net, why)
        floor = limits.net_minimum
        why = f"net minimum {floor:g}"
        self._scale(PORTFOLIO, "net_minimum", shorts, short, long - floor, long - short, floor, why)

    def slow_down(self, start: Weights, previous: Mapping[str, float]) -> None:
        """Cut the way from yesterday's targets, which is above the turnover limit, to that limit.

        `start` are yesterday's targets shrunk into today's limits. Both ends hold every other limit, and these are
        convex: every point between the two holds them too.
        """
        found, limit = turnover(self.weights, previous), self._limits.turnover
        left = max(limit - turnover(start, previous), 0.0)
        way = turnover(self.weights, start)
        if way <= left:
            self.cuts.append(Cut(PORTFOLIO, "turnover", found, limit, ONLY_SHRINKS))
            return
        part = left / way
        for symbol, weight in self.weights.items():
            base = start[symbol]
            if abs(weight - base) > _ROUNDING:
                self._explain(symbol, f"turnover limit {limit:g}")
            self.weights[symbol] = base + part * (weight - base)
        self.cuts.append(Cut(PORTFOLIO, "turnover", found, limit, f"trades scaled by {part:.4f}"))

    def _clip(self, symbol: str, rule: Rule, weight: float, cap: float, why: str) -> None:
        if abs(weight) > cap + _ROUNDING * (cap > 0):
            self.weights[symbol] = math.copysign(cap, weight) if cap else 0.0
            self._explain(symbol, why)
            self.cuts.append(Cut(symbol, rule, abs(weight), cap, f"clipped to {self.weights[symbol]:.4f}"))

    def _scale(
        self,
        subject: str,
        rule: Rule,
        members: Sequence[str],
        size: float,
        room: float,
        found: float,
        limit: float,
        why: str,
    ) -> None:
        """Scale `members`, which together are `size`, into `room`; `found` and `limit` are what the rule speaks of."""
        if size <= room + _ROUNDING:
            return
        factor = max(room, 0.0) / size
        for symbol in members:
            if self.weights[symbol]:
                self.weights[symbol] *= factor
                self._explain(symbol, why)
        self.cuts.append(Cut(subject, rule, found, limit, f"scaled by {factor:.4f}"))

    def _explain(self, symbol: str, why: str) -> None:
        self.reasons.setdefault(symbol, []).append(why)
