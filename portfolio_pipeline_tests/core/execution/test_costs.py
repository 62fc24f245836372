"""What settings would have to say for costs to be what they were: against statsmodels, and sums that are known."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from statsmodels.api import OLS, RLM, add_constant
from statsmodels.robust.norms import HuberT

from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.execution.costs import Calibration, calibrate, expected_costs
from portfolio_pipeline.core.execution.settings import Costs, SimulatedBroker
from portfolio_pipeline.core.execution.tickets import Ticket, TimeInForce
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline_tests.trading import settings

SET, BROKER = Costs(commission_bps=0.5, half_spread_bps=1.0, slippage_bps=3.0), SimulatedBroker(impact_bps=25.0)


def orders(
    bps: np.ndarray | float, volume_share: np.ndarray | float = np.nan, count: int = 400, kind: str = "market"
) -> pd.DataFrame:
    """Orders that paid these hundredths of a percent of what they were worth when they were planned."""
    random = np.random.default_rng(7)
    shares, price = random.integers(1, 900, count).astype(float), random.uniform(5, 500, count)
    paid, split = 1e-4 * bps * shares * price, random.uniform(0, 1, count)
    return pd.DataFrame(
        {
            "order_type": kind,
            "shares": shares,
            "arrival_price": price,
            "spread": paid * split,
            "slippage": paid * (1 - split),
            "volume_share": volume_share,
            "traded": shares * price,
            "fees": 0.8e-4 * shares * price,
        }
    )


def sizes(count: int = 400, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.0001, 0.05, count)


def found(rows: pd.DataFrame, costs: Costs = SET) -> Calibration:
    return calibrate(rows, costs, BROKER)


def test_a_law_without_noise_is_found_and_shared_out_as_it_is_set() -> None:
    size = sizes()
    one = found(orders(2.0 + 60.0 * np.sqrt(size), size))
    assert one.costs == Costs(commission_bps=0.8, half_spread_bps=0.5, slippage_bps=1.5)
    assert (one.impact_bps, one.orders, one.now, one.impact_now) == (60.0, 400, SET, 25.0)
    assert one.base_error == pytest.approx(0, abs=1e-9)
    assert one.impact_error == pytest.approx(0, abs=1e-9)
    assert one.notes == ("Half spread and slippage share what they are together as they are set, 25% and 75%.",)
    even = found(orders(2.0 + 60.0 * np.sqrt(size), size), Costs(commission_bps=1, half_spread_bps=0, slippage_bps=0))
    assert (even.costs.half_spread_bps, even.costs.slippage_bps, even.notes) == (1.0, 1.0, ())


def noisy(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and costs: noise with fat tails around 3 + 40 times the root of the size."""
    random, size = np.random.default_rng(seed), sizes(count, seed)
    return size, 3.0 + 40.0 * np.sqrt(size) + 2.0 * random.standard_t(2, count)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_base_and_impact_are_those_of_statsmodels_by_hubers_weights(seed: int) -> None:
    size, paid = noisy(1_500, seed)
    one = found(orders(paid, size, 1_500))
    known = RLM(paid, add_constant(np.sqrt(size)), M=HuberT(t=1.345)).fit(maxiter=200, tol=1e-12)
    base, impact = known.params
    assert one.costs.half_spread_bps + one.costs.slippage_bps == pytest.approx(base, rel=0.01)
    assert one.impact_bps == pytest.approx(impact, rel=0.01)
    assert [one.base_error, one.impact_error] == pytest.approx(list(known.bse), rel=0.1)


def test_noise_of_the_same_size_everywhere_has_the_errors_of_least_squares() -> None:
    random, size = np.random.default_rng(5), sizes(4_000, 5)
    paid = 3.0 + 40.0 * np.sqrt(size) + random.normal(0, 2.0, 4_000)
    one, known = found(orders(paid, size, 4_000)), OLS(paid, add_constant(np.sqrt(size))).fit()
    assert one.impact_bps == pytest.approx(known.params[1], rel=0.05)
    assert [one.base_error, one.impact_error] == pytest.approx([1.026 * e for e in known.bse], rel=0.06)


def test_without_volumes_what_is_left_after_the_impact_that_is_set_is_the_rest() -> None:
    paid = np.full(400, 7.0)
    paid[::20] = 900.0  # in a market gone wild
    one = found(orders(paid))
    assert (one.costs.half_spread_bps, one.costs.slippage_bps, one.impact_bps) == (1.75, 5.25, 25.0)
    assert np.isnan(one.impact_error)
    assert one.notes[0] == "The impact cannot be told from these orders: it stays as it is set."


