"""The component that makes a strategy of a card: the assets optimized_parameters/S and strategy_targets/S, with checks.

Here: reading what the core needs, calling it, writing what it gives. Not here: cards as files (`cards`), and any rule
of searching, deciding or trading on paper (`core.search`, `core.strategies`).
"""

import json
from datetime import date
from typing import Annotated, Any

import dagster as dg
import numpy as np
from pydantic import Field

from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.components import pictures
from portfolio_pipeline.components.cards import CARDS, house_settings, load_cards, read_card, write_card
from portfolio_pipeline.components.check_results import check_result
from portfolio_pipeline.components.history import price_history
from portfolio_pipeline.components.session_asset import closed_sessions, session_asset, stored
from portfolio_pipeline.components.stored_state import sources
from portfolio_pipeline.core import search
from portfolio_pipeline.core.continuity import previous_state_session
from portfolio_pipeline.core.errors import ConfigurationError, SessionError
from portfolio_pipeline.core.frames import frame
from portfolio_pipeline.core.schemas import OPTIMIZED_PARAMETERS, STRATEGY_TARGETS
from portfolio_pipeline.core.sessions import SessionRange
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.base import Strategy
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.inputs import Inputs
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.strategies.targets import (
    PaperState,
    book_rows,
    follow,
    limits_broken,
    return_rows,
    target_rows,
)
from portfolio_pipeline.partitions import SESSIONS, sessions_of
from portfolio_pipeline.ports import Clock, Warehouse

__all__ = ["CARDS", "StrategyComponent", "load_cards", "write_card"]

# Sections of a card are checked by the card itself, which names the line and what was expected.
_Section = Annotated[dict[str, Any], dg.Resolver.default(description="see core.strategies.card")]


class StrategyComponent(dg.Component, dg.Model, dg.Resolvable):
    """One strategy. The attributes are those of `core.strategies.card.StrategyCard`."""

    name: str
    type: str
    description: str
    symbols: _Section
    owner: str = "portfolio"
    rebalance: str = "weekly"
    direction: str = "long_only"
    parameters: _Section = Field(default_factory=dict)
    search: _Section = Field(default_factory=dict)
    sizing: _Section = Field(default_factory=dict)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        path = context.path if context.path.is_file() else context.path / "defs.yaml"
        return strategy_definitions(read_card(path, house_settings()))


