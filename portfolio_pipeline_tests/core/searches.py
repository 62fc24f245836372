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
from portfolio_pipeline.core.search import (
    Backtests,
    InUse,
    Walk,
    Written,
    chosen_rows,
    mixture_rows,
    result_rows,
)
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.strategies.mixture import Mixture
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES

COST_RATE = 0.0003


def card(parameters: dict[str, Any] | None = None, sizing: dict[str, Any] | None = None, **search: Any) -> StrategyCard:
    """With the rule `best_neighbourhood`, unless another is named."""
    return StrategyCard.model_validate(
        {
            "name": "tested",
            "type": "momentum",
            "description": "for tests",
            "symbols": {"asset_classes": ["equity"]},
            "parameters": parameters or {},
            "sizing": sizing or {},
            "search": {"rule": "best_neighbourhood", "window_sessions": 150, "trials": 9} | search,
        }
    )


def walk(panel: PricePanel, card: StrategyCard, *, workers: int = 1, probabilities: Any = None, first: int = 0) -> Walk:
    strategy = STRATEGY_TYPES[card.type]
    space = ParameterSpace.of(strategy.Parameters, card.parameters, card.constraints)
    return Walk(
        space,
        Backtests(strategy, Inputs(panel), card, COST_RATE, workers=workers, fan_out=Threads(workers).map),
        probabilities,
        first=first,
    )


class Diary:
    """Rows as the three tables would hold them; also `search.Past` for the searches that go on from them."""

    def __init__(self) -> None:
        self.chosen, self.mixtures, self.results = pd.DataFrame(), pd.DataFrame(), pd.DataFrame()
        self._space: ParameterSpace | None = None

    def go_on(self, walk: Walk, start: int, stop: int) -> None:
        """Search the sessions at positions start to stop, and write down what was found in place of what was there."""
        self._space = walk.space
        before = self._before("chosen", walk.sessions[start].item())
        mixture: Written | None = None
        state = None
        if len(before):
            rows = self.mixtures[self.mixtures["session"] == before["session"].iloc[-1]]
            mixture = tuple(zip(rows["parameters"], rows["share"], strict=True))
            used = Mixture(tuple(self._read(rows["parameters"])), tuple(rows["share"]))
            state = InUse(used, bool(before["trials"].iloc[-1] > 0))
        stretches = walk.run(start, stop, state, self)
        first, last = (np.datetime64(walk.sessions[row], "s") for row in (start, stop - 1))
        for name, rows in (
            ("chosen", chosen_rows(stretches, walk.sessions, "tested", str(walk.objective), mixture)),
            ("mixtures", mixture_rows(stretches, walk.sessions, "tested")),
            ("results", result_rows(stretches, walk.sessions, "tested")),
        ):
            table = getattr(self, name)
            if len(table):
                table = table[(table["session"] < first) | (table["session"] > last)]
            setattr(self, name, pd.concat([table, rows]).sort_values("session", kind="stable", ignore_index=True))

    def in_use(self, before: date) -> Sequence[Parameters]:
        return self._newest("mixtures", before)

    def best(self, before: date) -> Sequence[Parameters]:
        return self._newest("results", before)

    def _newest(self, table: str, before: date) -> Sequence[Parameters]:
        rows = self._before(table, before)
        return self._read(rows[rows["session"] == rows["session"].max()]["parameters"]) if len(rows) else ()

    def _before(self, table: str, session: date) -> pd.DataFrame:
        rows = getattr(self, table)
        return rows[rows["session"] < np.datetime64(session, "s")] if len(rows) else rows

    def _read(self, texts: Any) -> list[Parameters]:
        assert self._space is not None
        return [self._space.model.model_validate_json(text) for text in texts]

    def same_as(self, other: Diary) -> None:
        for name in ("chosen", "mixtures", "results"):
            # Tables that were begun with an empty one have other types of text.
            mine, others = getattr(self, name), getattr(other, name)
            pd.testing.assert_frame_equal(mine, others, check_exact=True, check_dtype=False, obj=name)
