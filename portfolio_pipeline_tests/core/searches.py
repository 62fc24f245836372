"""Searches for tests: a card with some settings over a market, and a past that remembers what a range found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from portfolio_pipeline.adapters.compute.threads import Threads
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.search import Backtests, InUse, Walk, chosen_rows, result_rows
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

COST_RATE = 0.0003


def card(parameters: dict[str, Any] | None = None, sizing: dict[str, Any] | None = None, **search: Any) -> StrategyCard:
    return StrategyCard.model_validate(
        {
            "name": "tested",
            "type": "momentum",
            "description": "for tests",
            "symbols": {"asset_classes": ["equity"]},
            "parameters": parameters or {},
            "sizing": sizing or {},
            "search": {"window_sessions": 150, "trials": 9} | search,
        }
    )


def walk(panel: PricePanel, card: StrategyCard, *, workers: int = 1, probabilities: Any = None) -> Walk:
    strategy = STRATEGY_TYPES[card.type]
    space = ParameterSpace.of(strategy.Parameters, card.parameters, card.constraints)
    return Walk(
        space,
        Backtests(strategy, Inputs(panel), card, COST_RATE, workers=workers, fan_out=Threads(workers).map),
        probabilities,
    )


class Diary:
    """Rows as the two tables would hold them; also `search.Past` for the searches that go on from them."""

    def __init__(self) -> None:
        self.chosen, self.results = pd.DataFrame(), pd.DataFrame()
        self._space: ParameterSpace | None = None

    def go_on(self, walk: Walk, start: int, stop: int) -> None:
        """Search the sessions at positions start to stop, and write down what was found in place of what was there."""
        self._space = walk.space
        before = self._before("chosen", walk.sessions[start].item())
        text, state = None, None
        if len(before):
            row = before.iloc[-1]
            text = str(row["parameters"])
            state = InUse(self._read([text])[0], bool(row["trials"] > 0))
        stretches = walk.run(start, stop, state, self)
        first, last = (np.datetime64(walk.sessions[row], "s") for row in (start, stop - 1))
        for name, rows in (
            ("chosen", chosen_rows(stretches, walk.sessions, "tested", str(walk.objective), text)),
            ("results", result_rows(stretches, walk.sessions, "tested")),
        ):
            table = getattr(self, name)
            if len(table):
                table = table[(table["session"] < first) | (table["session"] > last)]
            setattr(self, name, pd.concat([table, rows]).sort_values("session", kind="stable", ignore_index=True))

    def in_use(self, before: date) -> Parameters | None:
        rows = self._before("chosen", before)
        return self._read(rows["parameters"].tail(1))[0] if len(rows) else None

    def best(self, before: date) -> Sequence[Parameters]:
        rows = self._before("results", before)
        return self._read(rows[rows["session"] == rows["session"].max()]["parameters"]) if len(rows) else ()

    def _before(self, table: str, session: date) -> pd.DataFrame:
        rows = getattr(self, table)
        return rows[rows["session"] < np.datetime64(session, "s")] if len(rows) else rows

    def _read(self, texts: Any) -> list[Parameters]:
        assert self._space is not None
        return [self._space.model.model_validate_json(text) for text in texts]

    def same_as(self, other: Diary) -> None:
        for name in ("chosen", "results"):
            # Tables that were begun with an empty one have other types of text.
            mine, others = getattr(self, name), getattr(other, name)
            pd.testing.assert_frame_equal(mine, others, check_exact=True, check_dtype=False, obj=name)
