"""The jobs `search` and `sensitivity`: any strategy, range, objective and values, from the launchpad of the UI.

Ops, not assets, for the reasons of `backtest`: the answer is on the page of the run, beside the question. What a search
came to is also kept in tables of its own, when it has come to an end: terminating the run before leaves nothing.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.card_files import card_names
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.core.calendar.sessions import day_of
from portfolio_pipeline.core.requests.asked import HELD_OUT, SearchRequest
from portfolio_pipeline.core.search import told_in_tenths
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.ports import Clock, Warehouse
from portfolio_pipeline.reports import search_page, sensitivity_page
from portfolio_pipeline.reports.search_request import search_on_request, stored_search, stored_searches
from portfolio_pipeline.reports.sensitivity import sensitivity_report

_NAMES = card_names()
_LISTED = 10
_SPACE = "Values of some parameters, others as on the card: {fast: '10:60:10', slow: [100, 150]}."


class Question(dg.Config):
    """What both are asked: a strategy, a range, an objective and values."""

    strategy: str = Field(default=_NAMES[0] if _NAMES else "", description=f"One of {', '.join(_NAMES)}.")
    first: str = Field(default="", description="First day, as 2026-11-20. Empty: the first stored session.")
    last: str = Field(default="", description="Last day. Empty: the newest stored session.")
    objective: str = Field(
        default="", description="sharpe, sharpe=0.7,drawdown=0.3 or sharpe,drawdown. Empty: as the card."
    )
    space: dict[str, Any] = Field(default={}, description=_SPACE)
    rule: str = Field(default="", description="surface_mixture or best_neighbourhood. Empty: as the card.")


class SearchConfig(Question):
    """What a search is asked."""

    method: str = Field(default="", description="auto, exhaustive, sobol, nsga2 or tpe. Empty: as the card.")
    trials: int = Field(default=0, description="Sets that a draw may compare. 0: as the card.")
    held_out: float = Field(default=HELD_OUT, description="Newest part of the sessions, kept from the search.")
    show: str = Field(default="", description="A request that is kept is shown again instead, by its name.")


class SensitivityConfig(Question):
    """What becomes of a set when one parameter at a time is changed."""

    around: str = Field(default="chosen", description="The set in use: chosen; or the card's: default.")
    given: dict[str, Any] = Field(default={}, description="Around the default with these values: {fast: 20}.")


@dg.op(out=dg.Out(dg.Nothing), description="Which parameters would be found, and what that was worth afterwards.")
def search_parameters(
    context: dg.OpExecutionContext,
    config: SearchConfig,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
    clock: dg.ResourceParam[Clock],
) -> None:
    with refusals_as_failures():
        if config.show:
            found = stored_search(warehouse, config.show)
        else:
            request = SearchRequest(
                day_of(config.first),
                day_of(config.last),
                config.objective,
                config.space,
                config.rule,
                config.method,
                config.trials or None,
                config.held_out,
            )
            found = search_on_request(
                warehouse,
                settings,
                strategies,
                config.strategy,
                request,
                now=clock.now(),
                progress=told_in_tenths(context.log.info),
            )
    context.log.info("\n".join((found.title, *search_page.notes(found))))
    page = search_page.markdown_page(found, stored_searches(warehouse)[:_LISTED])
    context.add_output_metadata({"request": found.request, "report": dg.MetadataValue.md(page)})


@dg.op(out=dg.Out(dg.Nothing), description="How much each parameter matters, one at a time.")
def change_one_parameter(
    context: dg.OpExecutionContext,
    config: SensitivityConfig,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
    strategies: dg.ResourceParam[tuple[StrategyCard, ...]],
) -> None:
    with refusals_as_failures():
        request = SearchRequest(day_of(config.first), day_of(config.last), config.objective, config.space, config.rule)
        found = sensitivity_report(
            warehouse,
            settings,
            strategies,
            config.strategy,
            request,
            given=config.given,
            around=config.around,
            progress=told_in_tenths(context.log.info),
        )
    context.log.info("\n".join((found.title, *sensitivity_page.notes(found))))
    page = dg.MetadataValue.md(sensitivity_page.markdown_page(found))
    context.add_output_metadata({"sensitivity": found.title, "report": page})


search = asked_job(
    "search",
    search_parameters,
    SearchConfig(),
    "A search of one strategy's parameters over any sessions, with what it was worth afterwards.",
)


sensitivity = asked_job(
    "sensitivity",
    change_one_parameter,
    SensitivityConfig(),
    "One parameter at a time: what becomes of a strategy's set when each of its parameters is changed.",
)
