"""Exposure between scheduled decisions: volatility targeted daily and stops, against a plain reading day by day."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.calendar.cadence import due
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.strategies.card import Sizing
from portfolio_pipeline.core.strategies.exposure import decisions, last_scheduled, wanted_at
from portfolio_pipeline.core.strategies.sizing import sized
from portfolio_pipeline.core.strategies.types.momentum import Momentum, MomentumParameters
from portfolio_pipeline_tests.core.edge_markets import EdgeMarket, edge_markets
from portfolio_pipeline_tests.core.markets import closes_only, market, up_to, with_another_future

PANEL = market(missing=0.02)
INPUTS = Inputs(PANEL)
SCHEDULED = due(PANEL.sessions, "monthly")
ROWS = np.flatnonzero(SCHEDULED)
LAST = last_scheduled(SCHEDULED)
PARAMETERS = MomentumParameters(fast=21, slow=84, trend_filter="none", top=3)
CARDS = {
    "scheduled": Sizing(volatility_target=0.1),
    "daily": Sizing(volatility_target=0.1, adjust="daily"),
    "stop": Sizing(stop=0.04, maximum_weight=1.0),
    "daily with stop": Sizing(volatility_target=0.1, adjust="daily", stop=0.04, by="volatility", crowding_penalty=0.3),
}


def raw_weights(inputs: Inputs, rows: np.ndarray, *, long_short: bool = True) -> np.ndarray:
    return Momentum().target_weights(inputs, PARAMETERS, rows, long_short=long_short)


def plainly(sizing: Sizing, rows: np.ndarray, raw: np.ndarray) -> dict[int, np.ndarray]:
    """What is decided at which session, looking at one session after the other."""
    decided: dict[int, np.ndarray] = {}
    for t in range(rows[0], len(INPUTS.sessions)):
        k = int(np.flatnonzero(rows <= t)[-1])
        sized_at = t if sizing.adjust == "daily" else rows[k]
        weights = sized(INPUTS, raw[k : k + 1], np.array([sized_at]), sizing)[0]
        newly = False
        for i in np.flatnonzero(weights):
            out = [
                u
                for u in range(rows[k], t + 1)
                for past in [INPUTS.close[rows[k] : u + 1, i]]
                if sizing.stop is not None
                and (
                    past[-1] < past.max() * (1 - sizing.stop)
                    if weights[i] > 0
                    else past[-1] > past.min() * (1 + sizing.stop)
                )
            ]
            if out:
                weights[i] = 0.0
                newly |= out[0] == t
        if t in rows or sizing.adjust == "daily" or newly:
            decided[t] = weights
    return decided


@pytest.mark.parametrize("name", list(CARDS))
@pytest.mark.parametrize("long_short", [False, True])
def test_what_is_decided_is_what_a_plain_reading_decides(name: str, long_short: bool) -> None:
    raw = raw_weights(INPUTS, ROWS, long_short=long_short)
    expected = plainly(CARDS[name], ROWS, raw)
    found = decisions(INPUTS, CARDS[name], ROWS, raw)
    assert found.rows.tolist() == list(expected)
    np.testing.assert_array_equal(found.weights, np.stack(list(expected.values())))
    assert found.weights.any()
    if name == "stop":
        assert len(found.rows) > len(ROWS)


@pytest.mark.parametrize("name", list(CARDS))
def test_a_session_alone_wants_what_the_whole_history_decided(name: str) -> None:
    many = decisions(INPUTS, CARDS[name], ROWS, raw_weights(INPUTS, ROWS))
    weights = dict(zip(many.rows.tolist(), many.weights, strict=True))
    in_force = np.zeros(8)
    for row in range(500, 560):
        in_force = weights.get(row, in_force)
        for panel in (up_to(PANEL, row), with_another_future(PANEL, row)):
            alone, one = Inputs(panel), np.array([row])
            raw = raw_weights(alone, LAST[one])
            found, decided = wanted_at(alone, CARDS[name], one, LAST[one], raw)
            assert decided[0] == (row in weights)
            if row in weights or (name != "daily" and row > ROWS[ROWS >= 500][0]):
                np.testing.assert_array_equal(found[0], in_force)


def test_sessions_together_want_what_they_want_alone() -> None:
    rows = np.arange(480, 600)
    for sizing in CARDS.values():
        raw = raw_weights(INPUTS, LAST[rows])
        weights, decided = wanted_at(INPUTS, sizing, rows, LAST[rows], raw)
        for k in range(0, len(rows), 7):
            one = slice(k, k + 1)
            found = wanted_at(INPUTS, sizing, rows[one], LAST[rows[one]], raw[one])
            np.testing.assert_array_equal(found[0][0], weights[k])
            assert found[1][0] == decided[k]


def test_a_stop_waits_for_the_next_scheduled_decision_and_leaves_cash() -> None:
    close = np.array([[10.0, 10, 10], [12, 9, 10], [11, 11, 10], [12.5, 11, 10], [10, 11, 10], [9, 11, 10]])
    inputs, raw = Inputs(closes_only(close)), np.array([[0.4, 0.3, -0.3], [0.4, 0.3, -0.3]])
    found = decisions(inputs, Sizing(stop=0.05, maximum_weight=1.0), np.array([0, 3]), raw)
    assert found.rows.tolist() == [0, 1, 2, 3, 4]
    expected = [[0.4, 0.3, -0.3], [0.4, 0.0, -0.3], [0.0, 0.0, -0.3], [0.4, 0.3, -0.3], [0.0, 0.3, -0.3]]
    np.testing.assert_array_equal(found.weights, expected)


def test_a_short_is_stopped_by_a_rise_from_its_lowest_close() -> None:
    close = np.array([[10.0], [8], [8.3], [8.5], [9.9]])
    found = decisions(
        Inputs(closes_only(close)), Sizing(stop=0.05, maximum_weight=1.0), np.array([0]), np.array([[-0.5]])
    )
    assert found.rows.tolist() == [0, 3]
    np.testing.assert_array_equal(found.weights, [[-0.5], [0.0]])


@pytest.mark.parametrize(("highest", "stop", "exactly"), [(13.0, 0.1, 11.7), (21.0, 0.1, 18.9), (26.0, 0.1, 23.4)])
def test_what_has_moved_by_exactly_the_stop_is_not_stopped(highest: float, stop: float, exactly: float) -> None:
    assert exactly < highest * (1.0 - stop)  # in the last digit alone
    close = np.array([[highest], [exactly], [exactly - 0.01]])
    found = decisions(Inputs(closes_only(close)), Sizing(stop=stop), np.array([0]), np.array([[0.3]]))
    assert found.rows.tolist() == [0, 2]


@settings(max_examples=150, deadline=None)
@given(
    market=edge_markets(),
    seed=st.integers(0, 10_000),
    stop=st.sampled_from(["0.01", "0.02", "0.05", "0.1"]),
    every=st.integers(1, 15),
)
def test_a_stop_at_the_edges_is_where_exact_reckoning_puts_it(
    market: EdgeMarket, seed: int, stop: str, every: int
) -> None:
    rng, limit, rows = np.random.default_rng(seed), Fraction(stop), np.arange(int(seed % 7), 40, every)
    raw = np.where(market.inputs.traded[rows], rng.choice([-0.2, 0.0, 0.2], (len(rows), len(market.symbols))), 0.0)
    expected: dict[int, list[float]] = {}
    for t in range(rows[0], 40):
        since = int(rows[rows <= t][-1])
        weights, newly = raw[rows == since][0].tolist(), False
        for i in np.flatnonzero(weights).tolist():
            closes = [close for close in market.carried[i][since : t + 1] if close is not None]
            out = [
                u
                for u, close in enumerate(closes)
                if (weights[i] > 0 and close < max(closes[: u + 1]) * (1 - limit))
                or (weights[i] < 0 and close > min(closes[: u + 1]) * (1 + limit))
            ]
            if out:
                weights[i] = 0.0
                newly |= since + out[0] == t
        if t in rows or newly:
            expected[t] = weights
    found = decisions(market.inputs, Sizing(stop=float(stop)), rows, raw)
    assert found.rows.tolist() == list(expected)
    np.testing.assert_array_equal(found.weights, list(expected.values()))


def test_without_a_scheduled_session_nothing_is_decided() -> None:
    for sizing in CARDS.values():
        none = decisions(INPUTS, sizing, np.array([], np.int64), np.zeros((0, 8)))
        assert len(none.rows) == 0
        assert none.weights.shape == (0, 8)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_the_last_scheduled_session_is_the_nearest_one_in_the_past(scheduled: list[bool]) -> None:
    found = last_scheduled(np.array(scheduled))
    for t in range(len(scheduled)):
        earlier = [u for u in range(t + 1) if scheduled[u]]
        assert found[t] == (earlier[-1] if earlier else -1)
