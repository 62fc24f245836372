"""A sensitivity report from what is stored: around which set, over which sessions. It writes no table.

How it is computed is the work of `core.requests.sensitivity`, how it is shown that of `sensitivity_page`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from portfolio_pipeline.core.backtest.request import Assignments, label, named_card, parameters_of
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.market.made_up import any_made_up
from portfolio_pipeline.core.requests.asked import SearchRequest, card_space
from portfolio_pipeline.core.requests.sensitivity import Sensitivity, sensitivity
from portfolio_pipeline.core.search.evaluation import Progress
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.tables import PARAMETER_MIXTURES
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reports.searching import ready_to_search

Around = Literal["chosen", "default"]
AROUND: tuple[Around, ...] = ("chosen", "default")


@dataclass(frozen=True, eq=False)
class SensitivityReport:
    """What was found, around which set in words, by which objective, over which sessions."""

    card: StrategyCard
    found: Sensitivity
    around: str
    objective: str
    first: date
    last: date
    sources: tuple[str, ...]

    @property
    def title(self) -> str:
        made_up = "SIMULATED · " if any_made_up(self.sources) else ""
        return f"{made_up}{self.card.name}, one parameter at a time, {self.first} to {self.last}"

    @property
    def base(self) -> str:
        return f"Around {self.around}: {label(self.found.base.model_dump())}."


def sensitivity_report(
    warehouse: Warehouse,
    settings: Settings,
    cards: Sequence[StrategyCard],
    strategy: str,
    request: SearchRequest,
    *,
    given: Assignments | None = None,
    around: str = "chosen",
    progress: Progress | None = None,
) -> SensitivityReport:
    """Around the set with the largest share at the last session, the card's default, or the default with the values
    that are `given`."""
    card = named_card(cards, strategy)
    if around not in AROUND:
        raise ConfigurationError(
            "AROUND_WRONG", found=around, expected=" or ".join(AROUND), remedy="Leave it out for what is chosen."
        )
    with warehouse.reading() as reader:
        ready = ready_to_search(reader, settings, card, request, progress)
        base, words = _base(reader, card, ready.walk.space, ready.sessions.last, given or {}, around)
    found = sensitivity(ready.walk, base, ready.last)
    days = ready.walk.sessions
    objective = str(ready.walk.objective)
    return SensitivityReport(
        card, found, words, objective, days[found.begin].item(), ready.sessions.last, ready.sources
    )


def _base(
    reader: Reader, card: StrategyCard, space: ParameterSpace, last: date, given: Assignments, around: str
) -> tuple[Parameters, str]:
    if given:
        return parameters_of(space, given), "the set that was given"
    chosen = _chosen(reader, card, last) if around == "chosen" else None
    if chosen is None:
        return space.default, "the card's default"
    return chosen[0], f"the set with the largest share at {chosen[1]}"


def _chosen(reader: Reader, card: StrategyCard, last: date) -> tuple[Parameters, date] | None:
    """None when nothing was chosen up to then, or the card no longer allows it."""
    mine = {"strategy": card.name}
    session = reader.newest(PARAMETER_MIXTURES.name, before=next_session(last), where=mine)
    if session is None:
        return None
    only = SessionRange.single(session)
    rows = reader.read(PARAMETER_MIXTURES.name, only, columns=["parameters"], where=mine | {"member": 1})
    parameters = card_space(card).parameters(json.loads(rows["parameters"][0].as_py()))
    return None if parameters is None else (parameters, session)
