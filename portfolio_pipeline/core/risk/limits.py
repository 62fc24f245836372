"""The risk limits as one pure function: which limits a set of weights breaks, and how badly.

The same function judges the targets, the book that the planned orders would leave, and the tickets just before they are
sent. Cutting weights until they fit belongs in `targets`; what is done about a breach belongs to the callers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from portfolio_pipeline.core.risk.settings import Limits

Rule = Literal["finite", "universe", "symbol", "asset_class", "gross", "net", "net_minimum", "turnover"]
Severity = Literal["warning", "block"]

PORTFOLIO = "portfolio"
EPSILON = 1e-9
"""How far a figure may stand past its limit through rounding alone."""


@dataclass(frozen=True)
class Breach:
    """A limit that does not hold: for a symbol, an asset class, or the portfolio."""

    subject: str
    rule: Rule
    found: float
    limit: float
    severity: Severity

    def __str__(self) -> str:
        return f"{self.rule.upper()}_LIMIT: subject={self.subject}, found={self.found:.6g}, limit={self.limit:.6g}"


@dataclass(frozen=True)
class Exposures:
    """Sums of weights, exactly rounded, so that neither order nor zero weights change a bit."""

    gross: float
    net: float
    by_class: Mapping[str, float]  # absolute exposure of each asset class


@dataclass(frozen=True)
class _Figure:
    """A measured figure beside its limit; `excess` is how far it stands on the wrong side."""

    subject: str
    rule: Rule
    found: float
    limit: float
    excess: float
    tolerated: bool  # whether prices may carry a book past it


def exposures(weights: Mapping[str, float], asset_classes: Mapping[str, str]) -> Exposures:
    """Gross, net and per-class absolute exposure. A symbol without an asset class counts in gross and net only."""
    members: dict[str, list[float]] = {}
    for symbol, weight in weights.items():
        if symbol in asset_classes:
            members.setdefault(asset_classes[symbol], []).append(abs(weight))
    return Exposures(
        gross=math.fsum(abs(weight) for weight in weights.values()),
        net=math.fsum(weights.values()),
        by_class={name: math.fsum(values) for name, values in members.items()},
    )


def turnover(weights: Mapping[str, float], previous: Mapping[str, float]) -> float:
    """Bought plus sold on the way from `previous` to `weights`, as a fraction of equity."""
    symbols = dict.fromkeys((*weights, *previous))
    return math.fsum(abs(weights.get(symbol, 0.0) - previous.get(symbol, 0.0)) for symbol in symbols)


def check_limits(
    weights: Mapping[str, float],
    asset_classes: Mapping[str, str],
    limits: Limits,
    *,
    previous: Mapping[str, float] | None = None,
    tolerance: float | None = None,
) -> tuple[Breach, ...]:
    """Every limit that `weights` (fractions of equity by symbol) break, in a fixed order; empty when all hold.

    Targets: leave `tolerance` out and give yesterday's targets as `previous`. Limits are then strict and every breach
    blocks, but for turnover that only shrinks positions, which is a warning.

    Books (orders, submissions): give the book before the trades as `previous` (fractions of the same equity) and
    `limits.tolerance` as `tolerance`: limits are wider by it, and a breach that the trades do not make worse is a
    warning, for what reduces risk must never be stopped.

    A weight that is no number blocks, and nothing else is said then. A symbol outside `asset_classes` is outside the
    universe: any weight in it is a breach. Asset classes without a limit are not limited.
    """
    broken = tuple(
        Breach(symbol, "finite", weight, 0.0, "block")
        for symbol, weight in sorted(weights.items())
        if not math.isfinite(weight)
    )
    if broken:
        return broken
    is_book = tolerance is not None
    before: dict[tuple[str, str], float] = {}
    if is_book and previous is not None:
        before = {(f.subject, f.rule): f.excess for f in _figures(previous, asset_classes, limits)}
    breaches = []
    for figure in _figures(weights, asset_classes, limits):
        if figure.excess <= EPSILON + (tolerance or 0.0) * figure.tolerated:
            continue
        no_worse = figure.excess <= before.get((figure.subject, figure.rule), -math.inf) + EPSILON
        severity: Severity = "warning" if no_worse else "block"
        breaches.append(Breach(figure.subject, figure.rule, figure.found, figure.limit, severity))
    if previous is not None:
        traded = turnover(weights, previous)
        # Written so that a previous weight that is no number counts as a breach.
        if not traded <= limits.turnover + EPSILON + (tolerance or 0.0):
            severity = "warning" if only_shrinks(weights, previous) else "block"
            breaches.append(Breach(PORTFOLIO, "turnover", traded, limits.turnover, severity))
    return tuple(breaches)


def only_shrinks(weights: Mapping[str, float], previous: Mapping[str, float]) -> bool:
    """Whether every position is at most as large as before, and none has changed sides."""
    return all(
        abs(weight) <= abs(previous.get(symbol, 0.0)) + EPSILON and weight * previous.get(symbol, 0.0) >= -(EPSILON**2)
        for symbol, weight in weights.items()
    )


def _figures(weights: Mapping[str, float], asset_classes: Mapping[str, str], limits: Limits) -> Iterator[_Figure]:
    for symbol, weight in sorted(weights.items()):
        size = abs(weight)
        if symbol not in asset_classes:
            yield _Figure(symbol, "universe", size, 0.0, size, tolerated=False)
        yield _Figure(symbol, "symbol", size, limits.symbol, size - limits.symbol, tolerated=True)
    total = exposures(weights, asset_classes)
    for name, cap in sorted(limits.asset_class.items()):
        size = total.by_class.get(name, 0.0)
        yield _Figure(name, "asset_class", size, cap, size - cap, tolerated=True)
    yield _Figure(PORTFOLIO, "gross", total.gross, limits.gross, total.gross - limits.gross, tolerated=True)
    yield _Figure(PORTFOLIO, "net", total.net, limits.net, total.net - limits.net, tolerated=True)
    floor = limits.net_minimum
    yield _Figure(PORTFOLIO, "net_minimum", total.net, floor, floor - total.net, tolerated=True)
