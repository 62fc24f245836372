"""Whether the limits hold: one pure function for the targets, the book that planned orders would leave, and the tickets
just before they are sent.

What is done about a breach belongs to the callers; making weights fit, to `core.risk.cutting`.
"""

from __future__ import annotations

from collections.abc import Mapping

from portfolio_pipeline.core.market.past import Past
from portfolio_pipeline.core.risk.breaches import NEAR, ONLY_REPORTED, Breach, Severity
from portfolio_pipeline.core.risk.exposures import EPSILON, NO_SECTORS, Portfolio
from portfolio_pipeline.core.risk.limits.limit import PLACES, Caps, Figure, Limit
from portfolio_pipeline.core.risk.limits.registry import LIMITS


def check_limits(
    weights: Mapping[str, float],
    asset_classes: Mapping[str, str],
    caps: Caps,
    *,
    previous: Mapping[str, float] | None = None,
    tolerance: float | None = None,
    sectors: Mapping[str, str] = NO_SECTORS,
    past: Past | None = None,
    near: float | None = None,
) -> tuple[Breach, ...]:
    """Every limit that `weights` (fractions of equity by symbol) break, in a fixed order; empty when all hold.

    Targets: leave `tolerance` out and give yesterday's targets as `previous`. Limits are then strict and every breach
    blocks, but for turnover that only shrinks positions, which is a warning.

    Books (orders, submissions): give the book before the trades as `previous` (fractions of the same equity) and
    the settings' tolerance as `tolerance`: limits are wider by it, and a breach that the trades do not make worse is a
    warning, for what reduces risk must never be stopped.

    A weight that is no number blocks, and nothing else is said then. A symbol outside `asset_classes` is outside the
    universe: any weight in it is a breach. So is any in a class that the limits do not
    name.

    Of a limit that the settings only report, every breach is a warning.

    With `near`, a part of the limit, figures that hold theirs and are beyond that part of it come last, as warnings
    (`is_near`).
    """
    portfolio = Portfolio(weights, asset_classes, previous, sectors, past)
    undecided = [
        limit.breach(figure.subject, "block", figure.found, figure.cap)
        for limit, figure in _figures(portfolio, caps, decisive=True)
    ]
    if undecided:
        return tuple(undecided)
    figures = _figures(portfolio, caps)
    broken = [found for found in figures if _is_broken(*found, tolerance or 0.0)]
    before: dict[tuple[str, str], Figure] = {}
    if broken and tolerance is not None and previous is not None:
        book = Portfolio(previous, asset_classes, None, sectors, past)
        before = {(limit.name, figure.subject): figure for limit, figure in _figures(book, caps)}
    breaches = []
    for limit, figure in broken:
        only_told = caps.only_reports(limit.name)
        passes = only_told or limit.forgives(figure, before.get((limit.name, figure.subject)), portfolio)
        action = ONLY_REPORTED if only_told else ""
        severity: Severity = "warning" if passes else "block"
        breaches.append(limit.breach(figure.subject, severity, figure.found, figure.cap, action))
    if near is not None:
        breaches += [
            limit.breach(figure.subject, "warning", figure.found, figure.cap, NEAR)
            for limit, figure in figures
            if limit.excess(figure.found, near * figure.cap) > EPSILON and (limit, figure) not in broken
        ]
    return tuple(breaches)


def is_near(breach: Breach) -> bool:
    """Whether the limit holds, and a figure has only come near it."""
    return breach.action == NEAR


def _is_broken(limit: Limit, figure: Figure, tolerance: float) -> bool:
    # Written so that a figure that is no number counts as a breach.
    return not figure.excess <= EPSILON + limit.slack(figure.cap, tolerance)


def _figures(portfolio: Portfolio, caps: Caps, *, decisive: bool = False) -> list[tuple[Limit, Figure]]:
    """Subject by subject, from the symbols up to the portfolio."""
    limits = [limit for limit in LIMITS.values() if limit.decisive == decisive]
    figures = [(limit, figure) for limit in limits for figure in limit.figures(portfolio, caps)]
    return sorted(figures, key=lambda found: (PLACES.index(found[0].place), found[1].subject))
