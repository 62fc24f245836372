"""Each strategy type on markets full of edges, against a plain loop over sessions and symbols that reckons exactly.

The loops say what the cards and docstrings promise: what is equal is neither above nor below, whatever the last digits
of a mean say; what is not known lets nothing be held; of equal scores the stated symbol comes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypfopt import HRPOpt

from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.strategies.types.relative_strength import FRAMES, MONTH
from portfolio_pipeline_tests.core.edge_markets import EdgeMarket, Price, edge_markets
from portfolio_pipeline_tests.core.markets import closes_only

Weights = list[float]
EXAMPLES = 150


def found(name: str, market: EdgeMarket, parameters: Any, rows: Sequence[int], long_short: bool) -> np.ndarray:
    weights = STRATEGY_TYPES[name].target_weights(market.inputs, parameters, np.array(rows), long_short=long_short)
    assert not np.isnan(weights).any()
    return weights


def side(value: Price, average: Price) -> int | None:
    return None if value is None or average is None else (value > average) - (value < average)


def deviation(values: Sequence[Fraction]) -> float:
    mean = sum(values) / Fraction(len(values))
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def rank(values: Sequence[Price]) -> list[Price]:
    """From 1/n to 1; of equal ones the later is higher."""
    order = sorted((i for i, value in enumerate(values) if value is not None), key=lambda i: (values[i], i))
    return [None if values[i] is None else Fraction(order.index(i) + 1, len(order)) for i in range(len(values))]


def momentum(market: EdgeMarket, p: Any, t: int, long_short: bool) -> Weights:
    def ranks(window: int) -> list[Price]:
        pasts = [market.past(i, t, window + 1) for i in market.symbols]
        return rank([None if past is None else past[-1] / past[0] - 1 for past in pasts])

    fast, slow, share = ranks(p.fast), ranks(p.slow), Fraction(p.slow_share)
    scores = {
        i: (1 - share) * a + share * b
        for i, (a, b) in enumerate(zip(fast, slow, strict=True))
        if a is not None and b is not None and market.has_bar(i, t)
    }
    window = p.trend_window
    level = market.level[max(0, t - window + 1) : t + 1]
    apart = round(level[-1] - sum(level) / Fraction(window), 20)
    whole = side(apart, Fraction(0)) if len(level) == window else None

    def allowed(i: int, sign: int) -> bool:
        own = side(market.carried[i][t], market.average(i, t, window))
        return (p.trend_filter not in ("symbol", "both") or own == sign) and (
            p.trend_filter not in ("market", "both") or whole == sign
        )

    weights = [0.0] * len(market.symbols)
    for sign in (1, -1) if long_short else (1,):
        for i in sorted(scores, key=lambda i: (-sign * scores[i], i))[: p.top]:
            weights[i] += sign / p.top * allowed(i, sign)
    return [weight / 2 for weight in weights] if long_short else weights


def trend(market: EdgeMarket, p: Any, t: int, long_short: bool) -> Weights:
    direction, share = {}, {}
    for i in market.symbols:
        sides = [
            side(market.average(i, t, p.fast >> speed), market.average(i, t, p.slow >> speed))
            for speed in range(p.speeds)
        ]
        past = market.past_returns(i, t, p.volatility_window)
        if None not in sides:
            direction[i] = sum(one for one in sides if one is not None)
            if past is not None and market.has_bar(i, t) and len(set(past)) > 1:
                share[i] = 1 / deviation(past)
    total = sum(share.values())
    return [
        direction[i] / p.speeds * share[i] / total if i in share and (long_short or direction[i] > 0) else 0.0
        for i in market.symbols
    ]


def mean_reversion(market: EdgeMarket, p: Any, t: int, long_short: bool) -> Weights:
    def stretched_up(i: int, u: int) -> float | None:
        past = market.past(i, u, p.lookback + (p.indicator == "rsi"))
        if past is None or u < 0:
            return None
        if p.indicator == "zscore":
            apart = past[-1] - sum(past) / Fraction(len(past))
            return float(apart) / deviation(past) if len(set(past)) > 1 else 0.0
        changes = [b - a for a, b in pairwise(past)]
        gained, moved = sum(max(change, Fraction(0)) for change in changes), sum(map(abs, changes))
        return float((100 * gained / Fraction(moved) - 50) / 15) if moved else 0.0

    weights = [0.0] * len(market.symbols)
    for sign in (1, -1) if long_short else (1,):
        recent = {}
        for i in market.symbols:
            known = [stretched_up(i, u) for u in range(t - p.hold + 1, t + 1) if u >= 0]
            stretch = [round(-sign * one, 9) for one in known if one is not None]
            above = side(market.carried[i][t], market.average(i, t, p.trend_window)) == sign
            if len(stretch) == p.hold and max(stretch) > p.entry and above and market.has_bar(i, t):
                recent[i] = max(stretch)
        for i in sorted(recent, key=lambda i: (-recent[i], i))[: p.places]:
            weights[i] += sign / p.places
    return [weight / 2 for weight in weights] if long_short else weights


def relative_strength(market: EdgeMarket, p: Any, t: int, long_short: bool) -> Weights:
    last = t - MONTH * p.skip_month
    weights = [0.0] * len(market.symbols)
    for sign in (1, -1) if long_short else (1,):
        strength = {}
        for i in market.symbols:
            past = market.past(i, last, FRAMES[-1] + 1) if last >= 0 else None
            above = side(market.carried[i][t], market.average(i, t, p.trend_window)) == sign
            if past is None or not market.has_bar(i, t) or (p.confirmed and not above):
                continue
            total = 0.0
            for frame, place in zip(FRAMES, (-1, -1 / 3, 1 / 3, 1), strict=True):
                grown = past[-1] / past[-1 - frame] * market.level[last - frame] / market.level[last]
                total += (1 + p.tilt * place) / len(FRAMES) * math.log(grown) * math.sqrt(252 / frame)
            if round(sign * total, 9) > p.minimum:
                strength[i] = round(sign * total, 9)
        for i in sorted(strength, key=lambda i: (-strength[i], i))[: p.top]:
            weights[i] += sign / p.top
    return [weight / 2 for weight in weights] if long_short else weights


PARAMETERS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "momentum": st.fixed_dictionaries(
        {
            "fast": st.integers(1, 4),
            "slow": st.integers(5, 9),
            "slow_share": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
            "top": st.integers(1, 4),
            "trend_window": st.integers(2, 12),
            "trend_filter": st.sampled_from(["none", "symbol", "market", "both"]),
        }
    ),
    "trend": st.fixed_dictionaries(
        {
            "fast": st.sampled_from([4, 6]),
            "slow": st.sampled_from([8, 12, 18]),
            "speeds": st.integers(1, 3),
            "volatility_window": st.integers(2, 20),
        }
    ),
    "mean_reversion": st.fixed_dictionaries(
        {
            "indicator": st.sampled_from(["zscore", "rsi"]),
            "lookback": st.integers(2, 10),
            "entry": st.sampled_from([0.5, 1.0, 1.5, 2.0]),
            "hold": st.integers(1, 4),
            "places": st.integers(1, 4),
            "trend_window": st.integers(2, 12),
        }
    ),
    "relative_strength": st.fixed_dictionaries(
        {
            "tilt": st.sampled_from([-1.0, 0.0, 0.5, 1.0]),
            "skip_month": st.booleans(),
            "minimum": st.sampled_from([0.0, 0.05]),
            "top": st.integers(1, 4),
            "confirmed": st.booleans(),
            "trend_window": st.integers(2, 12),
        }
    ),
}
RULES: dict[str, Callable[[EdgeMarket, Any, int, bool], Weights]] = {
    "momentum": momentum,
    "trend": trend,
    "mean_reversion": mean_reversion,
    "relative_strength": relative_strength,
}


@pytest.mark.parametrize("name", ["momentum", "trend", "mean_reversion"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data(), market=edge_markets(), long_short=st.booleans())
def test_a_type_holds_at_the_edges_what_a_plain_loop_holds(
    name: str, data: st.DataObject, market: EdgeMarket, long_short: bool
) -> None:
    parameters = SimpleNamespace(**data.draw(PARAMETERS[name]))
    rows = range(0, 40, 3)
    expected = [RULES[name](market, parameters, t, long_short) for t in rows]
    np.testing.assert_allclose(found(name, market, parameters, rows, long_short), expected, rtol=1e-9, atol=1e-12)


@st.composite
def broken_closes(draw: st.DrawFn) -> np.ndarray:
    """Random closes, of which some begin late, end early, miss bars or never move."""
    sessions, symbols = 60, draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 1_000_000)))
    close = 50.0 * np.cumprod(1.0 + rng.normal(0.0, 0.01, (sessions, symbols)), axis=0)
    close[rng.random(close.shape) < draw(st.sampled_from([0.0, 0.05]))] = np.nan
    for i in range(symbols):
        broken = draw(st.sampled_from(["whole", "whole", "late", "ends", "still"]))
        if broken == "still":
            close[:, i] = 7.3
        elif broken != "whole":
            cut = int(rng.integers(1, sessions))
            close[slice(None, cut) if broken == "late" else slice(cut, None), i] = np.nan
    return close


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(broken_closes(), st.integers(5, 20), st.sampled_from([0.0, 0.4, 1.0]))
def test_the_core_spreads_at_the_edges_over_what_can_be_held(close: np.ndarray, window: int, share: float) -> None:
    parameters = SimpleNamespace(window=window, linkage="single", inverse_volatility_share=share)
    rows = np.arange(0, 60, 4)
    weights = STRATEGY_TYPES["diversified"].target_weights(Inputs(closes_only(close)), parameters, rows)
    returns = pd.DataFrame(close).ffill().pct_change(fill_method=None)
    for k, t in enumerate(rows):
        past = returns.iloc[max(0, t - window + 1) : t + 1]
        held = [
            i
            for i in past
            if len(past) == window and past[i].notna().all() and not np.isnan(close[t, i]) and past[i].std() > 1e-9
        ]
        expected = pd.Series(0.0, index=returns.columns)
        if held:
            inverse = 1.0 / past[held].std()
            spread = pd.Series(HRPOpt(past[held]).optimize()) if len(held) > 1 else pd.Series(1.0, index=held)
            expected[held] = (1.0 - share) * spread[held] + share * inverse / inverse.sum()
        np.testing.assert_allclose(weights[k], expected.to_numpy(), rtol=1e-7, atol=1e-12)


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(edge_markets(), st.sampled_from(["single", "average", "ward"]), st.integers(3, 12))
def test_the_core_invests_all_or_nothing_whatever_moves_alike(market: EdgeMarket, linkage: str, window: int) -> None:
    parameters, rows = SimpleNamespace(window=window, linkage=linkage, inverse_volatility_share=0.2), range(0, 40, 3)
    weights = found("diversified", market, parameters, rows, long_short=False)
    assert (weights >= 0.0).all()
    for k, t in enumerate(rows):
        held = [
            i for i in market.symbols if market.has_bar(i, t) and len(set(market.past_returns(i, t, window) or ())) > 1
        ]
        assert (weights[k] > 0.0).tolist() == [i in held for i in market.symbols]
        assert weights[k].sum() == pytest.approx(1.0 if held else 0.0)


def test_what_grows_by_the_same_part_every_day_has_no_risk_to_share_by() -> None:
    rng = np.random.default_rng(6)
    close = np.column_stack([1.0001 ** np.arange(60), 50.0 * np.cumprod(1.0 + rng.normal(0.01, 0.01, 60))])
    parameters = SimpleNamespace(fast=4, slow=8, speeds=1, volatility_window=20)
    weights = STRATEGY_TYPES["trend"].target_weights(Inputs(closes_only(close)), parameters, np.array([59]))
    np.testing.assert_array_equal(weights, [[0.0, 1.0]])


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(data=st.data(), market=edge_markets(sessions=300, most_symbols=4), long_short=st.booleans())
def test_relative_strength_holds_at_the_edges_what_a_plain_loop_holds(
    data: st.DataObject, market: EdgeMarket, long_short: bool
) -> None:
    parameters = SimpleNamespace(**data.draw(PARAMETERS["relative_strength"]))
    rows = (0, 20, 251, 252, 253, 273, 274, 299)
    expected = [relative_strength(market, parameters, t, long_short) for t in rows]
    weights = found("relative_strength", market, parameters, rows, long_short)
    np.testing.assert_allclose(weights, expected, rtol=1e-9, atol=1e-12)
