"""Strategy types: their indicators against pandas and pypfopt, and what every type has to hold."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypfopt import HRPOpt

from portfolio_pipeline.core.features.families import FAMILY
from portfolio_pipeline.core.features.family import NO_WINDOW, Family
from portfolio_pipeline.core.market.indicators import Inputs, forget_inputs, inputs_of
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.simulation.selections import order_table
from portfolio_pipeline.core.strategies.card import Sizing
from portfolio_pipeline.core.strategies.parameters import Parameters, ParameterSpace
from portfolio_pipeline.core.strategies.registry import STRATEGY_TYPES
from portfolio_pipeline.core.strategies.selection import ranked, ranks
from portfolio_pipeline.core.strategies.sizing import sized
from portfolio_pipeline.core.strategies.types.diversified import DiversifiedParameters
from portfolio_pipeline.core.strategies.types.mean_reversion import MeanReversionParameters
from portfolio_pipeline.core.strategies.types.momentum import MomentumParameters
from portfolio_pipeline.core.strategies.types.relative_strength import RelativeStrengthParameters
from portfolio_pipeline.core.strategies.types.trend import TrendParameters
from portfolio_pipeline_tests.core.markets import closes_only, market, up_to, with_another_future
from portfolio_pipeline_tests.core.plain_strategies import RULES, best

TYPES = sorted(STRATEGY_TYPES)
PANEL = market()


def adjusted() -> pd.DataFrame:
    """Total-return closes, carried forward, as pandas sees them."""
    growth = (PANEL.split_ratio * (1 + PANEL.dividend / PANEL.close))[:, :]
    factor = pd.DataFrame(growth).where(pd.DataFrame(PANEL.close).notna(), 1.0).cumprod()
    return (pd.DataFrame(PANEL.close) * factor).ffill()


def some_parameters(name: str, count: int = 6) -> list[Parameters]:
    grid = list(ParameterSpace.of(STRATEGY_TYPES[name].Parameters, {}).grid())
    return [grid[0], grid[-1], *(grid[i] for i in np.random.default_rng(3).integers(0, len(grid), count - 2))]


def weights_of(
    name: str, inputs: Inputs, parameters: Parameters, rows: np.ndarray, long_short: bool = False
) -> np.ndarray:
    return STRATEGY_TYPES[name].target_weights(inputs, parameters, rows, long_short=long_short)


@pytest.mark.parametrize("window", [5, 20, 200])
def test_indicators_are_those_of_pandas(window: int) -> None:
    inputs, close = Inputs(PANEL), adjusted()
    change = close.diff()
    gain, loss = change.clip(lower=0).rolling(window).mean(), (-change).clip(lower=0).rolling(window).mean()
    expected = {
        "sma": close.rolling(window).mean(),
        "zscore": (close - close.rolling(window).mean()) / close.rolling(window).std(),
        "rsi": 100 - 100 / (1 + gain / loss),
        "momentum": close / close.shift(window) - 1,
        "volatility": close.pct_change(fill_method=None).rolling(window).std(),
    }
    for name, values in expected.items():
        found = np.where(PANEL.traded, inputs.feature(FAMILY[name], window), np.nan)
        wanted = values.where(PANEL.traded).to_numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9, err_msg=name)


def test_a_price_that_does_not_move_is_neither_stretched_nor_weak() -> None:
    flat = Inputs(closes_only(np.full((40, 1), 0.1)))
    assert flat.feature(FAMILY["zscore"], 20)[-1, 0] == 0.0
    assert flat.feature(FAMILY["rsi"], 20)[-1, 0] == 50.0


def test_momentum_holds_what_a_plain_reading_of_its_rule_holds() -> None:
    parameters = MomentumParameters(fast=63, slow=168, slow_share=0.25, top=3, trend_window=100, trend_filter="symbol")
    rows = np.array([150, 320, 500, 690])
    found = weights_of("momentum", Inputs(PANEL), parameters, rows)
    close = adjusted()
    for k, row in enumerate(rows):
        fast = (close.loc[row] / close.loc[row - 63] - 1).rank(pct=True)
        slow = (close.loc[row] / close.loc[row - 168] - 1).rank(pct=True) if row >= 168 else fast * np.nan
        score = (0.75 * fast + 0.25 * slow)[~np.isnan(PANEL.close[row])].dropna()
        top = score.sort_values(ascending=False, kind="stable").index[:3]
        rising = close.loc[row] > close.loc[row - 99 : row].mean()
        expected = [1 / 3 if i in top and rising[i] else 0.0 for i in close.columns]
        np.testing.assert_allclose(found[k], expected)
    assert found[1:].any()


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize("long_short", [False, True])
def test_compiled_rules_are_the_plain_ones(name: str, long_short: bool) -> None:
    rows = np.arange(300, 700, 3)
    for symbols in (1, 3, 8):
        inputs = Inputs(PANEL.select(PANEL.symbols[:symbols]))
        for parameters in some_parameters(name, 12):
            found = weights_of(name, inputs, parameters, rows, long_short)
            expected = RULES[name](inputs, parameters, rows, long_short)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12, err_msg=str(parameters))


@pytest.mark.parametrize("name", [name for name in TYPES if name != "constructed"])
def test_every_type_has_a_thousand_parameter_sets_to_search(name: str) -> None:
    """But for `constructed`, where the method is the card's to name and the window is all there is to search."""
    assert sum(1 for _ in ParameterSpace.of(STRATEGY_TYPES[name].Parameters, {}).grid()) >= 1000


