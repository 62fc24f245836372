"""Whether targets keep to a state: asked again, of what is stored, by whoever is about to trade on them."""

from __future__ import annotations

from collections.abc import Mapping

from portfolio_pipeline.core.risk.exposures import EPSILON
from portfolio_pipeline.core.risk.states.machine import Rule
from portfolio_pipeline.core.risk.states.standing import Standing


def beyond(
    weights: Mapping[str, float], requested: Mapping[str, float], previous: Mapping[str, float], standing: Standing
) -> list[tuple[str, float, float]]:
    """The weights that are larger than `standing` allows: symbol, weight, and the largest allowed.

    In a restricted session a position is at most the allowed part of what was asked for; reductions come at once, so
    nothing may be left standing from `previous` above it. Where nothing may be added, it is at most what it was.
    """
    if not standing.restricts:
        return []
    found = []
    for symbol, weight in sorted(weights.items()):
        most = standing.factor * abs(requested.get(symbol, 0.0))
        if not standing.adds:
            most = min(most, abs(previous.get(symbol, 0.0)))
        if not abs(weight) <= most + EPSILON:
            found.append((symbol, weight, most))
    return found


def same_standing(stored: Standing, expected: Standing, rule: Rule) -> bool:
    """Whether a stored row is what its paper leads to; what limits of the session have reduced leads on as normal."""
    if stored.state == "reduced" and stored.rule != rule.name:
        return expected.state == "normal" and stored.normal() == expected.normal() and stored.factor == expected.factor
    return stored == expected
