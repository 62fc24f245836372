"""Following a strategy: a range is its sessions one by one, and the paper book lives through what the universe does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.simulation.simulation import Decisions, TradePrices, simulate_plainly
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
from portfolio_pipeline.core.strategies.types.momentum import Momentum, MomentumParameters
from portfolio_pipeline_tests.core.markets import market, up_to, with_another_future

CARD = StrategyCard.model_validate(
    {
        "name": "tested",
        "type": "momentum",
        "description": "for tests",
        "symbols": {"asset_classes": ["equity"]},
        "sizing": {"volatility_target": 0.12, "maximum_weight": 0.3},
    }
)
PANEL = market(missing=0.02)
FIRST, LAST = 480, 640
PARAMETERS = [MomentumParameters(top=3 if row < 560 else 5) for row in range(FIRST, LAST + 1)]
MIXTURES = [Mixture.single(one) for one in PARAMETERS]
CHANGED = [row in (FIRST, 560) for row in range(FIRST, LAST + 1)]
Rows = dict[str, pd.DataFrame]


def play(
    panel: PricePanel, first: int, last: int, before: PaperState | None, universe: tuple[str, ...] | None = None
) -> Rows:
    """Rows of the three tables for sessions first to last."""
    known = up_to(panel, last)
    own = universe or panel.symbols
    symbols = own + tuple(sorted(set(before.holdings if before else ()) - set(own)))
    mine = slice(first - FIRST, last + 1 - FIRST)
    played = follow(
        Momentum(), CARD, known.select(symbols), own, MIXTURES[mine], CHANGED[mine], before, 0.0003, delist_after=4
    )
    days = known.sessions[first:]
    return {
        "targets": target_rows(CARD, days, symbols, len(own), played),
        "returns": return_rows(CARD, days, played, np.zeros(len(days))),
        "book": book_rows(CARD, days, symbols, played),
    }


def state(rows: Rows) -> PaperState:
    """What the tables hold of the newest session."""
    newest = rows["returns"]["session"].max()
    book, targets = (rows[name][rows[name]["session"] == newest] for name in ("book", "targets"))
    return PaperState.of_rows(book.sample(frac=1, random_state=1), targets)


def joined(parts: list[Rows]) -> Rows:
    return {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}


def same(found: Rows, expected: Rows) -> None:
    for name, rows in expected.items():
        pd.testing.assert_frame_equal(found[name], rows, check_exact=True, obj=name)


def test_a_range_gives_bit_for_bit_what_its_sessions_one_by_one_give() -> None:
    parts, before = [], None
    for row in range(FIRST, LAST + 1):
        parts.append(play(PANEL, row, row, before))
        before = state(parts[-1])
    same(joined(parts), play(PANEL, FIRST, LAST, None))


@pytest.mark.parametrize("cut", [481, 559, 560, 561, 600])
def test_two_ranges_give_what_one_gives(cut: int) -> None:
    early = play(PANEL, FIRST, cut, None)
    same(joined([early, play(PANEL, cut + 1, LAST, state(early))]), play(PANEL, FIRST, LAST, None))


def test_another_future_changes_nothing() -> None:
    found, other = play(PANEL, FIRST, LAST, None), play(with_another_future(PANEL, 600), FIRST, LAST, None)
    day = np.datetime64(PANEL.sessions[600], "s")
    for name, rows in found.items():
        known, later = rows["session"] <= day, other[name]["session"] <= day
        pd.testing.assert_frame_equal(rows[known], other[name][later], check_exact=True)


def test_paper_returns_are_those_of_the_plain_back_test_of_the_same_decisions() -> None:
    rows = play(PANEL, FIRST, LAST, None)
    inputs = Inputs(PANEL)
    decided = np.flatnonzero(due(PANEL.sessions, "weekly")[FIRST : LAST + 1] | np.array(CHANGED))
    weights = [
        sized(
            inputs,
            Momentum().target_weights(inputs, PARAMETERS[k], np.array([FIRST + k])),
            np.array([FIRST + k]),
            CARD.sizing,
        )
        for k in decided
    ]
    decisions = Decisions(decided, np.concatenate(weights))
    expected = simulate_plainly(TradePrices.of(PANEL).rows(FIRST, LAST + 1), decisions, 0.0003, delist_after=4)
    np.testing.assert_allclose(rows["returns"]["net_return"], expected.net_return, atol=1e-12)
    np.testing.assert_allclose(
        rows["returns"]["gross_return"] - rows["returns"]["cost"], expected.net_return, atol=1e-12
    )
    targets = rows["targets"].pivot_table(index="session", columns="symbol", values="weight").to_numpy()
    held = expected.weights.copy()
    held[decided] = decisions.weights
    np.testing.assert_allclose(targets, held, atol=1e-12)
    assert rows["targets"].groupby("session")["decided"].first().to_numpy().nonzero()[0].tolist() == decided.tolist()


def test_the_first_session_decides_and_a_change_of_parameters_decides_at_once() -> None:
    decided = play(PANEL, FIRST, LAST, None)["targets"].groupby("session")["decided"].first()
    assert decided.iloc[0]
    assert decided.loc[np.datetime64(PANEL.sessions[560], "s")]
    assert not due(PANEL.sessions, "weekly")[560]


def test_what_has_left_the_universe_is_sold_and_then_forgotten() -> None:
    early = play(PANEL, FIRST, 559, None)
    held = set(state(early).holdings)
    smaller = tuple(symbol for symbol in PANEL.symbols if symbol != max(held))
    late = play(PANEL, 560, 575, state(early), smaller)
    leaving = late["book"][late["book"]["symbol"] == max(held)]
    assert len(leaving) == 1  # held at the close of the first session, sold at the next open
    asked = late["targets"][late["targets"]["symbol"] == max(held)]
    assert asked["weight"].tolist() == [] or set(asked["weight"]) != {0.0}
    parts, before = [], state(early)
    for row in range(560, 576):
        parts.append(play(PANEL, row, row, before, smaller))
        before = state(parts[-1])
    same(joined(parts), late)


def test_decided_rows_that_break_the_card_are_named() -> None:
    day = pd.Timestamp("2020-01-02").as_unit("s")
    rows = pd.DataFrame(
        {"session": [day] * 5, "symbol": list("ABCDE"), "weight": [0.3, 0.31, -0.01, 0.3, 0.3], "decided": True}
    )
    broken = limits_broken(CARD, rows)
    assert [row["symbol"] for row in broken] == ["B", "C", "gross exposure"]
    assert limits_broken(CARD, rows.assign(decided=False)) == []
    assert limits_broken(CARD, rows[rows["symbol"].isin(["A", "D", "E"])]) == []
    assert limits_broken(CARD, play(PANEL, FIRST, LAST, None)["targets"]) == []
