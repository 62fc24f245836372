"""The asset strategy_weights and its check: capital shared out between the strategies.

Only reading, calling `core.portfolio.allocation` and writing belong here.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import numpy as np

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.core.arrays import by_session, days, long, spread, spreading
from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, as_days, previous_session
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.market.cash import above_cash
from portfolio_pipeline.core.portfolio.allocation.allocate import (
    allocate,
    broken_limits,
    kept_shares,
    largest_shares,
)
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import STRATEGY_RETURNS, STRATEGY_STAGES, STRATEGY_WEIGHTS
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reads.state import rows_before
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
        takes_new_capital, capital = _granted(reader, sessions, names)
    shares, keeps = by_session(rows, "strategy", "weight"), by_session(rows, "strategy", "kept_weight")
    before = shares.get(first) if first < sessions.first else None
    kept = _array(keeps.get(first, {}) if first < sessions.first else {}, names)
    offending = []
    for session, takes, granted in zip(sessions, takes_new_capital, capital, strict=True):
        found = shares.get(session, {})
        kept = kept_shares(kept, None if before is None else np.nan_to_num(_array(before, names)), takes != 0.0)
        largest = dict(zip(names, largest_shares(kept, granted, settings.allocation).tolist(), strict=True))
        broken = broken_limits(found, before, settings.allocation, largest=largest)
        offending += [{"session": session, "broken": line} for line in broken]
        before = found
    return check_result(offending, checked=len(sessions), remedy="Materialise strategy_weights again.")


@session_asset(
    table=STRATEGY_WEIGHTS,
    group="portfolio",
    reads=(STRATEGY_RETURNS, STRATEGY_STAGES),
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
    first = previous_session(sessions.first, allocation.window_sessions - 1) or FIRST_SESSION
    seen = SessionRange(first, sessions.last)
    with warehouse.reading() as reader:
        before = rows_before(reader, STRATEGY_WEIGHTS, sessions.first)
        returns = frame(
            reader.read("strategy_returns", seen, columns=["session", "strategy", "net_return", "cash_return"])
        )
        takes_new_capital, capital = _granted(reader, sessions, names)
    _refuse_unjudged(takes_new_capital, sessions, names)
    previous, kept = (
        None if before is None else dict(zip(before["strategy"], before[column].tolist(), strict=True))
        for column in ("weight", "kept_weight")
    )
    over = spreading(returns, as_days(tuple(seen)), names, by="strategy")
    paper = above_cash(over("net_return", np.nan), over("cash_return", np.nan))
    wanted = as_days(tuple(sessions))
    shares = allocate(
        paper,
        len(wanted),
        names,
        allocation,
        previous,
        takes_new_capital=takes_new_capital == 1.0,
        capital=capital,
        kept=kept,
    )
    rows = long(
        wanted,
        names,
        by="strategy",
        weight=shares.weight,
        previous_weight=shares.previous,
        requested_weight=shares.requested,
        reason=np.array(shares.reason, dtype=object),
        kept_weight=shares.kept,
    )
    rows["method"] = allocation.method
    rows["locked"] = rows["strategy"].isin(list(allocation.locked)).to_numpy()
    count = warehouse.replace(STRATEGY_WEIGHTS.name, sessions, rows)
    return Stored(
        rows=count,
        metadata={"shares": {name: float(share) for name, share in zip(names, shares.weight[-1], strict=True)}},
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


def _granted(reader: Reader, sessions: SessionRange, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """[sessions, strategies]: 1 where a strategy may be given more than it has and 0 where not; and which part of the
    largest share it may have. NaN where its stage is not known."""
    columns = ["session", "strategy", "takes_new_capital", "capital"]
    rows = frame(reader.read(STRATEGY_STAGES.name, sessions, columns=columns))
    over = spreading(rows, as_days(tuple(sessions)), names, by="strategy")
    return over("takes_new_capital", np.nan), over("capital", np.nan)


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
