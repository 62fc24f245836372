"""The states of the strategies over a range of sessions: their drawdowns on paper, and pairs that move as one.

A strategy's paper is its own book at full size, out of sample, which goes on whatever the states say. Of a pair whose
returns over WINDOW sessions correlate above the limit `correlation`, the one with the lower Sharpe ratio of the same
sessions takes no new capital until they are back at `correlation_alert`: pausing would flap between near-twins.

NaN policy: a NaN return is a session before the strategy had any: it stands where it stood, and is in no pair before it
has WINDOW returns. Correlations are of returns above cash. Time: the state of session t follows from returns up to t.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.risk.exposures import EPSILON
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.states.machine import Rule, next_standing
from portfolio_pipeline.core.risk.states.overrides import NONE_TAKEN, Overrides
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.core.risk.states.standing import Standing

STRATEGY_DRAWDOWN, CORRELATION, CORRELATION_ALERT = "strategy_drawdown", "correlation", "correlation_alert"
WINDOW = 63
_IDLE = 1e-4
"""Who moved no more than this in all of the sessions was in cash, and moves as nobody."""


def scope_of(strategy: str) -> str:
    return f"strategy:{strategy}"


def strategy_rule(caps: Caps, responses: Responses, tighter: float | None = None) -> Rule:
    """`tighter` is what the strategy's card says."""
    limits = [limit for limit in (_number(caps, STRATEGY_DRAWDOWN), tighter) if limit is not None]
    return Rule(STRATEGY_DRAWDOWN, min(limits, default=None), responses.strategy_drawdown, responses)


def strategies_path(
    before: Mapping[str, Standing],
    sessions: Sequence[date],
    returns: Array,
    above_cash: Array,
    names: Sequence[str],
    rules: Mapping[str, Rule],
    caps: Caps,
    responses: Responses,
    overrides: Overrides = NONE_TAKEN,
) -> list[dict[str, Standing]]:
    """Each strategy's standing after each session.

    `returns` and those `above_cash` are [sessions, strategies], end with the last of `sessions`, and begin WINDOW - 1
    sessions before the first, where there are so many. Who is not in `before` begins here.
    """
    limit, alert = _number(caps, CORRELATION), _number(caps, CORRELATION_ALERT)
    limit = None if responses.correlation == "alert_only" else limit
    now, path = dict(before), []
    first = len(returns) - len(sessions)
    for row, session in enumerate(sessions):
        stop = first + row + 1
        seen, gains = above_cash[max(0, stop - WINDOW) : stop], returns[stop - 1].tolist()
        twins = {} if limit is None else _worse_twins(seen, names, now, limit, alert)
        after: dict[str, Standing] = {}
        for place, name in enumerate(names):
            was, gain = now.get(name, Standing()), gains[place]
            was = was.normal() if was.rule == CORRELATION else was
            equity = was.equity * (1.0 if gain != gain else 1.0 + gain)
            standing = next_standing(was, session, rules[name], equity, scope=scope_of(name), overrides=overrides)
            if name in twins and standing.state == "normal" and not standing.reason:
                other, found = twins[name]
                release = f"a correlation with {other} of {limit if alert is None else alert:.4g} or less"
                standing = standing.held_by(CORRELATION, now.get(name), session, found, limit or 0.0, release)
                factor = 0.0 if responses.correlation == "pause" else 1.0
                standing = replace(standing, factor=factor, adds=False)
            after[name] = standing
        path.append(after)
        now = after
    return path


def _worse_twins(
    seen: Array, names: Sequence[str], now: Mapping[str, Standing], limit: float, alert: float | None
) -> dict[str, tuple[str, float]]:
    """Who is the lower-scored of a pair that moves as one: with whom, and how much.

    Who is held back already stays so until the pair is at the alert, whoever did better since.
    """
    known = np.flatnonzero(~np.isnan(seen).any(axis=0)) if len(seen) == WINDOW else np.empty(0, dtype=int)
    if len(known) < 2:
        return {}
    # Bits must not depend on who else there is: each strategy is standardised by itself, each pair multiplied alone.
    centred = [np.ascontiguousarray(seen[:, place]) for place in known]
    means = [float(column.mean()) for column in centred]
    centred = [column - mean for column, mean in zip(centred, means, strict=True)]
    sizes = [float(np.sqrt((column * column).sum())) for column in centred]
    scores = [mean / size if size > 0 else 0.0 for mean, size in zip(means, sizes, strict=True)]
    found: dict[str, tuple[str, float]] = {}
    for one in range(len(known)):
        for other in range(one):
            if min(sizes[one], sizes[other]) <= _IDLE:
                continue
            alike = float((centred[one] * centred[other]).sum()) / (sizes[one] * sizes[other])
            worse, better = (one, other) if scores[one] < scores[other] else (other, one)
            held = [place for place in (one, other) if _is_held(now.get(names[known[place]]))]
            if len(held) == 1 and held[0] != worse:
                worse, better = better, worse
            name, twin = names[known[worse]], names[known[better]]
            bound = min(alert, limit) if held and alert is not None else limit
            if alike > bound + EPSILON and alike > found.get(name, ("", -1.0))[1]:
                found[name] = (twin, alike)
    return found


def _is_held(standing: Standing | None) -> bool:
    return standing is not None and standing.rule == CORRELATION


def _number(caps: Caps, name: str) -> float | None:
    value = caps.value(name)
    assert value is None or isinstance(value, float | int)
    return value