def test_trend_shares_risk_between_what_points_up() -> None:
    parameters = TrendParameters(fast=40, slow=120, speeds=2, volatility_window=60)
    row, close = 600, adjusted()
    sma = {w: close.rolling(w).mean().loc[row] for w in (40, 120, 20, 60)}
    signal = (np.sign(sma[40] - sma[120]) + np.sign(sma[20] - sma[60])) / 2
    share = 1 / close.pct_change(fill_method=None).rolling(60).std().loc[row]
    share = share.where(~np.isnan(PANEL.close[row]), 0.0)
    expected = np.maximum(signal, 0) * share / share.sum()
    np.testing.assert_allclose(weights_of("trend", Inputs(PANEL), parameters, np.array([row]))[0], expected, rtol=1e-9)


def test_mean_reversion_buys_the_most_stretched_within_a_rising_trend() -> None:
    parameters = MeanReversionParameters(indicator="zscore", lookback=10, entry=0.5, hold=3, places=2, trend_window=50)
    close, rows = adjusted(), np.arange(300, 700)
    stretch = -((close - close.rolling(10).mean()) / close.rolling(10).std())
    recent = stretch.rolling(3).max()
    wanted = (recent > 0.5) & (close > close.rolling(50).mean()) & ~np.isnan(PANEL.close)
    chosen = recent.where(wanted).rank(axis=1, ascending=False, method="first") <= 2
    found = weights_of("mean_reversion", Inputs(PANEL), parameters, rows)
    np.testing.assert_array_equal(found, np.where(chosen, 0.5, 0.0)[rows])
    assert found.any()


def test_relative_strength_leaves_out_the_latest_month_and_what_lags_the_average() -> None:
    inputs, row = Inputs(PANEL), 640
    chosen = {"tilt": 1.0, "skip_month": True, "minimum": 0.05, "top": 8, "confirmed": False}
    found = weights_of("relative_strength", inputs, RelativeStrengthParameters.model_validate(chosen), np.array([row]))
    close = np.log(adjusted())
    daily = adjusted().pct_change(fill_method=None).mean(axis=1).fillna(0.0)
    over = close.sub(np.log1p(daily).cumsum(), axis=0)
    strength = sum(
        share * (over.loc[row - 21] - over.loc[row - 21 - frame]) * np.sqrt(252 / frame)
        for frame, share in ((63, 1 / 6), (126, 1 / 3), (252, 1 / 2))
    )
    held = (strength > 0.05) & ~np.isnan(PANEL.close[row])
    np.testing.assert_array_equal(found[0], np.where(held, 1 / 8, 0.0))
    assert 0 < held.sum() < 8


