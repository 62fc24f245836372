"""Settings that cannot be: names that nobody has, and limits that clash with each other, told with their figures.

What is only impossible on some days, because of a lock or a pause, is not told here: limits give way then (`allowed`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.registry import near
from portfolio_pipeline.core.risk.exposures import EPSILON
from portfolio_pipeline.core.weighing.quadratic import minimise

CLASSES = ("equity", "bond", "commodity", "real_estate", "several")
"""What a strategy may be of, for the budgets of risk."""


def require_possible(strategies: Sequence[str], active: Sequence[str], settings: Allocation) -> None:
    """Refuse settings that `active` strategies, of all there are, cannot have together."""
    refuse_unknown_names(strategies, settings)
    if not active:
        return
    fixed, kept = settings.fixed, settings.kept_while_invested
    lower, upper = np.array([settings.bounds_of(name) for name in active]).T
    for place, name in enumerate(active):
        if name in fixed:
            lower[place] = upper[place] = fixed[name]
        elif name in kept:
            lower[place], upper[place] = 0.0, 1.0
    if math.fsum(lower) > 1.0 + EPSILON:
        _refuse("minimum", f"{_sum(lower)} of the active strategies", "at most 1")
    if settings.fully_invested and math.fsum(upper) < 1.0 - EPSILON:
        _refuse("maximum", f"{_sum(upper)} of the active strategies", "1 or more, to be fully_invested")
    for name, group in settings.groups.items():
        inside = np.array([strategy in group.strategies for strategy in active])
        if math.fsum(lower[inside]) > group.maximum + EPSILON:
            found = f"smallest shares of its strategies, {_sum(lower[inside])}"
            _refuse(f"groups.{name}.maximum", found, f"at most {group.maximum:g}")
        if inside.any() and math.fsum(upper[inside]) < group.minimum - EPSILON:
            found = f"largest shares of its strategies, {_sum(upper[inside])}"
            _refuse(f"groups.{name}.minimum", found, f"{group.minimum:g} or more")
    if settings.groups and not _together(active, lower, upper, settings):
        told = "; ".join(f"{name} {group.minimum:g} to {group.maximum:g}" for name, group in settings.groups.items())
        whole = "1, to be fully_invested" if settings.fully_invested else "at most 1"
        _refuse("groups", f"{told}, smallest shares {_sum(lower)}, largest {_sum(upper)}", f"shares of {whole}")


def refuse_unknown_names(strategies: Sequence[str], settings: Allocation) -> None:
    named = {
        "static": settings.static,
        "locked": settings.locked,
        "bounds": settings.bounds,
        **{f"groups.{name}": group.strategies for name, group in settings.groups.items()},
    }
    for section, names in named.items():
        _refuse_unknown(f"allocation.{section}", names, strategies)
    _refuse_unknown("allocation.risk_budgets", settings.risk_budgets, (*strategies, *CLASSES))


def _refuse_unknown(section: str, names: object, known: Sequence[str]) -> None:
    unknown = sorted(set(names) - set(known))  # type: ignore[call-overload]
    if unknown:
        raise ConfigurationError(
            "UNKNOWN_STRATEGY",
            found=f"{section}: {', '.join(unknown)}",
            expected=", ".join(known) + near(unknown[0], known),
            remedy="Mend the names in portfolio.yaml.",
        )


def _together(active: Sequence[str], lower: np.ndarray, upper: np.ndarray, settings: Allocation) -> bool:
    size = len(active)
    groups = settings.groups.values()
    members = np.array([[float(name in group.strategies) for name in active] for group in groups])
    there = members.any(axis=1)
    members, least = members[there], np.array([group.minimum for group in groups])[there]
    most = np.array([group.maximum for group in groups])[there]
    rows = np.vstack([-np.eye(size), np.eye(size), -members, members, np.ones(size), -np.ones(size)])
    invested = 1.0 if settings.fully_invested else 0.0
    bounds = np.concatenate([-lower, upper, -least, most, [1.0, -invested]])
    return minimise(np.eye(size), (lower + upper) / 2.0, rows, bounds + EPSILON) is not None


def _sum(shares: np.ndarray) -> str:
    """As 11 x 0.1 = 1.1, or share by share."""
    if len(set(shares.tolist())) == 1:
        told = f"{len(shares)} x {shares[0]:g}"
    else:
        told = " + ".join(f"{share:g}" for share in shares)
    return f"{told} = {math.fsum(shares):g}"


def _refuse(entry: str, found: str, expected: str) -> None:
    raise ConfigurationError(
        "ALLOCATION_IMPOSSIBLE",
        entry=f"allocation.{entry}",
        found=found,
        expected=expected,
        remedy="Mend portfolio.yaml (what it leaves out, its preset says), or make fewer or more strategies active.",
    )
