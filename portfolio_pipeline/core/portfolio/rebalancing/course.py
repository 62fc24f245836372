"""The way of the shares from session to session: what calls for a decision, what is decided, how it is carried out.

Path-dependent: `Standing` is all that a session leaves to the next. What methods want and limits allow is found
elsewhere (`allocation`); here it is used, kept or refused.

`weight` of a session without a move is the share that was decided, to the bit: the books are brought to it at every
close (`core.books.strategy_books`), so nothing drifts by itself. What a share would have drifted to by the paper
returns since the last move, had no cash been moved between the books, is followed beside it (`drifted`).

Limits come first: where what is held is not allowed any more (a pause, a lock, other settings), it is moved as little
as they call for, whether a decision is due or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.portfolio.allocation.allowed import Allowed, nearest
from portfolio_pipeline.core.portfolio.rebalancing.benefit import Terms, cost, gain
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.portfolio.rebalancing.triggers import Signals
from portfolio_pipeline.core.risk.exposures import EPSILON

Kind = Literal["moved", "kept", "refused"]
RULE = "the rule"
_UNASKED = {"first", "manual", "after_breach"}
"""Nobody asks whether these are worth it."""


@dataclass(frozen=True, eq=False)
class Standing:
    """What a session leaves to the next. `goal` is what is on its way, None when nothing is; `drifted` as above."""

    drifted: Array
    goal: Array | None = None
    steps_left: int = 0


@dataclass(frozen=True)
class Decision:
    """What became of one session; fractions of the capital. Gain and costs are NaN where nobody asked for them."""

    kind: Kind
    trigger: tuple[str, ...]
    reason: str
    turnover: float
    costs: float
    expected_gain: float = math.nan
    who: str = RULE


@dataclass(frozen=True, eq=False)
class Choice:
    """What may be decided at a session: what is wanted, within which limits, and where that leads without a limit on
    the change of a day (`far`). Who is `barred` gets nothing of what is on its way."""

    wanted: Array
    allowed: Allowed
    far: Allowed
    barred: Array


class Course:
    """Follows the shares over the sessions of a range."""

    def __init__(self, rules: Rebalancing, signals: Signals | None, standing: Standing | None) -> None:
        self._rules, self._signals, self._standing = rules, signals, standing

    @property
    def standing(self) -> Standing:
        assert self._standing is not None
        return self._standing

    def go_on(self, row: int, returns: Array, choice: Choice, terms: Terms) -> tuple[Array, Decision]:
        """The shares of the session, and what was decided. `returns` are the paper returns of the session."""
        held = choice.allowed.held
        if held is None:
            shares = _nearest(choice.wanted, choice.allowed)
            self._standing = Standing(shares)
            nothing = np.zeros_like(shares)
            return shares, Decision("moved", ("first",), "the first session", *_sizes(nothing, shares, terms))
        standing = self._standing or Standing(held)
        standing = replace(standing, drifted=_drifted(standing.drifted, returns))
        trigger = self._trigger(row, standing.drifted, held)
        shares, standing, decision = self._decided(held, trigger, choice, standing, terms)
        if _may_stay(held, shares, choice.allowed):
            shares = held.copy()
            if decision.kind == "moved":
                decision = replace(decision, kind="kept", reason="what is held is what is wanted")
        else:
            standing = replace(standing, drifted=shares)
        turnover, costs = _sizes(held, shares, terms)
        whole = decision.costs if decision.kind == "refused" else costs
        who = self._signals.who[row] if self._signals is not None and self._signals.who else ""
        self._standing = standing
        return shares, replace(decision, turnover=turnover, costs=whole, who=who or RULE)

    def _trigger(self, row: int, drifted: Array, held: Array) -> tuple[str, ...]:
        if self._signals is None:
            return ("daily",)
        fired = self._signals.fired[row]
        return (*fired, "drift") if float(np.abs(drifted - held).max()) > self._signals.drift[row] else fired

    def _decided(
        self, held: Array, trigger: tuple[str, ...], choice: Choice, standing: Standing, terms: Terms
    ) -> tuple[Array, Standing, Decision]:
        rules, gained = self._rules, math.nan
        if trigger:
            if rules.decides_daily:
                shares = _nearest(choice.wanted, choice.allowed)
                return shares, replace(standing, goal=None), _moved(trigger)
            goal = _nearest(np.where(choice.barred, 0.0, choice.wanted), choice.far)
            if rules.cost_benefit and not _UNASKED & set(trigger):
                gained, whole = gain(held, goal, terms, rules), cost(held, goal, terms)
                if not gained >= rules.cost_multiple * whole:
                    shares, standing, otherwise = self._on_its_way(held, (), choice, standing)
                    told = f"a gain of {gained:.3%} is not {rules.cost_multiple:g} times its costs of {whole:.3%}"
                    told += f"; {otherwise.reason}" if otherwise.kind == "moved" else ""
                    return shares, standing, Decision("refused", trigger, told, 0.0, whole, gained)
            standing = replace(standing, goal=goal, steps_left=rules.steps)
        shares, standing, decision = self._on_its_way(held, trigger, choice, standing)
        return shares, standing, replace(decision, expected_gain=gained)

    def _on_its_way(
        self, held: Array, trigger: tuple[str, ...], choice: Choice, standing: Standing
    ) -> tuple[Array, Standing, Decision]:
        """The next step to what was decided, today or before; else what limits call for."""
        if standing.goal is None:
            return _as_limits_call_for(held, choice.allowed, standing)
        steps = max(standing.steps_left, 1)
        aim = standing.goal if steps == 1 else held + (standing.goal - held) / steps
        # Who is barred goes down by what limits allow, and nobody else gets that part.
        aim = np.where(choice.barred, choice.allowed.bounds.upper, aim)
        shares = _nearest(aim, choice.allowed)
        there = steps == 1 and any((np.abs(shares - end) <= EPSILON).all() for end in (aim, held))
        left = 0 if there else steps - 1
        standing = replace(standing, goal=None if there else standing.goal, steps_left=left)
        return shares, standing, _moved(trigger) if trigger else _moved((), "on the way to what was decided")


def _may_stay(held: Array, shares: Array, allowed: Allowed) -> bool:
    """Whether a move is none but for rounding, and nothing forbids to leave it."""
    bounds = allowed.bounds
    inside = (held >= bounds.lower).all() and (held <= bounds.upper).all()
    return bool(inside and (np.abs(shares - held) <= EPSILON).all())


def _as_limits_call_for(held: Array, allowed: Allowed, standing: Standing) -> tuple[Array, Standing, Decision]:
    bounds = allowed.bounds
    inside = (held >= bounds.lower - EPSILON).all() and (held <= bounds.upper + EPSILON).all()
    if inside and math.fsum(held) <= 1.0 + EPSILON and not allowed.broken(held, EPSILON):
        return held, standing, Decision("kept", (), "nothing called for a decision", 0.0, 0.0)
    return allowed.forced, standing, _moved(("limits",), "what was held is not within the limits any more")


def _moved(trigger: tuple[str, ...], reason: str = "") -> Decision:
    return Decision("moved", trigger, reason, 0.0, 0.0)


def _nearest(wanted: Array, allowed: Allowed) -> Array:
    total = math.fsum(wanted)
    return nearest(wanted, allowed, total if total <= 1.0 + EPSILON else 1.0)


def _sizes(before: Array, after: Array, terms: Terms) -> tuple[float, float]:
    """What is bought plus sold, and what that costs."""
    return math.fsum(np.abs(after - before)), cost(before, after, terms)


def _drifted(shares: Array, returns: Array) -> Array:
    """What shares become over a session when no cash moves between them; the rest earns what cash earns, which returns
    are above."""
    grown = shares * (1.0 + np.where(np.isnan(returns), 0.0, returns))
    whole = math.fsum(grown) + (1.0 - math.fsum(shares))
    return grown / whole if whole > 0.0 else shares
