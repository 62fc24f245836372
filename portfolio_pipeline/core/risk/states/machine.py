"""From one session's standing to the next: breach, wait, cool-down, steps of re-entry. Pure, one session at a time.

normal -> liquidated / paused / reduced   the drawdown is above its limit; which, is the response of the rule
liquidated, paused -> cooling             paper is back at `recovery`
cooling -> liquidated, paused             it is not any more: the sessions have to be in a row
cooling -> re_entering                    after `cool_down` sessions
re_entering -> normal                     after the last step; -> liquidated, paused at a new breach
reduced -> normal                         paper is back at `recovery`

From any of them a person may begin the re-entry (`release`), or put another factor in force for a while (`override`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from portfolio_pipeline.core.risk.exposures import EPSILON
from portfolio_pipeline.core.risk.states.overrides import NONE_TAKEN, Overrides
from portfolio_pipeline.core.risk.states.settings import Response, Responses
from portfolio_pipeline.core.risk.states.standing import WITHOUT_RISK, Standing, State


@dataclass(frozen=True)
class Rule:
    """A limit on a drawdown, what breaking it leads to, and the settings of the way back."""

    name: str
    limit: float | None
    response: Response
    way_back: Responses

    @property
    def down(self) -> State:
        return "paused" if self.response == "pause" else "liquidated"

    def broken(self, fallen: float) -> bool:
        return self.limit is not None and fallen > self.limit + EPSILON

    def near(self, fallen: float) -> bool:
        return self.limit is not None and fallen > self.limit * self.way_back.warn_at


def next_standing(
    before: Standing,
    session: date,
    rule: Rule,
    equity: float,
    *,
    scope: str,
    overrides: Overrides = NONE_TAKEN,
    recovering: float | None = None,
) -> Standing:
    """The standing after a session at whose close the paper is worth `equity`.

    `recovering` is the drawdown that has to be back at `recovery`, where it is not the one that is limited: such an
    equity cannot recover by itself, and its peak begins anew with the re-entry.
    """
    reviewed = before.reviewed or overrides.reviewed(scope, session)
    now = replace(before, equity=equity, peak=max(before.peak, equity), reviewed=reviewed, reason="")
    released = overrides.released(scope, session)
    if released is not None and before.state != "normal":
        now = replace(_entering(now, 1, rule), peak=equity, reason=released.reason)
    else:
        now = _moved(now, rule, now.drawdown if recovering is None else recovering)
        if recovering is not None and now.state == "re_entering" and before.state == "cooling":
            now = replace(now, peak=equity)
    same = now.state == before.state and now.rule == before.rule
    since, sessions = (before.since or session, before.sessions + 1) if same else (session, 1)
    now = replace(now, since=since, sessions=sessions)
    factor, adds = _left(now, rule)
    forced = overrides.in_force(scope, session)
    if forced is not None and forced.factor is not None:
        factor, adds, now = forced.factor, forced.factor > 0.0, replace(now, reason=forced.reason)
    return replace(now, factor=factor, adds=adds, release=_release(now, rule))


def _moved(now: Standing, rule: Rule, recovering: float) -> Standing:
    recovered = recovering <= rule.way_back.recovery + EPSILON
    if rule.broken(now.drawdown) and now.state not in WITHOUT_RISK:
        return _answered(now, rule)
    match now.state:
        case "liquidated" | "paused" if recovered:
            return replace(now, state="cooling")
        case "cooling" if not recovered:
            return replace(now, state=rule.down)
        case "cooling" if now.sessions >= rule.way_back.cool_down:
            return _entering(now, 1, rule)
        case "re_entering" if now.sessions >= now.step * rule.way_back.step_sessions:
            return _entering(now, now.step + 1, rule)
        case "reduced" if recovered:
            return _normal(now)
    return now


def _answered(now: Standing, rule: Rule) -> Standing:
    """What the response makes of a breach."""
    if rule.response == "alert_only" or (now.state == "reduced" and now.rule == rule.name):
        return now
    state = rule.down if rule.response in ("liquidate", "pause") else "reduced"
    return replace(
        now, state=state, rule=rule.name, found=now.drawdown, limit=rule.limit, step=0, sessions=0, reviewed=False
    )


def _entering(now: Standing, step: int, rule: Rule) -> Standing:
    steps = rule.way_back.steps
    if step < steps:
        return replace(now, state="re_entering", step=step)
    if rule.way_back.review and not now.reviewed:  # everything but the last step
        return replace(now, state="re_entering", step=max(steps - 1, 0))
    return _normal(now)


def _normal(now: Standing) -> Standing:
    return Standing(equity=now.equity, peak=now.peak)


def _left(now: Standing, rule: Rule) -> tuple[float, bool]:
    """The part of the full risk that the state leaves, and whether anything may grow."""
    if now.state in WITHOUT_RISK:
        return 0.0, False
    if now.state == "re_entering":
        return now.step / rule.way_back.steps, True
    if now.state == "reduced":
        return (rule.way_back.scaled_to, True) if rule.response == "scale" else (1.0, False)
    return 1.0, True


def _release(now: Standing, rule: Rule) -> str:
    """What would lead on from here, in words."""
    way = rule.way_back
    back = f"a paper drawdown of {way.recovery:.4g} or less"
    match now.state:
        case "liquidated" | "paused":
            return f"{back} for {way.cool_down} sessions in a row"
        case "cooling":
            return f"{max(way.cool_down - now.sessions + 1, 1)} more sessions of {back}"
        case "reduced":
            return back
        case "re_entering" if way.review and not now.reviewed and now.step >= way.steps - 1:
            return "a review: portfolio risk review"
        case "re_entering":
            left = max(now.step * way.step_sessions - now.sessions + 1, 1)
            return f"{left} more sessions, then step {now.step + 1} of {way.steps}"
    return ""
