"""Changes of parameters phased in, daily volatility and stops, as the paper book trades them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.search.evaluation import Backtests
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
from portfolio_pipeline.core.strategies.sizing import sized
from portfolio_pipeline.core.strategies.transitions import sessions_looked_back, wanted
from portfolio_pipeline.core.strategies.types.momentum import Momentum, MomentumParameters
from portfolio_pipeline_tests.core.markets import market, up_to, with_another_future

PANEL = market(missing=0.02)
FIRST, LAST = 480, 600
SETS = [MomentumParameters(top=top) for top in (3, 5, 2, 4)]
STEPS = {480: 0, 500: 1, 503: 2, 504: 0, 540: 3, 580: 1}
PLACES = [max(step for step in STEPS if step <= row) for row in range(FIRST, LAST + 1)]
PARAMETERS = [SETS[STEPS[place]] for place in PLACES]
MIXTURES = [Mixture.single(one) for one in PARAMETERS]
CHANGED = [row in STEPS for row in range(FIRST, LAST + 1)]
SIZINGS: dict[str, dict[str, Any]] = {
    "at decisions": {},
    "daily": {"adjust": "daily"},
    "stop": {"stop": 0.04},
    "daily with stop": {"adjust": "daily", "stop": 0.04},
}
EVERY_CARD = list(itertools.product(SIZINGS, ["long_only", "long_short"]))


def card(transition: int = 1, sizing: str = "at decisions", direction: str = "long_only", **more: Any) -> StrategyCard:
    return StrategyCard.model_validate(
        {
            "name": "tested",
            "type": "momentum",
            "description": "for tests",
            "symbols": {"asset_classes": ["equity"]},
            "sizing": {"volatility_target": 0.12, "maximum_weight": 0.3, "maximum_gross": 0.9, **SIZINGS[sizing]},
            "transition_sessions": transition,
            "direction": direction,
            **more,
        }
    )


def play(
    panel: PricePanel, one: StrategyCard, first: int, last: int, before: PaperState | None = None
) -> dict[str, pd.DataFrame]:
    """Rows of the three tables for sessions first to last, of a strategy that began at FIRST."""
    known, mine = up_to(panel, last), slice(first - FIRST, last + 1 - FIRST)
    earlier = MIXTURES[max(0, first - FIRST - sessions_looked_back(one)) : first - FIRST]
    played = follow(
        Momentum(),
        one,
        known,
        panel.symbols,
        MIXTURES[mine],
        CHANGED[mine],
        before,
        0.0003,
        earlier=earlier,
        delist_after=4,
    )
    days = known.sessions[first:]
    return {
        "targets": target_rows(one, days, panel.symbols, len(panel.symbols), played),
        "returns": return_rows(one, days, played, np.zeros(len(days))),
        "book": book_rows(one, days, panel.symbols, played),
    }


@pytest.mark.parametrize("transition", [1, 5])
@pytest.mark.parametrize(("sizing", "direction"), EVERY_CARD)
def test_a_range_gives_bit_for_bit_what_its_sessions_one_by_one_give(
    transition: int, sizing: str, direction: str
) -> None:
    one, last = card(transition, sizing, direction), 545
    parts, before = [], None
    for row in range(FIRST, last + 1):
        parts.append(play(PANEL, one, row, row, before))
        before = PaperState.of_rows(parts[-1]["book"], parts[-1]["targets"])
    for name, rows in play(PANEL, one, FIRST, last).items():
        joined = pd.concat([part[name] for part in parts], ignore_index=True)
        pd.testing.assert_frame_equal(joined, rows, check_exact=True, obj=name)


@pytest.mark.parametrize(("sizing", "direction"), EVERY_CARD)
def test_another_future_changes_nothing(sizing: str, direction: str) -> None:
    one, day = card(5, sizing, direction), np.datetime64(PANEL.sessions[542], "s")
    other = play(with_another_future(PANEL, 542), one, FIRST, LAST)
    for name, rows in play(PANEL, one, FIRST, LAST).items():
        known = rows[rows["session"] <= day]
        pd.testing.assert_frame_equal(known, other[name][other[name]["session"] <= day], check_exact=True)


@pytest.mark.parametrize(("sizing", "direction"), EVERY_CARD)
def test_what_is_decided_keeps_to_the_card(sizing: str, direction: str) -> None:
    one = card(5, sizing, direction)
    targets = play(PANEL, one, FIRST, LAST)["targets"]
    assert limits_broken(one, targets) == []
    assert (targets["weight"] < 0).any() == (direction == "long_short")


@pytest.mark.parametrize("rebalance", ["weekly", "monthly"])
@pytest.mark.parametrize(("sizing", "direction"), EVERY_CARD)
def test_with_constant_parameters_the_paper_book_earns_what_the_search_evaluated(
    sizing: str, direction: str, rebalance: str
) -> None:
    one = card(3, sizing, direction, rebalance=rebalance)
    count = len(PANEL.sessions)
    alone = [Mixture.single(SETS[0])] * count
    played = follow(Momentum(), one, PANEL, PANEL.symbols, alone, [False] * count, None, 0.0003)
    backtests = Backtests(Momentum(), Inputs(PANEL), one, 0.0003)
    net, turnover = backtests.of([SETS[0]])
    np.testing.assert_allclose([session.result.net_return[0] for session in played], net[0], rtol=0, atol=1e-12)
    traded = np.array([session.result.turnover[0] for session in played])
    np.testing.assert_allclose(traded[backtests.traded_at], turnover[0], rtol=0, atol=1e-12)
    assert np.abs(net).max() > 0.01


def test_a_change_is_phased_in_linearly_and_decides_while_it_is() -> None:
    count, length = 4, LAST + 1 - FIRST
    one, inputs, rows = card(count), Inputs(up_to(PANEL, LAST)), np.arange(FIRST, LAST + 1)
    weights, decided = wanted(Momentum(), one, inputs, MIXTURES, CHANGED)
    own = {
        each: sized(inputs, Momentum().target_weights(inputs, each, rows), rows, one.sizing) for each in set(PARAMETERS)
    }
    calendar = due(inputs.sessions, "weekly")[FIRST:]
    for k in range(length):
        newest = [PARAMETERS[max(0, k - back)] for back in range(count)]
        phasing = any(k - step < count for step in [s - FIRST for s in STEPS if FIRST < s <= FIRST + k])
        assert decided[k] == (calendar[k] or CHANGED[k] or phasing)
        if decided[k]:
            np.testing.assert_allclose(weights[k], np.mean([own[each][k] for each in newest], axis=0), atol=1e-15)
    after = 540 - FIRST
    for past in range(count):
        expected = (past + 1) / count * own[SETS[3]][after + past] + (count - 1 - past) / count * own[SETS[0]][
            after + past
        ]
        np.testing.assert_allclose(weights[after + past], expected, atol=1e-15)
    np.testing.assert_array_equal(weights[after + count - 1], own[SETS[3]][after + count - 1])


def test_a_stop_is_a_decision_that_leaves_the_holding_until_the_next_scheduled_one() -> None:
    one = card(1, "stop")
    targets = play(PANEL, one, FIRST, LAST)["targets"]
    wide = targets.pivot_table(index="session", columns="symbol", values="weight")
    decided = targets.groupby("session")["decided"].first().to_numpy()
    calendar = due(PANEL.sessions, "weekly")[FIRST : LAST + 1]
    stopped = np.flatnonzero(decided & ~calendar & ~np.array(CHANGED))
    assert len(stopped) > 3
    for k in stopped:
        last = max(np.flatnonzero(calendar[: k + 1]))
        close = Inputs(PANEL).close[FIRST + last : FIRST + k + 1]
        fallen = close[-1] < 0.96 * close.max(axis=0)
        out = (wide.iloc[k - 1].to_numpy() > 0) & (wide.iloc[k].to_numpy() == 0)
        assert out.any()
        assert fallen[out].all()