def test_of_orders_of_one_size_the_impact_that_is_set_is_taken_off() -> None:
    one = found(orders(np.full(400, 7.5), np.full(400, 0.01)))
    assert one.costs.half_spread_bps + one.costs.slippage_bps == pytest.approx(5.0)  # a tenth of 25 less
    assert one.impact_bps == 25.0


def test_the_error_of_a_mean_is_that_of_a_mean() -> None:
    paid = np.random.default_rng(11).normal(7.0, 2.0, 2_500)
    one = found(orders(paid, count=2_500))
    assert one.base_error == pytest.approx(2.0 / 50 * 1.026, rel=0.05)


@pytest.mark.parametrize(("noise", "believed"), [(14.0, True), (28.0, True), (29.5, False), (70.0, False)])
def test_an_impact_is_believed_from_two_standard_errors_on(noise: float, believed: bool) -> None:
    """Noise that is orthogonal to the sizes, to the last digit: which impact is found is known, and how sure it is."""
    size = np.repeat([0.0001, 0.04], 200)
    one = found(orders(5.0 + 30.0 * np.sqrt(size) + noise * np.tile([1.0, -1.0], 200), size))
    assert (one.impact_bps == pytest.approx(30.0)) is believed
    error = noise / (0.095 * np.sqrt(400))  # of the slope
    assert bool(2.0 * error <= 30.0) is believed
    if believed:
        assert one.impact_error == pytest.approx(error)


def test_an_impact_below_nothing_is_none_to_believe() -> None:
    size = sizes()
    one = found(orders(20.0 - 60.0 * np.sqrt(size), size))
    assert one.impact_bps == 25.0
    assert "cannot be told" in one.notes[0]


def test_prices_better_than_the_markets_are_taken_for_nothing_and_told() -> None:
    one = found(orders(np.full(400, -3.0)))
    assert (one.costs.half_spread_bps, one.costs.slippage_bps) == (0.0, 0.0)
    assert "Prices were better than the market's on average: spread and slippage are taken for nothing." in one.notes
    none = found(orders(np.full(400, 0.0)))
    assert not any("better" in note for note in none.notes)


def test_only_orders_at_market_that_were_executed_tell_something() -> None:
    others = orders(500.0, kind="limit"), orders(500.0).assign(shares=0.0)
    one = found(pd.concat([orders(np.full(400, 7.0)), *others], ignore_index=True))
    assert (one.orders, one.costs.slippage_bps) == (400, 5.25)
    with pytest.raises(DataError, match="TOO_FEW_ORDERS: found=0 orders at market that were executed"):
        found(pd.concat(others, ignore_index=True))


def test_the_lines_are_those_of_the_settings() -> None:
    assert found(orders(np.full(400, 7.0))).lines == (
        "costs:\n  commission_bps: 0.8\n  half_spread_bps: 1.75\n  slippage_bps: 5.25\n"
        "simulated_broker:\n  impact_bps: 25\n"
    )


def test_what_an_order_is_expected_to_cost_grows_with_the_root_of_its_part_of_the_volume() -> None:
    house = settings(impact_bps=80.0).model_copy(update={"costs": SET})
    day, before = date(2024, 3, 1), date(2024, 2, 29)
    bars = {before: {"AAA": Bar(10.0, 10.0, 10.0, 10.0, 40_000.0), "BBB": Bar(10.0, 10.0, 10.0, 10.0, 0.0)}, day: {}}
    recent = RecentMarket(day, bars)
    tickets = [
        Ticket(day, "a", "AAA", 400 * SHARE, 10.0, 0.1, "why", "accepted"),
        Ticket(day, "b", "AAA", -1_600 * SHARE, 10.0, 0.1, "why", "accepted", time_in_force=TimeInForce.CLOSING),
        Ticket(day, "c", "BBB", 400 * SHARE, 10.0, 0.1, "why", "accepted"),
    ]
    rows = [row[1:] for row in expected_costs(tickets, house, recent)]
    assert rows == [
        ("a", 1.0, 3.0, pytest.approx(8.0), 0.5),  # the root of a hundredth
        ("b", 0.0, 3.0, pytest.approx(16.0), 0.5),  # an auction has no spread
        ("c", 1.0, 3.0, 0.0, 0.5),  # nobody knows its volume
    ]
