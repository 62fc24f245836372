"""The asset S/strategy_targets of a card and its check: what the strategy aims at, and what it earns on paper."""

import json
from collections.abc import Sequence
from datetime import date

import dagster as dg
import numpy as np

from portfolio_pipeline.components.session_asset import Stored, session_asset
from portfolio_pipeline.components.session_check import check_result, session_check
from portfolio_pipeline.components.strategy.common import mixtures_in_use, of_card, state_session
from portfolio_pipeline.core.calendar.sessions import SessionRange, all_sessions, previous_session
from portfolio_pipeline.core.errors import ConfigurationError, SessionError
from portfolio_pipeline.core.search import Written
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.paper import (
    PaperState,
    book_rows,
    follow,
    limits_broken,
    return_rows,
    target_rows,
)
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.strategies.transitions import sessions_looked_back
from portfolio_pipeline.core.tables import (
    CASH_RETURNS,
    FEATURES,
    OPTIMIZED_PARAMETERS,
    PARAMETER_MIXTURES,
    PRICE_HOLES,
    STRATEGY_PAPER_BOOKS,
    STRATEGY_RETURNS,
    STRATEGY_TARGETS,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reads.cash import cash_earned
from portfolio_pipeline.reads.features import feature_history
from portfolio_pipeline.reports import pictures


def targets_asset(card: StrategyCard) -> dg.AssetsDefinition:
    """The asset of a card, with its check."""
    strategy = STRATEGY_TYPES[card.type]
    space = ParameterSpace.of(strategy.Parameters, card.parameters, card.constraints)

    @session_check(
        blocking=True,
        description="Decided weights keep to the card: direction, largest position, gross exposure, number.",
    )
    def targets_within_strategy_limits(
        sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        rows = frame(warehouse.read("strategy_targets", sessions, where={"strategy": card.name}))
        return check_result(
            limits_broken(card, rows), checked=len(rows), remedy="Materialise strategy_targets of these again."
        )

    @session_asset(
        table=STRATEGY_TARGETS,
        reads=(PRICE_HOLES, OPTIMIZED_PARAMETERS, PARAMETER_MIXTURES, FEATURES, CASH_RETURNS),
        also_fills=(STRATEGY_RETURNS, STRATEGY_PAPER_BOOKS),
        checks=(targets_within_strategy_limits,),
        description=f"{card.description}\n\nIts target weights at the close, decided {card.rebalance} and when its "
        f"parameters change{_meanwhile(card)}; its paper return over the session and its paper book (strategy_returns, "
        "strategy_paper_books).",
        **of_card(card, "strategy_targets"),
    )
    def strategy_targets(
        sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse], settings: dg.ResourceParam[Settings]
    ) -> Stored:
        universe = card.universe(settings)
        with warehouse.reading() as reader:
            before = _paper_state(reader, card.name, sessions.first)
            chosen = _chosen(reader, card, space, sessions)
            earlier = _earlier(reader, card, space, sessions.first)
            # What has left the universe is still held until it is sold.
            symbols = universe + tuple(sorted(set(before.holdings if before else ()) - set(universe)))
            panel = feature_history(reader, symbols, sessions.last)
            cash = cash_earned(reader, panel.sessions)
        played = follow(
            strategy,
            card,
            panel,
            universe,
            [mixture for mixture, _ in chosen],
            [changed for _, changed in chosen],
            before,
            settings.costs.total,
            cash_return=cash,
            earlier=earlier,
            delist_after=settings.simulated_broker.delist_after_sessions,
        )
        days = panel.sessions[-len(sessions) :]
        mine = {"strategy": card.name}
        with warehouse.transaction() as transaction:
            written = transaction.replace(
                "strategy_targets", sessions, target_rows(card, days, symbols, len(universe), played), where=mine
            )
            transaction.replace(
                "strategy_returns", sessions, return_rows(card, days, played, cash[-len(sessions) :]), where=mine
            )
            transaction.replace("strategy_paper_books", sessions, book_rows(card, days, symbols, played), where=mine)
        newest = played[-1]
        held = {
            symbol: round(float(weight), 4) for symbol, weight in zip(symbols, newest.weights, strict=True) if weight
        }
        return Stored(
            written,
            metadata={
                "targets": dg.MetadataValue.json(held),
                "gross exposure": float(np.abs(newest.weights).sum()),
                "paper return of the session": float(newest.result.net_return[0]),
                "decisions": sum(session.decided for session in played),
            },
            picture=lambda origin: _equity(warehouse, card.name, sessions.last, origin),
        )

    return strategy_targets


def _meanwhile(card: StrategyCard) -> str:
    """When else it decides, in words."""
    sessions = card.transition_sessions
    return (
        (f" (phased in over {sessions} sessions)" if sessions > 1 else "")
        + (", daily to keep its volatility" if card.sizing.adjust == "daily" else "")
        + (f", and where a holding is stopped at {card.sizing.stop:.1%}" if card.sizing.stop is not None else "")
    )


def _paper_state(reader: Reader, strategy: str, first: date) -> PaperState | None:
    before = state_session(reader, "strategy_paper_books", strategy, first)
    if before is None:
        return None
    only, mine = SessionRange.single(before), {"strategy": strategy}
    return PaperState.of_rows(
        frame(reader.read("strategy_paper_books", only, where=mine)),
        frame(reader.read("strategy_targets", only, where=mine)),
    )


def _chosen(
    reader: Reader, card: StrategyCard, space: ParameterSpace, sessions: SessionRange
) -> list[tuple[Mixture, bool]]:
    """The mixture in use and whether it changed, of each session."""
    rows = reader.read("optimized_parameters", sessions, columns=["session", "changed"], where={"strategy": card.name})
    changed = dict(zip(rows["session"].to_pylist(), rows["changed"].to_pylist(), strict=True))
    stored = mixtures_in_use(reader, card.name, sessions)
    known: dict[Written, Mixture] = {}
    for session in sessions:
        if session not in changed or session not in stored:
            raise SessionError(
                "PARAMETERS_MISSING",
                strategy=card.name,
                session=session,
                remedy=f"Materialise {card.name}/optimized_parameters for these sessions first.",
            )
        written = stored[session]
        if written not in known:
            mixture = _whole(space, written)
            if mixture is None:
                raise ConfigurationError(
                    "PARAMETERS_OF_ANOTHER_CARD",
                    strategy=card.name,
                    session=session,
                    found="; ".join(text for text, _ in written),
                    remedy=f"The card has changed: materialise {card.name}/optimized_parameters again.",
                )
            known[written] = mixture
    return [(known[stored[session]], bool(changed[session])) for session in sessions]


def _whole(space: ParameterSpace, written: Written) -> Mixture | None:
    """The mixture, if the type still allows all of it."""
    members = [space.parameters(json.loads(text)) for text, _ in written]
    allowed = tuple(one for one in members if one is not None)
    return Mixture(allowed, tuple(share for _, share in written)) if len(allowed) == len(members) else None


def _earlier(reader: Reader, card: StrategyCard, space: ParameterSpace, first: date) -> list[Mixture]:
    """Mixtures of the sessions before `first` that may still be phased out, oldest first.

    Those that the card no longer allows are left at once, and all before them.
    """
    newest = previous_session(first)
    count = sessions_looked_back(card)
    if newest is None or count == 0:
        return []
    oldest = previous_session(newest, count - 1) or all_sessions()[0]
    stored = mixtures_in_use(reader, card.name, SessionRange(oldest, newest))
    earlier: list[Mixture] = []
    for session in sorted(stored, reverse=True):
        mixture = _whole(space, stored[session])
        if mixture is None:
            break
        earlier.insert(0, mixture)
    return earlier


def _equity(warehouse: Warehouse, strategy: str, last: date, origin: Sequence[str]) -> str:
    """What 1 on paper became, up to `last`."""
    life = SessionRange(all_sessions()[0], last)
    mine = {"strategy": strategy}
    rows = warehouse.read(STRATEGY_RETURNS.name, life, columns=["session", "net_return"], where=mine)
    growth = np.cumprod(1.0 + rows["net_return"].to_numpy())
    title = pictures.simulated(f"{strategy}: on paper, out of sample", origin)
    return pictures.equity_picture(
        title, np.array(rows["session"].to_pylist(), dtype="datetime64[D]"), {strategy: growth}
    )
