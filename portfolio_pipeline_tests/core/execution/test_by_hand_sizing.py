"""How many shares money buys: the figures that were asked for, and an oracle that counts shares one by one."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.execution.by_hand.sizing import Money, most_units

PRICES = st.decimals("0.01", "5000", places=2).map(float)


def test_ten_thousand_at_450_buy_22_shares_for_9900_and_100_are_left() -> None:
    money = Money(allocated=10_000_00, held=0, cash=10_000_00, buying_power=10_000_00)
    units = most_units(money.budget, 450.0, 0.5 / 1e4, fractional=False)
    assert units == 22 * SHARE
    assert money.cash - 22 * 450_00 == 100_00


@given(st.integers(0, 2_000_000), PRICES, st.sampled_from([0.0, 0.5, 2.5, 100.0]), st.booleans())
def test_no_more_than_the_budget_and_no_share_fewer(budget: int, price: float, bps: float, fractional: bool) -> None:
    units = most_units(budget, price, bps / 1e4, fractional=fractional)
    step = 1 if fractional else SHARE

    def paid(quantity: int) -> Fraction:
        return Fraction(quantity, SHARE) * Fraction(str(price)) * (1 + Fraction(str(bps / 1e4))) * 100

    assert units % step == 0
    assert paid(units) <= budget < paid(units + step)


@given(st.lists(st.integers(-10_000, 10**9), min_size=4, max_size=4))
def test_the_budget_is_the_least_of_what_there_is_and_never_a_debt(amounts: list[int]) -> None:
    allocated, held, cash, power = amounts
    budget = Money(allocated, held, cash, power).budget
    assert budget >= 0
    assert all(budget <= max(most, 0) for most in (allocated - held, cash, power))
    assert budget == 0 or budget in (allocated - held, cash, power)
