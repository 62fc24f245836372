"""Sizing: tilts, volatility, crowding and caps against a plain reading, and what no sizing may do."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.strategies.card import Sizing
from portfolio_pipeline.core.strategies.sizing import sized
from portfolio_pipeline_tests.core.edge_markets import EdgeMarket, edge_markets
from portfolio_pipeline_tests.core.markets import market, up_to, with_another_future

PANEL = market()
INPUTS = Inputs(PANEL)
ROWS = np.array([5, 30, 200, 400, 430, 555, 699])
EVERY_STEP = Sizing(
    by="performance", crowding_penalty=0.7, volatility_target=0.1, volatility_window=21, maximum_gross=0.9
)


def plainly_sized(raw: np.ndarray, row: int, sizing: Sizing, inputs: Inputs = INPUTS) -> np.ndarray:
    """One row, one readable step after the other."""
    window, weights = sizing.volatility_window, pd.Series(raw)
    past = pd.DataFrame(inputs.returns).iloc[max(0, row - window + 1) : row + 1]
    full = row >= window
    if sizing.by != "type":
        known = past.notna().all() & (past.std() > 1e-10) & (weights != 0) & full
        if sizing.by == "volatility":
            tilt = 1.0 / past.std()
        else:
            tilt = (np.sign(weights) * past.mean() / past.std()).clip(lower=0.0)
        tilted, gross = (weights * tilt)[known], weights[known].abs().sum()
        weights[known] = tilted * gross / tilted.abs().sum() if tilted.any() else 0.0
    past = past.fillna(0.0)
    if sizing.volatility_target is not None and full:
        volatility = float((past @ weights).std() * np.sqrt(252))
        if volatility > 1e-10:
            weights = weights * sizing.volatility_target / volatility
    if sizing.crowding_penalty > 0.0 and full:
        moved = past.std() > 1e-10
        correlation, kept = past.loc[:, moved].corr().reindex(past.columns, axis=0), weights.copy()
        correlation = correlation.reindex(past.columns, axis=1).fillna(0.0)
        for i in weights.index[weights != 0]:
            rest = weights.drop(i)
            if rest.any():
                alike = (correlation.loc[i, rest.index] * rest).sum() * np.sign(weights[i]) / rest.abs().sum()
                kept[i] = weights[i] * (1.0 - sizing.crowding_penalty * max(0.0, alike))
        weights = kept
    weights = weights.clip(-sizing.maximum_weight, sizing.maximum_weight)
    gross = weights.abs().sum()
    targets: np.ndarray = (weights * min(1.0, sizing.maximum_gross / gross) if gross > 0 else weights).to_numpy()
    return targets


def some_weights(seed: int, rows: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    weights = rng.normal(0.0, 0.2, (rows, 8)) * (rng.random((rows, 8)) < 0.6)
    return np.where(INPUTS.traded[ROWS[:rows]], weights, 0.0)


@pytest.mark.parametrize(
    "sizing",
    [
        Sizing(),
        Sizing(volatility_target=0.1, maximum_weight=0.9, maximum_gross=3.0),
        Sizing(by="volatility", maximum_weight=1.0, maximum_gross=3.0),
        Sizing(by="performance", maximum_weight=1.0, maximum_gross=3.0, volatility_window=33),
        Sizing(crowding_penalty=1.0, maximum_weight=1.0, maximum_gross=3.0),
        EVERY_STEP,
    ],
    ids=["caps", "volatility target", "by volatility", "by performance", "crowding", "every step"],
)
def test_sizing_is_the_plain_one(sizing: Sizing) -> None:
    for seed in range(12):
        weights = some_weights(seed, len(ROWS))
        found = sized(INPUTS, weights, ROWS, sizing)
        for k, row in enumerate(ROWS):
            np.testing.assert_allclose(found[k], plainly_sized(weights[k], row, sizing), rtol=1e-9, atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(
    market=edge_markets(),
    seed=st.integers(0, 10_000),
    by=st.sampled_from(["type", "volatility", "performance"]),
    crowding=st.sampled_from([0.0, 0.5, 1.0]),
    target=st.sampled_from([None, 0.1]),
)
def test_sizing_at_the_edges_is_the_plain_one(
    market: EdgeMarket,
    seed: int,
    by: Literal["type", "volatility", "performance"],
    crowding: float,
    target: float | None,
) -> None:
    inputs, rows, rng = market.inputs, np.arange(0, 40, 3), np.random.default_rng(seed)
    sizing = Sizing(by=by, crowding_penalty=crowding, volatility_target=target, volatility_window=10, maximum_gross=1.5)
    weights = rng.choice([-0.4, -0.2, 0.0, 0.2, 0.4], (len(rows), len(market.symbols)))
    weights[:, rng.integers(0, len(market.symbols))] *= rng.choice([1.0, 1e-9])
    weights = np.where(inputs.traded[rows], weights, 0.0)
    found = sized(inputs, weights, rows, sizing)
    for k, row in enumerate(rows):
        expected = plainly_sized(weights[k], int(row), sizing, inputs)
        # Beside a weight of a billionth, what the others have in common with it is known to seven digits.
        np.testing.assert_allclose(found[k], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("by", ["volatility", "performance"])
def test_a_tilt_moves_weight_within_the_same_gross_exposure(by: Literal["volatility", "performance"]) -> None:
    weights = np.abs(some_weights(1, len(ROWS)))
    found = sized(INPUTS, weights, ROWS, Sizing(by=by, maximum_weight=1.0, maximum_gross=4.0))
    gained = found.any(axis=1)
    np.testing.assert_allclose(found.sum(axis=1)[gained], weights.sum(axis=1)[gained])
    assert gained.sum() > 3
    assert not np.allclose(found[gained], weights[gained])


def test_what_moves_alike_is_thinned_out_and_a_hedge_is_not() -> None:
    rows, sizing = np.array([650]), Sizing(crowding_penalty=0.5, maximum_weight=1.0)
    alone = sized(INPUTS, np.array([[0.4, 0, 0, 0, 0, 0, 0, 0.0]]), rows, sizing)[0]
    both = sized(INPUTS, np.array([[0.4, 0, 0, 0.4, 0, 0, 0, 0.0]]), rows, sizing)[0]
    hedge = sized(INPUTS, np.array([[0.4, 0, 0, -0.4, 0, 0, 0, 0.0]]), rows, sizing)[0]
    correlation = pd.DataFrame(INPUTS.returns).iloc[591:651].fillna(0.0).corr().loc[0, 3]
    assert correlation > 0.1
    assert alone[0] == 0.4
    assert hedge[0] == 0.4
    assert hedge[3] == -0.4
    np.testing.assert_allclose(both[[0, 3]], 0.4 * (1 - 0.5 * correlation))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(["type", "volatility", "performance"]),
    st.floats(0.0, 1.0),
    st.sampled_from([None, 0.05, 0.5]),
    st.floats(0.05, 1.0),
)
def test_sizing_keeps_to_its_caps_and_never_turns_a_position_round(
    seed: int,
    by: Literal["type", "volatility", "performance"],
    crowding: float,
    target: float | None,
    cap: float,
) -> None:
    weights = some_weights(seed, len(ROWS))
    sizing = Sizing(by=by, crowding_penalty=crowding, volatility_target=target, maximum_weight=cap)
    found = sized(INPUTS, weights, ROWS, sizing)
    assert np.isfinite(found).all()
    assert (np.abs(found) <= cap + 1e-12).all()
    assert (np.abs(found).sum(axis=1) <= 1.0 + 1e-12).all()
    assert (found * weights >= 0.0).all()
    assert not np.signbit(found[found == 0.0]).any()


def test_a_row_is_sized_with_its_own_past_alone() -> None:
    weights = some_weights(3, len(ROWS))
    many = sized(INPUTS, weights, ROWS, EVERY_STEP)
    for k, row in enumerate(ROWS):
        for panel in (up_to(PANEL, row), with_another_future(PANEL, int(row))):
            one = sized(Inputs(panel), weights[k : k + 1], np.array([row]), EVERY_STEP)
            np.testing.assert_array_equal(one[0], many[k])


def test_days_in_a_row_with_the_same_weights_have_the_bits_of_each_day_alone() -> None:
    rows = np.arange(50, 650)
    weights = some_weights(5, 7)[np.repeat([3, 4, 3, 6], 150)]
    weights[[7, 8, 120, 300]] = 0.0
    weights[50] *= 2.0
    sizing = Sizing(volatility_target=0.1, volatility_window=20)
    many = sized(INPUTS, weights, rows, sizing)
    for k in [*range(0, len(rows), 11), 6, 9, 49, 50, 51, 119, 121, 301]:
        np.testing.assert_array_equal(sized(INPUTS, weights[k : k + 1], rows[k : k + 1], sizing)[0], many[k])


def test_what_was_handed_in_to_be_sized_stays_as_it_was() -> None:
    weights = some_weights(4, len(ROWS))
    before = weights.copy()
    sized(INPUTS, weights, ROWS, EVERY_STEP)
    np.testing.assert_array_equal(weights, before)
