"""What sharing out capital looks up: paper returns, who may have how much, what people say by hand, what calls for a
decision, and what the session before left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, spread, spreading
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, as_days, previous_session
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.cash import above_cash
from portfolio_pipeline.core.portfolio.capital import Before, Capital, Granted
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import ByHand, in_force
from portfolio_pipeline.core.portfolio.rebalancing.course import Standing
from portfolio_pipeline.core.portfolio.rebalancing.inputs import WINDOW
from portfolio_pipeline.core.portfolio.rebalancing.settings import Rebalancing
from portfolio_pipeline.core.portfolio.rebalancing.triggers import Signals, signals_of, with_less_capital
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import (
    MANUAL_SHARES,
    REBALANCE_DECISIONS,
    REGIME_TABLE,
    STRATEGY_RETURNS,
    STRATEGY_STAGES,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.risk_states import strategy_standings
from portfolio_pipeline.reads.state import rows_before


def known_of_capital(
    reader: Reader, sessions: SessionRange, settings: Settings, strategies: Sequence[StrategyCard]
) -> Capital:
    names = tuple(card.name for card in strategies)
    paper, exposure = paper_and_exposure(reader, sessions, settings, names)
    said = said_by_hand(reader, sessions, names)
    granted = granted_at(reader, sessions, names).as_said(said)
    return Capital(
        tuple(sessions),
        names,
        tuple(card.asset_class(settings) for card in strategies),
        paper,
        exposure,
        granted,
        said,
        signals_at(reader, sessions, settings, strategies, paper, said, granted),
    )


def capital_before(reader: Reader, first: date, strategies: Sequence[str]) -> Before:
    rows = rows_before(reader, STRATEGY_WEIGHTS, first)
    if rows is None:
        return Before()
    answered, shares, kept = (
        dict(zip(rows["strategy"], rows[name].tolist(), strict=True))
        for name in ("weight", "unresponded_weight", "kept_weight")
    )
    return Before(shares, kept, standing_before(reader, rows, strategies), answered)


def granted_at(reader: Reader, sessions: SessionRange, names: Sequence[str]) -> Granted:
    columns = ["session", "strategy", "takes_new_capital", "capital", "stage"]
    rows = frame(reader.read(STRATEGY_STAGES.name, sessions, columns=columns))
    rows["paused"] = (rows["stage"] == "paused").to_numpy(dtype=np.float64)
    over = spreading(rows, as_days(tuple(sessions)), names, by="strategy")
    return Granted(over("takes_new_capital", np.nan), over("capital", np.nan), over("paused", 0.0) == 1.0)


def paper_and_exposure(
    reader: Reader, sessions: SessionRange, settings: Settings, names: Sequence[str]
) -> tuple[Array, Array]:
    """[sessions, strategies]: paper returns above cash and exposures, from before the first session as far as the
    settings look back; exposures are NaN where nobody needs them."""
    back = max(settings.allocation.sessions_seen, settings.rebalancing.sessions_seen, WINDOW)
    first = previous_session(sessions.first, back - 1) or FIRST_SESSION
    seen = SessionRange(first, sessions.last)
    columns = ["session", "strategy", "net_return", "cash_return"]
    rows = frame(reader.read(STRATEGY_RETURNS.name, seen, columns=columns))
    over = spreading(rows, as_days(tuple(seen)), names, by="strategy")
    paper = above_cash(over("net_return", np.nan), over("cash_return", np.nan))
    if not (settings.allocation.needs_exposure or settings.rebalancing.cost_benefit):
        return paper, np.full_like(paper, np.nan)
    held = frame(reader.read(STRATEGY_TARGETS.name, seen, columns=["session", "strategy", "weight"]))
    sums = held.assign(weight=held["weight"].abs()).groupby(["session", "strategy"], observed=True)["weight"].sum()
    return paper, spread(sums.reset_index(), "weight", as_days(tuple(seen)), names, by="strategy")


def signals_at(
    reader: Reader,
    sessions: SessionRange,
    settings: Settings,
    strategies: Sequence[StrategyCard],
    paper: Array,
    said: ByHand,
    granted: Granted,
) -> Signals:
    """What calls for a decision at each session."""
    rules, names = settings.rebalancing, tuple(card.name for card in strategies)
    before, breached = previous_session(sessions.first), None
    if "after_breach" in rules.trigger and before is not None:
        day = SessionRange.single(before)
        earlier = granted_at(reader, day, names).as_said(said_by_hand(reader, day, names))
        pairs = ((getattr(earlier, name), getattr(granted, name)) for name in Granted.__dataclass_fields__)
        breached = with_less_capital(*(np.vstack(pair) for pair in pairs))
        breached |= _with_less_risk(reader, sessions, settings, strategies)
    changed = regime_changes(reader, sessions, rules)
    return signals_of(tuple(sessions), rules, paper, breached=breached, regime_changed=changed, by_hand=said.who)


def _with_less_risk(
    reader: Reader, sessions: SessionRange, settings: Settings, strategies: Sequence[StrategyCard]
) -> Array:
    """At which sessions the risk state of some strategy leaves it less than at the session before."""
    before, after = strategy_standings(reader, sessions, strategies, settings)
    left = np.array(
        [[one[card.name].factor if card.name in one else 1.0 for card in strategies] for one in (before, *after)]
    )
    return np.array([bool((now < then).any()) for then, now in pairwise(left)])


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
    by_name = weights.set_index("strategy")[["unresponded_weight", "decided_weight", "drifted_weight"]].astype(float)
    held, decided, drifted = by_name.reindex(list(strategies)).to_numpy().T
    last = pd.Timestamp(weights["session"].iloc[0]).date()
    left = reader.read(REBALANCE_DECISIONS.name, SessionRange.single(last), columns=["steps_left"])["steps_left"]
    held = np.nan_to_num(held)
    return Standing(
        np.where(np.isnan(drifted), held, drifted),
        None if np.isnan(decided).all() else np.nan_to_num(decided),
        left[0].as_py() if len(left) else 0,
    )
