"""The portfolio's state over a range of sessions: from what its targets earn on paper, as if no state had cut them.

Paper trades the targets after limits and before responses (`unresponded_weight`) at the open after each close, with
costs, and goes on from the session before. Time: the state of session t follows from the targets decided before it and
prices up to t; it is in force for what is decided at t's close. Summed symbol by symbol, so that a symbol of weight 0,
which only a range knows of, changes no bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.performance.paper_gap import EARLIER, traded_exactly
from portfolio_pipeline.core.risk.cutting import LimitedTargets
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.limits.limit import Caps
from portfolio_pipeline.core.risk.states.machine import Rule, next_standing
from portfolio_pipeline.core.risk.states.overrides import NONE_TAKEN, Overrides
from portfolio_pipeline.core.risk.states.settings import Responses
from portfolio_pipeline.core.risk.states.standing import Standing

DRAWDOWN = "drawdown"


def paper_returns(weights: Array, opens: Array, closes: Array, cash_return: Array, cost_rate: float) -> Array:
    """What `weights` [EARLIER sessions and those asked for, symbols] earn in each session asked for.

    Weights of sessions before the first of all are 0. Prices may begin earlier, and end with the weights.
    """
    more = len(closes) - len(weights)
    known = np.concatenate([np.zeros((more, weights.shape[1])), weights])
    return traded_exactly(known, opens, closes, cash_return, cost_rate)[more + EARLIER :]


def portfolio_rule(caps: Caps, responses: Responses) -> Rule:
    limit = caps.value(DRAWDOWN)
    assert limit is None or isinstance(limit, float | int)
    return Rule(DRAWDOWN, limit, responses.drawdown, responses)


def portfolio_path(
    before: Standing | None,
    sessions: Sequence[date],
    earned: Array,
    rule: Rule,
    overrides: Overrides = NONE_TAKEN,
) -> list[Standing]:
    """The standing after each session. `before` is None before the very first, when nothing has happened yet."""
    standing, path = before or Standing(), []
    for session, gain in zip(sessions, earned.tolist(), strict=True):
        standing = standing if standing.rule in ("", rule.name) else standing.normal()
        equity = standing.equity * (1.0 + gain)
        standing = next_standing(standing, session, rule, equity, scope=PORTFOLIO, overrides=overrides)
        path.append(standing)
    return path


def with_cuts(
    before: Standing | None, sessions: Sequence[date], path: Sequence[Standing], limited: Sequence[LimitedTargets]
) -> list[Standing]:
    """The same standings; `reduced` where nothing but a limit of high gravity has scaled the session's targets."""
    told: list[Standing] = []
    for session, standing, targets in zip(sessions, path, limited, strict=True):
        grave = [cut for cut in targets.cuts if cut.gravity == "high" and cut.severity == "cut"]
        if grave and standing.state == "normal":
            cut, was = grave[0], told[-1] if told else before
            found, limit = cut.found or 0.0, cut.limit or 0.0
            release = f"{cut.rule} of what is asked for at {limit:.4g} or less"
            told.append(standing.held_by(cut.rule, was, session, found, limit, release))
        else:
            told.append(standing)
    return told
