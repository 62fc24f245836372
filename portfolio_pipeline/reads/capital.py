"""What sharing out capital looks up beside paper returns: what people say by hand, what calls for a decision, and what
the session before left on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import ByHand, in_force
from portfolio_pipeline.core.portfolio.rebalancing.course import Standing
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.tables import MANUAL_SHARES, REBALANCE_DECISIONS, REGIME_TABLE
from portfolio_pipeline.ports import Reader


def said_by_hand(reader: Reader, sessions: SessionRange, strategies: Sequence[str]) -> ByHand:
    return in_force(reader.read(MANUAL_SHARES.name).to_pylist(), tuple(sessions), strategies)


def regime_changes(reader: Reader, sessions: SessionRange, rules: Rebalancing) -> Array | None:
    """Whether the regime is another one than at the session before; None where no trigger asks."""
    if not rules.needs_regimes:
        return None
    before = previous_session(sessions.first) or sessions.first
    rows = reader.read(REGIME_TABLE.name, SessionRange(before, sessions.last), columns=["session", "regime"])
    told = dict(zip(rows["session"].to_pylist(), rows["regime"].to_pylist(), strict=True))
    missing = [session for session in sessions if session not in told]
    if missing:
        raise DataError(
            "REGIMES_MISSING",
            missing_sessions=len(missing),
            first_missing=missing[0],
            remedy="Materialise regimes for these sessions first: the trigger `adaptive` looks at them.",
        )
    named = [told.get(before), *(told[session] for session in sessions if session != before)]
    changed = [None not in pair and pair[0] != pair[1] for pair in pairwise(named)]
    return np.array(changed if len(changed) == len(sessions) else [False, *changed], dtype=bool)


def standing_before(reader: Reader, weights: pd.DataFrame | None, strategies: Sequence[str]) -> Standing | None:
    """What the session before left: `weights` are its rows of strategy_weights, None where there was none."""
    if weights is None:
        return None
    by_name = weights.set_index("strategy")[["weight", "decided_weight", "drifted_weight"]].astype(float)
    held, decided, drifted = by_name.reindex(list(strategies)).to_numpy().T
    last = pd.Timestamp(weights["session"].iloc[0]).date()
    left = reader.read(REBALANCE_DECISIONS.name, SessionRange.single(last), columns=["steps_left"])["steps_left"]
    held = np.nan_to_num(held)
    return Standing(
        np.where(np.isnan(drifted), held, drifted),
        None if np.isnan(decided).all() else np.nan_to_num(decided),
        left[0].as_py() if len(left) else 0,
    )
