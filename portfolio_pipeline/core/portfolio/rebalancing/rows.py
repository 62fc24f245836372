"""Rows of rebalance_decisions and allocation_inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, long
from portfolio_pipeline.core.portfolio.allocation.allocate import Shares
from portfolio_pipeline.core.portfolio.rebalancing.inputs import inputs


def decision_rows(days: Array, strategies: Sequence[str], method: str, shares: Shares) -> pd.DataFrame:
    after = [_by_name(strategies, row) for row in shares.weight.tolist()]
    before = [None if np.isnan(row).all() else _by_name(strategies, row.tolist()) for row in shares.previous]
    made = shares.decisions
    return pd.DataFrame(
        {
            "session": days.astype("datetime64[s]"),
            "trigger": [",".join(one.trigger) for one in made],
            "method": method,
            "decision": [one.kind for one in made],
            "reason": [one.reason for one in made],
            "expected_gain": [one.expected_gain for one in made],
            "costs": [one.costs for one in made],
            "turnover": [one.turnover for one in made],
            "steps_left": list(shares.steps_left),
            "shares_before": before,
            "shares_after": after,
            "who": [one.who for one in made],
        }
    )


def input_rows(days: Array, strategies: Sequence[str], returns: Array) -> pd.DataFrame:
    return long(days, strategies, by="strategy", **inputs(returns, len(days)))


def _by_name(strategies: Sequence[str], shares: Sequence[float]) -> str:
    found: Mapping[str, float] = dict(zip(strategies, shares, strict=True))
    return json.dumps(found)
