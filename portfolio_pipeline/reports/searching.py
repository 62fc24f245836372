"""A card's search made ready from what is stored, for questions that are asked by hand: the prices, the terms and the
regimes that the asset `optimized_parameters` searches with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portfolio_pipeline.adapters.compute.threads import Threads
from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.backtest.request import BacktestRequest, range_of
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.indicators import inputs_of
from portfolio_pipeline.core.requests.asked import SearchRequest, asked_card, asked_space
from portfolio_pipeline.core.search.evaluation import Backtests, Progress
from portfolio_pipeline.core.search.walk import Walk
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.cash import cash_earned
from portfolio_pipeline.reads.features import feature_history
from portfolio_pipeline.reads.regimes import regime_probabilities
from portfolio_pipeline.reads.state import sources


@dataclass(frozen=True, eq=False)
class Ready:
    """A walk over the stored sessions up to the last one that is asked for, from position `first` on."""

    walk: Walk
    sessions: SessionRange
    first: int
    last: int
    probabilities: Array | None
    sources: tuple[str, ...]


def ready_to_search(
    reader: Reader,
    settings: Settings,
    card: StrategyCard,
    request: SearchRequest,
    progress: Progress | None = None,
) -> Ready:
    """What is asked for is checked before anything is read at length."""
    asked, space = asked_card(card, request), asked_space(card, request.space)
    sessions = stored_range(reader, request.first, request.last)
    panel = feature_history(reader, asked.universe(settings), sessions.last)
    cash = cash_earned(reader, panel.sessions)
    chances = regime_probabilities(reader, panel.sessions) if asked.search.regime_share > 0.0 else None
    workers = read_environment().optimization_workers
    backtests = Backtests(
        STRATEGY_TYPES[asked.type],
        inputs_of(panel, asked.type),
        asked,
        settings.costs.total,
        cash_return=cash,
        delist_after=settings.simulated_broker.delist_after_sessions,
        workers=workers,
        fan_out=Threads(workers).map,
        progress=progress,
    )
    count = len(panel.sessions)
    first = count - len(sessions)
    walk = Walk(space, backtests, chances, first=first)
    return Ready(walk, sessions, first, count - 1, chances, sources(reader, sessions.last))


def stored_range(reader: Reader, first: date | None, last: date | None) -> SessionRange:
    """The sessions with features between two dates; all of them where none is given."""
    oldest, newest = reader.oldest("features"), reader.newest("features")
    stored = None if oldest is None or newest is None else SessionRange(oldest, newest)
    return range_of(BacktestRequest(first, last), stored)