def test_the_core_blends_risk_parity_with_inverse_volatility() -> None:
    parameters = DiversifiedParameters(window=126, linkage="single", inverse_volatility_share=0.25)
    row = 650
    returns = pd.DataFrame(Inputs(PANEL).returns, columns=list(PANEL.symbols)).iloc[row - 125 : row + 1]
    returns = returns.loc[:, ~np.isnan(PANEL.close[row])]
    inverse = 1 / returns.std()
    blend = 0.75 * pd.Series(HRPOpt(returns).optimize()) + 0.25 * inverse / inverse.sum()
    expected = blend.reindex(PANEL.symbols, fill_value=0.0)
    found = weights_of("diversified", Inputs(PANEL), parameters, np.array([row]))[0]
    np.testing.assert_allclose(found, expected.to_numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("long_short", [False, True])
def test_weights_have_the_allowed_signs_and_never_exceed_the_capital(name: str, long_short: bool) -> None:
    inputs, rows = Inputs(PANEL), np.arange(0, 700, 9)
    for parameters in some_parameters(name):
        weights = weights_of(name, inputs, parameters, rows, long_short)
        assert np.isfinite(weights).all()
        assert np.abs(weights).sum(axis=1).max() <= 1 + 1e-12
        assert long_short or (weights >= 0).all()
        assert not weights[~PANEL.traded[rows]].any()


@pytest.mark.parametrize("name", TYPES)
def test_before_its_window_is_full_a_type_holds_nothing(name: str) -> None:
    inputs = Inputs(market(missing=0.0))
    for parameters in some_parameters(name):
        window = STRATEGY_TYPES[name].window(parameters)
        assert not weights_of(name, inputs, parameters, np.arange(window - 1)).any()
        if getattr(parameters, "trend_filter", "") != "market":  # which needs history of the others, not of its own
            late_from = 700 // 4 + window - 1  # symbol 1 has its first bar at 700 // 4
            assert not weights_of(name, inputs, parameters, np.arange(late_from))[:, 1].any()


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("long_short", [False, True])
def test_another_future_changes_no_weight(name: str, long_short: bool) -> None:
    row = 560
    rows = np.arange(200, row + 1, 8)
    inputs, other = Inputs(PANEL), Inputs(with_another_future(PANEL, row))
    for parameters in some_parameters(name):
        np.testing.assert_array_equal(
            weights_of(name, inputs, parameters, rows, long_short),
            weights_of(name, other, parameters, rows, long_short),
        )


@pytest.mark.parametrize("name", TYPES)
def test_a_row_alone_on_its_own_day_has_the_bits_it_has_among_many(name: str) -> None:
    rows, sizing = np.arange(420, 460, 4), Sizing(volatility_target=0.1)
    for parameters in some_parameters(name, 4):
        inputs = Inputs(PANEL)
        many = sized(inputs, weights_of(name, inputs, parameters, rows), rows, sizing)
        for k, row in enumerate(rows):
            alone = Inputs(up_to(PANEL, row))
            one = np.array([row])
            np.testing.assert_array_equal(
                sized(alone, weights_of(name, alone, parameters, one), one, sizing)[0], many[k]
            )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.lists(st.one_of(st.just(float("nan")), st.integers(-3, 3)), min_size=1, max_size=9))
def test_the_best_are_the_highest_finite_scores(count: int, scores: list[float]) -> None:
    row = np.array([scores], dtype=float)
    order = sorted((i for i in range(len(scores)) if np.isfinite(row[0, i])), key=lambda i: (-row[0, i], i))
    assert set(np.flatnonzero(best(row, count)[0])) == set(order[:count])
    places = [int(i) for i in order_table(row, count)[0]]
    assert places == (order + [-1] * count)[:count]
    assert ranked(row).order[0, : len(order)].tolist() == order
    assert np.isfinite(ranked(row).scores[0]).sum() == len(order)
    expected = pd.Series(row[0]).rank(method="first", pct=True).to_numpy()
    np.testing.assert_allclose(ranks(row)[0], expected)


def test_the_best_of_many_are_found_like_those_of_few() -> None:
    scores = np.random.default_rng(5).integers(0, 60, (30, 150)).astype(float)
    scores[scores < 5] = np.nan
    scores[3, 4:] = np.nan
    expected = ranked(scores)
    for places in (1, 8, 149):
        known = np.isfinite(expected.scores[:, :places])
        np.testing.assert_array_equal(order_table(scores, places), np.where(known, expected.order[:, :places], -1))


def test_sizing_scales_to_the_target_and_caps_what_is_too_much() -> None:
    inputs, rows = Inputs(PANEL), np.array([30, 400, 500])
    raw = np.tile(np.array([0.5, 0.0, 0.0, 0.2, 0.1, 0.0, 0.0, -0.1]), (3, 1))
    sizing = Sizing(volatility_target=0.05, volatility_window=60, maximum_weight=0.9, maximum_gross=2.0)
    found = sized(inputs, raw, rows, sizing)
    np.testing.assert_array_equal(found[0], raw[0])
    for k in (1, 2):
        past = pd.DataFrame(inputs.returns).iloc[rows[k] - 59 : rows[k] + 1].fillna(0.0)
        volatility = float((past @ raw[k]).std() * np.sqrt(252))
        np.testing.assert_allclose(found[k], raw[k] * 0.05 / volatility, rtol=1e-9)
    capped = sized(inputs, raw, rows, Sizing(maximum_weight=0.3, maximum_gross=0.5))
    np.testing.assert_allclose(capped[1], np.array([0.3, 0, 0, 0.2, 0.1, 0, 0, -0.1]) * 0.5 / 0.7)
    assert not np.signbit(sized(inputs, raw * 0.0, rows, sizing)).any()