def strategy_definitions(card: StrategyCard) -> dg.Definitions:
    """The assets and checks of a card that has been read and checked."""
    strategy = STRATEGY_TYPES[card.type]
    space = ParameterSpace.of(strategy.Parameters, card.parameters)
    parameters_key, targets_key = (
        dg.AssetKey(["optimized_parameters", card.name]),
        dg.AssetKey(["strategy_targets", card.name]),
    )
    common: dict[str, Any] = {
        "group": "strategies",
        "owners": [f"team:{card.owner}"],
        "tags": {"strategy_type": card.type},
        "metadata": {"card": dg.MetadataValue.json(card.model_dump(mode="json"))},
    }

    @session_asset(
        table=OPTIMIZED_PARAMETERS,
        key=list(parameters_key.path),
        kinds={"python", "optuna"},
        deps=["prices"],
        description=f"{card.description}\n\nThe parameters it uses from the next session on: the best of "
        f"{card.search.trials} sets by {card.search.objective} over the last {card.search.window_sessions} sessions, "
        f"chosen {card.search.cadence} with data up to the close. Also fills optimization_results.",
        **common,
    )
    def optimized_parameters(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult:
        sessions = closed_sessions(context, clock)
        before = _state_session(warehouse, "optimized_parameters", card.name, sessions.first)
        known = None
        if before is not None:
            rows = warehouse.read("optimized_parameters", SessionRange.single(before), where={"strategy": card.name})
            known = rows["parameters"].to_pylist()[0]
        choices = _search(strategy, card, space, settings, warehouse, sessions.last)
        stop = len(choices.evaluation.sessions)
        chosen = search.chosen_rows(choices, card.name, stop - len(sessions), stop, known)
        results = search.result_rows(choices, card.name, stop - len(sessions), stop)
        with warehouse.transaction() as transaction:
            written = transaction.replace("optimized_parameters", sessions, chosen, where={"strategy": card.name})
            transaction.replace("optimization_results", sessions, results, where={"strategy": card.name})
        newest = chosen.iloc[-1]
        return stored(
            context,
            sessions,
            rows=written,
            metadata={
                "parameters": dg.MetadataValue.json(json.loads(newest["parameters"])),
                "score": float(newest["score"]),
                "objective": card.search.objective,
                "parameter sets compared": int(newest["trials"]),
                "parameter sets possible": space.size,
                "sessions with a change": int(chosen["changed"].sum()),
            },
        )

    @session_asset(
        table=STRATEGY_TARGETS,
        key=list(targets_key.path),
        kinds={"python"},
        deps=[parameters_key, "prices"],
        description=f"{card.description}\n\nIts target weights at the close, decided {card.rebalance} and when its "
        "parameters change; its paper return over the session and its paper book (strategy_returns, "
        "strategy_paper_books).",
        **common,
    )
    def strategy_targets(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult:
        sessions = closed_sessions(context, clock)
        before = _paper_state(warehouse, card.name, sessions.first)
        chosen = _chosen(warehouse, card, space, sessions)
        universe = card.universe(settings)
        # What has left the universe is still held until it is sold.
        symbols = universe + tuple(sorted(set(before.holdings if before else ()) - set(universe)))
        panel = price_history(warehouse, symbols, sessions.last)
        played = follow(
            strategy,
            card,
            panel,
            universe,
            [parameters for parameters, _ in chosen],
            [changed for _, changed in chosen],
            before,
            settings.costs.total,
            delist_after=settings.simulated_broker.delist_after_sessions,
        )
        days = panel.sessions[-len(sessions) :]
        mine = {"strategy": card.name}
        with warehouse.transaction() as transaction:
            written = transaction.replace(
                "strategy_targets", sessions, target_rows(card, days, symbols, len(universe), played), where=mine
            )
            transaction.replace("strategy_returns", sessions, return_rows(card, days, played), where=mine)
            transaction.replace("strategy_paper_books", sessions, book_rows(card, days, symbols, played), where=mine)
        newest = played[-1]
        held = {
            symbol: round(float(weight), 4) for symbol, weight in zip(symbols, newest.weights, strict=True) if weight
        }
        return stored(
            context,
            sessions,
            rows=written,
            metadata={
                "targets": dg.MetadataValue.json(held),
                "gross exposure": float(np.abs(newest.weights).sum()),
                "paper return of the session": float(newest.result.net_return[0]),
                "decisions": sum(session.decided for session in played),
            },
            picture=_equity(warehouse, card.name, sessions.last),
        )

    @dg.asset_check(
        asset=parameters_key,
        blocking=True,
        partitions_def=SESSIONS,
        description="Every chosen parameter lies in the card's range.",
    )
    def parameters_in_range(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        columns = ["session", "parameters"]
        rows = warehouse.read(
            "optimized_parameters", sessions_of(context), columns=columns, where={"strategy": card.name}
        ).to_pylist()
        wrong = {text: space.holds(json.loads(text)) for text in {row["parameters"] for row in rows}}
        offending = [row | {"problem": wrong[row["parameters"]]} for row in rows if wrong[row["parameters"]]]
        return check_result(offending, checked=len(rows), remedy="Materialise optimized_parameters of these again.")

    @dg.asset_check(
        asset=targets_key,
        blocking=True,
        partitions_def=SESSIONS,
        description="Decided weights keep to the card: direction, largest position, gross exposure.",
    )
    def targets_within_strategy_limits(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.AssetCheckResult:
        rows = frame(warehouse.read("strategy_targets", sessions_of(context), where={"strategy": card.name}))
        return check_result(
            limits_broken(card, rows), checked=len(rows), remedy="Materialise strategy_targets of these again."
        )

    return dg.Definitions(
        assets=[optimized_parameters, strategy_targets],
        asset_checks=[parameters_in_range, targets_within_strategy_limits],
    )


def _search(
    strategy: Strategy, card: StrategyCard, space: ParameterSpace, settings: Settings, warehouse: Warehouse, last: date
) -> search.Choices:
    inputs = Inputs(price_history(warehouse, card.universe(settings), last))
    evaluation = search.evaluate(
        strategy,
        inputs,
        card,
        search.propose(space, card.search.trials, card.name),
        space.default,
        settings.costs.total,
        delist_after=settings.simulated_broker.delist_after_sessions,
        workers=read_environment().optimization_workers,
    )
    return search.choose(evaluation, card.search)


def _state_session(warehouse: Warehouse, table: str, strategy: str, first: date) -> date | None:
    rows = warehouse.query(
        f"select max(session) as session from {table} where strategy = $1 and session < $2", [strategy, first]
    )
    return previous_state_session(first, rows["session"].to_pylist()[0])


def _paper_state(warehouse: Warehouse, strategy: str, first: date) -> PaperState | None:
    before = _state_session(warehouse, "strategy_paper_books", strategy, first)
    if before is None:
        return None
    only, mine = SessionRange.single(before), {"strategy": strategy}
    return PaperState.of_rows(
        frame(warehouse.read("strategy_paper_books", only, where=mine)),
        frame(warehouse.read("strategy_targets", only, where=mine)),
    )


def _chosen(
    warehouse: Warehouse, card: StrategyCard, space: ParameterSpace, sessions: SessionRange
) -> list[tuple[Parameters, bool]]:
    """Parameters and whether they changed, of each session."""
    rows = {
        row["session"]: row
        for row in warehouse.read("optimized_parameters", sessions, where={"strategy": card.name}).to_pylist()
    }
    known: dict[str, Parameters] = {}
    for session in sessions:
        if session not in rows:
            raise SessionError(
                "PARAMETERS_MISSING",
                strategy=card.name,
                session=session,
                remedy=f"Materialise optimized_parameters/{card.name} for these sessions first.",
            )
        text = rows[session]["parameters"]
        if text not in known:
            parameters = space.parameters(json.loads(text))
            if parameters is None:
                raise ConfigurationError(
                    "PARAMETERS_OF_ANOTHER_CARD",
                    strategy=card.name,
                    session=session,
                    found=text,
                    remedy=f"The card has changed: materialise optimized_parameters/{card.name} again.",
                )
            known[text] = parameters
    return [(known[rows[session]["parameters"]], bool(rows[session]["changed"])) for session in sessions]


def _equity(warehouse: Warehouse, strategy: str, last: date) -> str:
    """What 1 on paper became, up to `last`."""
    rows = warehouse.query(
        "select session, net_return from strategy_returns where strategy = $1 and session <= $2 order by session",
        [strategy, last],
    )
    growth = np.cumprod(1.0 + rows["net_return"].to_numpy())
    title = pictures.simulated(f"{strategy}: on paper, out of sample", sources(warehouse, last))
    return pictures.equity_picture(
        title, np.array(rows["session"].to_pylist(), dtype="datetime64[D]"), {strategy: growth}
    )
