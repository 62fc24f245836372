"""The asset strategy_weights and its check: capital shared out between the strategies.

Only reading, calling `core.portfolio.allocation` and writing belong here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import STRATEGY_RETURNS, STRATEGY_STAGES, STRATEGY_TARGETS, STRATEGY_WEIGHTS
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
        granted_at = _granted(reader, sessions, names)
        paper, exposure = _known(reader, sessions, settings.allocation, names)
    shares, keeps = by_session(rows, "strategy", "weight"), by_session(rows, "strategy", "kept_weight")
    before = shares.get(first) if first < sessions.first else None
    kept = _array(keeps.get(first, {}) if first < sessions.first else {}, names)
    offending = []
    stop = len(paper) - len(sessions)
    for session, takes, granted in zip(sessions, granted_at.takes_new_capital, granted_at.capital, strict=True):
        found, stop = shares.get(session, {}), stop + 1
        kept = kept_shares(kept, None if before is None else np.nan_to_num(_array(before, names)), takes != 0.0)
        largest = dict(zip(names, largest_shares(kept, granted, names, settings.allocation).tolist(), strict=True))
        broken = broken_limits(
            found,
            before,
            settings.allocation,
            largest=largest,
            invested=dict(zip(names, exposure[stop - 1] > 0.0, strict=True)),
            returns=dict(zip(names, paper[:stop].T, strict=True)) if set(found) <= set(names) else None,
        )
        offending += [{"session": session, "broken": line} for line in broken]
        before = found
    return check_result(offending, checked=len(sessions), remedy="Materialise strategy_weights again.")


@session_asset(
    table=STRATEGY_WEIGHTS,
    group="portfolio",
    begins="targets",
    reads=(STRATEGY_RETURNS, STRATEGY_TARGETS, STRATEGY_STAGES),
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
        before = rows_before(reader, STRATEGY_WEIGHTS, sessions.first)
        paper, exposure = _known(reader, sessions, allocation, names)
        granted = _granted(reader, sessions, names)
    _refuse_unjudged(granted.takes_new_capital, sessions, names)
    previous, kept = (
        None if before is None else dict(zip(before["strategy"], before[column].tolist(), strict=True))
        for column in ("weight", "kept_weight")
    )
    wanted = as_days(tuple(sessions))
    shares = allocate(
        paper,
        len(wanted),
        names,
        allocation,
        previous,
        takes_new_capital=granted.takes_new_capital == 1.0,
        capital=granted.capital,
        kept=kept,
        paused=granted.paused,
        exposure=exposure,
        classes=tuple(card.asset_class(settings) for card in strategies),
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
    fixed = list(allocation.fixed)
    invested = (exposure[-len(wanted) :] > 0.0) & [name in allocation.kept_while_invested for name in names]
    rows["locked"] = rows["strategy"].isin(fixed).to_numpy() | (invested & ~np.isnan(shares.previous)).ravel()
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


@dataclass(frozen=True, eq=False)
class _Granted:
    """[sessions, strategies]: 1 where a strategy may be given more than it has and 0 where not; which part of the
    largest share it may have (both NaN where its stage is not known); whether it is paused."""

    takes_new_capital: np.ndarray
    capital: np.ndarray
    paused: np.ndarray


def _granted(reader: Reader, sessions: SessionRange, names: tuple[str, ...]) -> _Granted:
    columns = ["session", "strategy", "takes_new_capital", "capital", "stage"]
    rows = frame(reader.read(STRATEGY_STAGES.name, sessions, columns=columns))
    rows["paused"] = (rows["stage"] == "paused").to_numpy(dtype=np.float64)
    over = spreading(rows, as_days(tuple(sessions)), names, by="strategy")
    return _Granted(over("takes_new_capital", np.nan), over("capital", np.nan), over("paused", 0.0) == 1.0)


def _known(
    reader: Reader, sessions: SessionRange, allocation: Allocation, names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """[sessions, strategies]: paper returns above cash and exposures, from before the first session as far as the
    settings look back; exposures are NaN where nobody needs them."""
    first = previous_session(sessions.first, allocation.sessions_seen - 1) or FIRST_SESSION
    seen = SessionRange(first, sessions.last)
    columns = ["session", "strategy", "net_return", "cash_return"]
    rows = frame(reader.read(STRATEGY_RETURNS.name, seen, columns=columns))
    over = spreading(rows, as_days(tuple(seen)), names, by="strategy")
    paper = above_cash(over("net_return", np.nan), over("cash_return", np.nan))
    if not allocation.needs_exposure:
        return paper, np.full_like(paper, np.nan)
    held = frame(reader.read(STRATEGY_TARGETS.name, seen, columns=["session", "strategy", "weight"]))
    sums = held.assign(weight=held["weight"].abs()).groupby(["session", "strategy"], observed=True)["weight"].sum()
    return paper, spread(sums.reset_index(), "weight", as_days(tuple(seen)), names, by="strategy")


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
