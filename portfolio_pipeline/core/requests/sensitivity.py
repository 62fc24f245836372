"""How much each single parameter matters: a set, and what becomes of it when one of them at a time is changed.

All sets are judged beside one another at one session, on the same sessions: the score is that of the search, Sharpe
ratio, drawdown and turnover are those of all sessions that count. The error is that of the paired difference to the
base (`performance.paired`). What two parameters do together is not seen here. Sets that a constraint forbids are told
as such. A base that was chosen by its results stands on a peak of noise: its neighbours look worse than they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from portfolio_pipeline.core.errors import ConfigurationError, DataError
from portfolio_pipeline.core.performance.paired import sharpe_differences
from portfolio_pipeline.core.performance.windows import METRICS, Windows
from portfolio_pipeline.core.search.choice import minimum_sessions
from portfolio_pipeline.core.search.walk import Walk
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace, Range, Value

COLUMNS = (
    *("parameter", "value", "is_base", "score", "sharpe", "max_drawdown", "turnover"),
    *("difference", "difference_error"),
)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """`rows` (COLUMNS) are by parameter and value; figures are NaN for sets that are forbidden. Positions of the first
    session that counts and of the last."""

    base: Parameters
    rows: pd.DataFrame
    begin: int
    last: int


def sensitivity(walk: Walk, base: Parameters, last: int) -> Sensitivity:
    """Around a base, over the values of the walk's space, at the session at position `last`."""
    if not walk.space.optimisable:
        raise ConfigurationError(
            "NOTHING_VARIES", found="one value of every parameter", remedy="Give some with --space, as fast=20:100:20."
        )
    variants = [
        (name, value, _with(walk.space, base, name, value))
        for name in walk.space.optimisable
        for value in _values(walk.space, base, name)
    ]
    sets = [base, *(one for _, _, one in variants if one is not None)]
    walk.backtests.expect(len(set(sets)))
    pool = walk.pool(sets)
    scores = walk.scores(pool, last)
    if not scores.enough[0]:
        raise DataError(
            "RANGE_TOO_SHORT",
            found=f"{max(last - pool.begin + 1, 0)} sessions that every set has its indicators for",
            expected=f"{minimum_sessions(walk.search) + walk.search.holdout_sessions} or more",
            remedy="Ask for a longer range, or for shorter windows.",
        )
    tests, window = walk.backtests, last - pool.begin + 1
    seen = Windows(pool.net_return, pool.turnover, pool.begin, window, tests.traded_at)
    figures = dict(zip(METRICS, seen.metrics(np.array([last]), workers=tests.workers)[:, 0], strict=True))
    counted = pool.net_return[:, pool.begin : last + 1]
    differences, errors = sharpe_differences(counted, counted[pool.places[base]])
    rows = []
    for name, value, one in variants:
        place = None if one is None else pool.places[one]
        found = [scores.raw[0], figures["sharpe"], 0.0 - figures["deepest_fall"], figures["turnover"]]
        told = [np.nan if place is None else float(figure[place]) for figure in (*found, differences, errors)]
        rows.append([name, value, one == base, *told])
    return Sensitivity(base, pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": object}), pool.begin, last)


def _values(space: ParameterSpace, base: Parameters, name: str) -> list[Value]:
    """Those of the space, and the base's own in its place among them."""
    values, own = list(space.values[name]), getattr(base, name)
    if own not in values:
        values.append(own)
        if isinstance(space.model.domains()[name], Range):
            values.sort()
    return values


def _with(space: ParameterSpace, base: Parameters, name: str, value: Value) -> Parameters | None:
    if getattr(base, name) == value:
        return base
    return space.parameters(base.model_dump() | {name: value})
