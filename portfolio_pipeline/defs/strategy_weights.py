"""The asset strategy_weights and its check: capital shared out between the strategies.

Only reading, calling `core.allocation` and writing belong here.
"""

import dagster as dg
import numpy as np

from portfolio_pipeline.components.cards import load_cards
from portfolio_pipeline.components.check_results import check_result
from portfolio_pipeline.components.pictures import simulated, stacked_picture
from portfolio_pipeline.components.session_asset import closed_sessions, session_asset, stored
from portfolio_pipeline.components.stored_state import rows_before, sources
from portfolio_pipeline.core.allocation import allocate, broken_limits
from portfolio_pipeline.core.frames import frame
from portfolio_pipeline.core.schemas import STRATEGY_WEIGHTS
from portfolio_pipeline.core.sessions import FIRST_SESSION, SessionRange, as_days, previous_session
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.wide import by_session, days, long, spread
from portfolio_pipeline.partitions import SESSIONS, sessions_of
from portfolio_pipeline.ports import Clock, Warehouse


@session_asset(
    table=STRATEGY_WEIGHTS,
    group="portfolio",
    kinds={"python"},
    deps=[dg.AssetKey(["strategy_targets", card.name]) for card in load_cards()],
)
def strategy_weights(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    sessions = closed_sessions(context, clock)
    names = tuple(card.name for card in strategies)
    allocation = settings.allocation
    before = rows_before(warehouse, STRATEGY_WEIGHTS, sessions.first)
    previous = None if before is None else dict(zip(before["strategy"], before["weight"].tolist(), strict=True))
    first = previous_session(sessions.first, allocation.window_sessions - 1) or FIRST_SESSION
    seen = SessionRange(first, sessions.last)
    returns = frame(warehouse.read("strategy_returns", seen, columns=["session", "strategy", "net_return"]))
    paper = spread(returns, "net_return", as_days(tuple(seen)), names, by="strategy")
    wanted = as_days(tuple(sessions))
    shares = allocate(paper, len(wanted), names, allocation, previous)
    rows = long(
        wanted,
        names,
        by="strategy",
        weight=shares.weight,
        previous_weight=shares.previous,
        requested_weight=shares.requested,
        reason=np.array(shares.reason, dtype=object),
    )
    rows["method"] = allocation.method
    rows["locked"] = rows["strategy"].isin(list(allocation.locked)).to_numpy()
    count = warehouse.replace(STRATEGY_WEIGHTS.name, sessions, rows)
    history = frame(warehouse.read(STRATEGY_WEIGHTS.name, SessionRange(FIRST_SESSION, sessions.last)))
    drawn = np.unique(days(history))
    parts = spread(history, "weight", drawn, names, by="strategy", missing=0.0)
    title = simulated("Shares of capital", sources(warehouse, sessions.last))
    return stored(
        context,
        sessions,
        rows=count,
        metadata={"shares": {name: float(share) for name, share in zip(names, shares.weight[-1], strict=True)}},
        picture=stacked_picture(title, drawn, {name: parts[:, place] for place, name in enumerate(names)}),
    )


@dg.asset_check(asset=strategy_weights, blocking=True, partitions_def=SESSIONS)
def shares_within_limits(
    context: dg.AssetCheckExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """Minimum, maximum, daily change and the sum of the shares hold together, as `core.allocation` says how."""
    sessions = sessions_of(context)
    first = previous_session(sessions.first) or sessions.first
    rows = frame(warehouse.read(STRATEGY_WEIGHTS.name, SessionRange(first, sessions.last)))
    shares = by_session(rows, "strategy", "weight")
    before = shares.get(first) if first < sessions.first else None
    offending = []
    for session in sessions:
        found = shares.get(session, {})
        broken = broken_limits(found, before, settings.allocation)
        offending += [{"session": session, "broken": line} for line in broken]
        before = found
    return check_result(offending, checked=len(sessions), remedy="Materialise strategy_weights again.")
