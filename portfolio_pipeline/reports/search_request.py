"""Searches on request: asked, kept in tables of their own, and found again.

Nothing of the chain is read from these tables or written by a request. What a request came to is stored in one
transaction at its end: one that is stopped leaves nothing. The same question about the same data leaves the same rows.
How it is searched is the work of `core.requests`, how it is shown that of `search_page`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from portfolio_pipeline.core.backtest.request import named_card
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.market.made_up import any_made_up
from portfolio_pipeline.core.registry import near
from portfolio_pipeline.core.requests.asked import SearchRequest
from portfolio_pipeline.core.requests.search import cut_of, request_id, request_row, search_once, trial_rows
from portfolio_pipeline.core.search.evaluation import Progress
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import SEARCH_REQUEST_TRIALS, SEARCH_REQUESTS
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reports.searching import ready_to_search

_BETWEEN = "; "  # sources


@dataclass(frozen=True, eq=False)
class SearchReport:
    """The row of a request and the sets that it compared, as they are stored.

    `looked_before`: how many earlier requests about the strategy were shown some of the sessions that are held out.
    """

    row: Mapping[str, Any]
    trials: pd.DataFrame
    looked_before: int = 0

    @property
    def request(self) -> str:
        return str(self.row["request"])

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(str(self.row["source"]).split(_BETWEEN))

    @property
    def title(self) -> str:
        made_up = "SIMULATED · " if any_made_up(self.sources) else ""
        return (
            f"{made_up}{self.row['strategy']}, searched {self.row['searched_from']} to {self.row['searched_through']}"
        )

    @property
    def space(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = json.loads(self.row["space"])
        return found


def search_on_request(
    warehouse: Warehouse,
    settings: Settings,
    cards: Sequence[StrategyCard],
    strategy: str,
    request: SearchRequest,
    *,
    now: datetime,
    progress: Progress | None = None,
) -> SearchReport:
    """Search, keep what was found, and give it back as it is stored."""
    card = named_card(cards, strategy)
    with warehouse.reading() as reader:
        ready = ready_to_search(reader, settings, card, request, progress)
    cut = cut_of(ready.walk, ready.first, ready.last, request.held_out)
    found = search_once(ready.walk, ready.sessions, cut)
    name = request_id(ready.walk, ready.sessions, request.held_out, ready.probabilities)
    row, trials = request_row(found, name, _BETWEEN.join(ready.sources)), trial_rows(found, name)
    mine = {"request": name}
    with warehouse.transaction() as transaction:
        known = transaction.read(SEARCH_REQUESTS.name, columns=["asked_at"], where=mine)["asked_at"].to_pylist()
        for table in (SEARCH_REQUESTS, SEARCH_REQUEST_TRIALS):
            transaction.delete(table.name, None, where=mine)
        when = known[0] if known else now.replace(tzinfo=None)
        transaction.insert(SEARCH_REQUESTS.name, pd.DataFrame([row | {"asked_at": when}]))
        transaction.insert(SEARCH_REQUEST_TRIALS.name, trials)
    return stored_search(warehouse, name)


def stored_search(warehouse: Warehouse, request: str) -> SearchReport:
    """One that was kept, by its name or the beginning of it."""
    with warehouse.reading() as reader:
        names = reader.read(SEARCH_REQUESTS.name, columns=["request"])["request"].to_pylist()
        meant = [name for name in names if name.startswith(request)] if request else []
        if len(meant) != 1:
            raise ConfigurationError(
                "REQUEST_UNKNOWN",
                found=request or "nothing",
                expected=f"one of {len(names)} that are kept{near(request, names)}",
                remedy="`portfolio search --list` names them.",
            )
        mine = {"request": meant[0]}
        (row,) = reader.read(SEARCH_REQUESTS.name, where=mine).to_pylist()
        trials = frame(reader.read(SEARCH_REQUEST_TRIALS.name, where=mine))
        others = reader.read(SEARCH_REQUESTS.name, where={"strategy": row["strategy"]}).to_pylist()
    return SearchReport(row, trials, sum(_was_shown(other, row) for other in others))


def _was_shown(other: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether an earlier request was told what came after the sessions that were searched now."""
    return bool(other["asked_at"] < row["asked_at"] and row["searched_through"] < other["last"])


def stored_searches(warehouse: Warehouse, strategy: str = "") -> list[dict[str, Any]]:
    """Rows of search_requests, the newest first."""
    rows: list[dict[str, Any]] = warehouse.read(
        SEARCH_REQUESTS.name, where={"strategy": strategy} if strategy else None
    ).to_pylist()
    return sorted(rows, key=lambda row: row["asked_at"], reverse=True)
