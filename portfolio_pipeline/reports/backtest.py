"""A back-test report from what is stored: read prices, parameters and paper returns, let the core play, add the notes.

Here: what is compared with what. Not here: how it is played (`core.backtest.report`), what may be asked for
(`core.backtest.request`), how it is shown (`pages`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portfolio_pipeline.core.backtest.report import (
    Column,
    ParameterSet,
    Terms,
    as_it_was_run,
    bought_and_held,
    first_with_history,
    notes,
    play,
)
from portfolio_pipeline.core.backtest.request import (
    BacktestRequest,
    label,
    named_card,
    outside_card,
    parameters_of,
    range_of,
)
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.market.made_up import any_made_up
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reads.cash import cash_earned
from portfolio_pipeline.reads.prices import price_history
from portfolio_pipeline.reads.state import sources

_AS_RUN = """
select r.session, r.net_return, r.cost, r.turnover, r.cash_return, coalesce(b.exposure, 0.0) as exposure
from strategy_returns r
left join (
    select session, sum(case when symbol <> 'cash' then abs(quantity * price) else 0.0 end)
        / nullif(sum(quantity * price), 0.0) as exposure
    from strategy_paper_books
    where strategy = $1 and session between $2 and $3
    group by session
) b on b.session = r.session
where r.strategy = $1 and r.session between $2 and $3
order by r.session
"""


@dataclass(frozen=True, eq=False)
class BacktestReport:
    """Columns side by side, the first of them the one that was asked about, and how to read them."""

    card: StrategyCard
    sessions: SessionRange
    sources: tuple[str, ...]
    columns: tuple[Column, ...]
    parameters: dict[str, str]  # in words, by label
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        made_up = "SIMULATED · " if any_made_up(self.sources) else ""
        return f"{made_up}{self.card.name}, {self.sessions.first} to {self.sessions.last}"


def backtest_report(
    warehouse: Warehouse, settings: Settings, cards: Sequence[StrategyCard], strategy: str, request: BacktestRequest
) -> BacktestReport:
    """The sets that are asked for, the card's default, what is chosen now, what was run, and the benchmark."""
    card = named_card(cards, strategy)
    kind = STRATEGY_TYPES[card.type]
    space = ParameterSpace.of(kind.Parameters, card.parameters, card.constraints)
    given = {label(values): parameters_of(space, values) for values in request.sets if values}
    sets = [
        *(ParameterSet(name, parameters) for name, parameters in given.items()),
        ParameterSet("default", space.default, "fixed"),
    ]
    universe = card.universe(settings)
    with warehouse.reading() as reader:
        stored = _stored_sessions(reader)
        last = range_of(request, stored).last
        panel = price_history(reader, tuple(dict.fromkeys((*universe, settings.benchmark))), last)
        chosen = _chosen_now(reader, card, space)
        sets += [chosen] if chosen is not None else []
        playable = first_with_history(kind, panel.sessions, sets)
        begins = panel.sessions[playable].astype(date) if playable < len(panel.sessions) else None
        sessions = range_of(request, stored, begins)
        run = as_it_was_run(frame(reader.query(_AS_RUN, [card.name, sessions.first, sessions.last])))
        origin, cash = sources(reader, last), cash_earned(reader, panel.sessions)
    first = len(panel.sessions) - len(sessions)
    terms = Terms(first, settings.costs.total, settings.simulated_broker.delist_after_sessions, cash)
    columns = [
        *play(kind, card, panel, universe, sets, terms),
        *([run] if run is not None else []),
        bought_and_held(panel, settings.benchmark, terms),
    ]
    outside = [
        f"{', '.join(found)} is outside the card's range: the search would not choose it."
        for parameters in given.values()
        if (found := outside_card(space, parameters))
    ]
    return BacktestReport(
        card,
        sessions,
        origin,
        tuple(columns),
        {one.label: label(one.parameters.model_dump()) for one in sets},
        (*notes(columns, panel.sessions[first:], begins), *outside),
    )


def _stored_sessions(reader: Reader) -> SessionRange | None:
    first, last = reader.oldest("prices"), reader.newest("prices")
    return None if first is None or last is None else SessionRange(first, last)


def _chosen_now(reader: Reader, card: StrategyCard, space: ParameterSpace) -> ParameterSet | None:
    """The newest stored choice, unless the card no longer allows it."""
    newest = reader.newest("optimized_parameters", where={"strategy": card.name})
    if newest is None:
        return None
    (row,) = reader.read("optimized_parameters", SessionRange.single(newest), where={"strategy": card.name}).to_pylist()
    parameters = space.parameters(json.loads(row["parameters"]))
    return None if parameters is None else ParameterSet(f"chosen at {newest}", parameters, "in sample")