def test_indicators_are_computed_once_for_all_who_ask() -> None:
    inputs, asked = Inputs(PANEL), []
    for _ in range(3):
        inputs.shared("key", lambda: asked.append(1))
    assert len(asked) == 1
    assert inputs.feature(FAMILY["momentum"], 20) is inputs.feature(FAMILY["momentum"], 20)
    rows = np.array([3, 5])
    assert inputs.at(rows).feature(FAMILY["momentum"], 20) is inputs.at(rows).feature(FAMILY["momentum"], 20)
    assert inputs.at(rows) is inputs.at(rows.copy()) is not inputs.at(np.array([3, 6]))


def test_strategies_of_one_type_and_market_share_their_inputs_and_others_do_not() -> None:
    shared = inputs_of(PANEL, "momentum")
    assert inputs_of(up_to(PANEL, len(PANEL.sessions) - 1), "momentum") is shared
    assert inputs_of(PANEL, "trend") is not shared
    assert inputs_of(up_to(PANEL, 500), "momentum") is not shared
    other = with_another_future(PANEL, len(PANEL.sessions) - 2)
    assert inputs_of(other, "momentum") is not shared
    assert inputs_of(PANEL, "momentum") is shared


def test_constructed_strategies_share_what_a_method_makes_of_their_inputs_until_these_are_forgotten() -> None:
    constructed, rows = STRATEGY_TYPES["constructed"], np.arange(300, 320)
    weights = [
        constructed.target_weights(inputs_of(PANEL, "constructed"), constructed.Parameters(), rows) for _ in range(2)
    ]
    assert weights[0] is weights[1]
    forget_inputs()
    anew = constructed.target_weights(inputs_of(PANEL, "constructed"), constructed.Parameters(), rows)
    assert anew is not weights[0]
    np.testing.assert_array_equal(anew, weights[0])


def test_threads_wait_for_what_another_computes_and_for_nothing_else() -> None:
    inputs, asked, other_done = Inputs(PANEL), [], threading.Event()

    def slow() -> int:
        asked.append("slow")
        assert other_done.wait(10.0)
        return 1

    with ThreadPoolExecutor(3) as pool:
        both = [pool.submit(inputs.shared, "slow", slow) for _ in range(2)]
        assert pool.submit(inputs.shared, "other", lambda: 2).result(10.0) == 2
        other_done.set()
        assert [one.result(10.0) for one in both] == [1, 1]
    assert asked == ["slow"]


class Recording(Inputs):
    """Inputs that write down which families they are asked for; not what those are made of."""

    def __init__(self, panel: PricePanel) -> None:
        super().__init__(panel)
        self.asked: set[str] = set()

    def feature(self, family: Family, window: int = NO_WINDOW) -> np.ndarray:
        self.asked.add(family.name)
        return super().feature(family, window)

    def feature_at(self, family: Family, window: int, rows: np.ndarray) -> np.ndarray:
        self.asked.add(family.name)
        return super().feature_at(family, window, rows)


@pytest.mark.parametrize("name", TYPES)
def test_a_type_declares_the_families_it_computes_on(name: str) -> None:
    inputs, rows = Recording(PANEL), np.arange(len(PANEL.sessions) - 3, len(PANEL.sessions))

    for parameters in some_parameters(name, 20):
        weights_of(name, inputs, parameters, rows, long_short=True)

    assert inputs.asked == {family.name for family in STRATEGY_TYPES[name].inputs}


@pytest.mark.parametrize("trend_filter", ["market", "both"])
def test_a_market_whose_average_is_not_known_yet_lets_nothing_be_bought_or_sold_short(trend_filter: str) -> None:
    parameters = MomentumParameters(fast=21, slow=84, trend_window=200, trend_filter=trend_filter)  # type: ignore[arg-type]
    weights = weights_of("momentum", Inputs(PANEL), parameters, np.arange(100, 260), long_short=True)
    assert not weights[:99].any()
    assert weights[99:].any()
