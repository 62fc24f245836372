"""The asset strategy_weights and its check: capital shared out between the strategies.

Only reading, calling `core.portfolio.allocation` and writing belong here.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import get_args

import dagster as dg
import numpy as np

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.arrays import by_session, days, long, spread
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, as_days, previous_session
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.portfolio.allocation.allocate import (
    broken_limits,
    kept_shares,
    largest_shares,
)
from portfolio_pipeline.core.portfolio.allocation.bounds import locked_by_hand
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import ByHand
from portfolio_pipeline.core.portfolio.rebalancing.course import Kind
from portfolio_pipeline.core.portfolio.rebalancing.rows import decision_rows, input_rows
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import (
    ALLOCATION_INPUTS,
    MANUAL_SHARES,
    REBALANCE_DECISIONS,
    REGIME_TABLE,
    STRATEGY_RETURNS,
    STRATEGY_STAGES,
    STRATEGY_TARGETS,
    STRATEGY_WEIGHTS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.capital import capital_before, known_of_capital
from portfolio_pipeline.reports.pictures import simulated, stacked_picture


@session_check(blocking=True)
def shares_within_limits(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
) -> dg.AssetCheckResult:
    """Minimum, maximum, daily change and sum of the shares hold, and nobody has capital it must not be given.

    `core.portfolio.allocation` says how these go together."""
    first = previous_session(sessions.first) or sessions.first
    names = tuple(card.name for card in strategies)
    with warehouse.reading() as reader:
        rows = frame(reader.read(STRATEGY_WEIGHTS.name, SessionRange(first, sessions.last)))
        known = known_of_capital(reader, sessions, settings, strategies)
    shares, keeps = by_session(rows, "strategy", "weight"), by_session(rows, "strategy", "kept_weight")
    before = shares.get(first) if first < sessions.first else None
    kept = _array(keeps.get(first, {}) if first < sessions.first else {}, names)
    offending = []
    stop, paper = len(known.paper) - len(sessions), known.paper
    for row, session in enumerate(sessions):
        takes, granted = known.granted.takes_new_capital[row], known.granted.capital[row]
        found, stop = shares.get(session, {}), stop + 1
        kept = kept_shares(kept, None if before is None else np.nan_to_num(_array(before, names)), takes != 0.0)
        largest = dict(zip(names, largest_shares(kept, granted, names, settings.allocation).tolist(), strict=True))
        broken = broken_limits(
            found,
            before,
            settings.allocation,
            largest=largest,
            invested=dict(zip(names, known.exposure[stop - 1] > 0.0, strict=True)),
            returns=dict(zip(names, paper[:stop].T, strict=True)) if set(found) <= set(names) else None,
            by_hand=_locks(known.said, row, before, names),
        )
        offending += [{"session": session, "broken": line} for line in broken]
        before = found
    return check_result(offending, checked=len(sessions), remedy="Materialise strategy_weights again.")


@session_asset(
    table=STRATEGY_WEIGHTS,
    group="portfolio",
    begins="targets",
    reads=(STRATEGY_RETURNS, STRATEGY_TARGETS, STRATEGY_STAGES, REGIME_TABLE, MANUAL_SHARES),
    also_fills=(REBALANCE_DECISIONS, ALLOCATION_INPUTS),
    checks=(shares_within_limits,),
)
def strategy_weights(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
) -> Stored:
    names = tuple(card.name for card in strategies)
    allocation = settings.allocation
    with warehouse.reading() as reader:
        before = capital_before(reader, sessions.first, names)
        known = known_of_capital(reader, sessions, settings, strategies)
    _refuse_unjudged(known.granted.takes_new_capital, sessions, names)
    wanted = as_days(tuple(sessions))
    shares = known.shared_out(allocation, settings.rebalancing, settings.costs.total, before)
    rows = long(
        wanted,
        names,
        by="strategy",
        weight=shares.weight,
        previous_weight=shares.previous,
        requested_weight=shares.requested,
        reason=np.array(shares.reason, dtype=object),
        kept_weight=shares.kept,
        decided_weight=shares.decided,
        drifted_weight=shares.drifted,
    )
    rows["method"] = allocation.method
    fixed = list(allocation.fixed)
    invested = (known.exposure[-len(wanted) :] > 0.0) & [name in allocation.kept_while_invested for name in names]
    kept_by_hand = known.said.kept | ~np.isnan(known.said.share)
    rows["locked"] = (
        rows["strategy"].isin(fixed).to_numpy() | (invested & ~np.isnan(shares.previous)).ravel() | kept_by_hand.ravel()
    )
    with warehouse.transaction() as tx:
        count = tx.replace(STRATEGY_WEIGHTS.name, sessions, rows)
        tx.replace(REBALANCE_DECISIONS.name, sessions, decision_rows(wanted, names, allocation.method, shares))
        tx.replace(ALLOCATION_INPUTS.name, sessions, input_rows(wanted, names, known.paper))
    newest = shares.decisions[-1]
    return Stored(
        rows=count,
        metadata={
            "shares": {name: float(share) for name, share in zip(names, shares.weight[-1], strict=True)},
            "decision": ": ".join(filter(None, (newest.kind, ", ".join(newest.trigger), newest.reason))),
            **{f"sessions {kind}": sum(one.kind == kind for one in shares.decisions) for kind in get_args(Kind)},
        },
        picture=lambda origin: _picture(warehouse, sessions.last, names, origin),
    )


def _picture(warehouse: Warehouse, last: date, names: Sequence[str], origin: Sequence[str]) -> str:
    """Shares of capital over time."""
    history = frame(warehouse.read(STRATEGY_WEIGHTS.name, SessionRange(FIRST_SESSION, last)))
    drawn = np.unique(days(history))
    parts = spread(history, "weight", drawn, names, by="strategy", missing=0.0)
    lines = {name: parts[:, place] for place, name in enumerate(names)}
    return stacked_picture(simulated("Shares of capital", origin), drawn, lines)


def _array(by_name: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    return np.array([by_name.get(name, np.nan) for name in names], dtype=np.float64)


def _locks(said: ByHand, row: int, before: Mapping[str, float] | None, names: Sequence[str]) -> dict[str, float]:
    """The shares that people set or keep at a session."""
    held = np.full(len(names), np.nan) if before is None else np.nan_to_num(_array(before, names))
    lock = locked_by_hand(np.full(len(names), np.nan), said.share[row], said.kept[row], held)
    return {name: share for name, share in zip(names, lock.tolist(), strict=True) if not np.isnan(share)}


def _refuse_unjudged(takes_new_capital: np.ndarray, sessions: SessionRange, names: tuple[str, ...]) -> None:
    for place, name in enumerate(names):
        missing = np.flatnonzero(np.isnan(takes_new_capital[:, place]))
        if missing.size:
            raise SessionError(
                "STRATEGY_STAGES_MISSING",
                strategy=name,
                sessions=missing.size,
                first_missing=as_days(tuple(sessions))[missing[0]],
                remedy="Materialise strategy_stages for them first.",
            )
