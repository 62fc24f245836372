"""Which kind of order the settings ask for: limits to the tick and within their collar, auctions for whole shares."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, to_cents
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.execution.gate import judge_submission
from portfolio_pipeline.core.execution.order_types import AT_MARKET, OrderForm, limit_price, order_form
from portfolio_pipeline.core.execution.orders import client_order_id, plan
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.tickets import OrderType, TimeInForce
from portfolio_pipeline.core.market.bars import Bar
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline_tests.trading import OPEN, settings

DAY = date(2020, 2, 3)
BARS = {"AAA": Bar(100.0, 100.0, 100.0, 100.0, 1e7), "BBB": Bar(40.0, 40.0, 40.0, 40.0, 1e7)}


def house(kind: Any, **orders: Any) -> Any:
    limits = Limits(symbol=1.0, turnover=4.0, asset_class=OPEN, order_equity=2.0)
    return settings(orders=Orders(type=kind, minimum_share=0.0, band=0.0, **orders), limits=limits)


@pytest.mark.parametrize(
    ("quantity", "price", "limit"),
    [
        (SHARE, 100.0, 102.0),
        (-SHARE, 100.0, 98.0),
        (SHARE, 33.33, 33.99),  # 33.9966: a cent more would be beyond
        (-SHARE, 33.33, 32.67),  # 32.6634
        (SHARE, 0.5, 0.51),
        (SHARE, 0.3333, 0.3399),
        (-SHARE, 0.3333, 0.3267),
        (SHARE, 0.99, 1.0),  # 1.0098, where prices go in whole cents
        (-SHARE, 1.01, 0.9898),
        (SHARE, 0.00001, 0.0001),  # there is nothing smaller
    ],
)
def test_a_limit_is_the_worst_price_within_the_collar_that_can_be_written(
    quantity: int, price: float, limit: float
) -> None:
    assert limit_price(quantity, price, 0.02) == limit


@given(
    price=st.decimals("0.01", "100000", places=4).map(float),
    collar=st.sampled_from([0.0005, 0.01, 0.02, 0.2]),
    side=st.sampled_from([1, -1]),
)
def test_a_limit_is_on_its_tick_and_never_beyond_the_collar(price: float, collar: float, side: int) -> None:
    limit, exact = Decimal(str(limit_price(side * SHARE, price, collar))), Decimal(str(price))
    step = Decimal("0.01") if limit >= 1 else Decimal("0.0001")
    assert limit % step == 0
    worst = exact * (1 + side * Decimal(str(collar)))
    assert side * limit <= side * worst
    assert abs(limit - worst) < Decimal("0.01")


def test_auctions_take_whole_shares_and_what_is_broken_goes_for_the_day_and_says_so() -> None:
    opening, closing = Orders(type="opening"), Orders(type="closing")
    assert order_form(opening, 5 * SHARE, 10.0) == OrderForm(time_in_force=TimeInForce.OPENING)
    assert order_form(closing, -5 * SHARE, 10.0) == OrderForm(time_in_force=TimeInForce.CLOSING)
    broken = order_form(closing, SHARE // 2, 10.0)
    assert (broken.limit_price, broken.time_in_force) == (None, TimeInForce.DAY)
    assert broken.note == "for the day instead of the closing auction, which takes whole shares only"
    assert order_form(Orders(), SHARE // 2, 10.0) == AT_MARKET


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("market", (OrderType.MARKET, None, TimeInForce.DAY)),
        ("limit", (OrderType.LIMIT, 102.0, TimeInForce.DAY)),
        ("opening", (OrderType.MARKET, None, TimeInForce.OPENING)),
        ("closing", (OrderType.MARKET, None, TimeInForce.CLOSING)),
    ],
)
def test_planned_tickets_have_the_kind_and_the_gate_plans_the_same(kind: Any, form: tuple[object, ...]) -> None:
    rules, wishes = house(kind), {DAY: SessionTargets({"AAA": 0.2})}
    [ticket] = plan("PAPER", [DAY], Book(to_cents(1e6)), wishes, {DAY: BARS}, rules).tickets
    assert (ticket.order.order_type, ticket.limit_price, ticket.time_in_force) == form
    assert ticket.order.time_in_force is ticket.time_in_force
    intent = (ticket.symbol, ticket.quantity, ticket.limit_price, ticket.time_in_force)
    assert ticket.client_order_id == client_order_id("PAPER", DAY, *intent)
    gate = judge_submission("PAPER", [DAY], [ticket], Book(to_cents(1e6)), wishes, {DAY: BARS}, rules)
    assert gate.sendable == (ticket,)
    other = judge_submission(
        "PAPER",
        [DAY],
        [ticket],
        Book(to_cents(1e6)),
        wishes,
        {DAY: BARS},
        house("market" if kind != "market" else "opening"),
    )
    assert "NOT_AS_PLANNED" in other.why(DAY)


def test_an_order_in_fractions_says_why_it_is_not_in_the_auction() -> None:
    rules = house("opening", fractional=True)
    wishes = {DAY: SessionTargets({"AAA": 0.12345, "BBB": 0.2})}
    broken, whole = plan("SIMULATED", [DAY], Book(to_cents(100_000)), wishes, {DAY: BARS}, rules).tickets
    assert (broken.quantity % SHARE != 0, broken.time_in_force) == (True, TimeInForce.DAY)
    assert broken.reason.endswith("; for the day instead of the opening auction, which takes whole shares only")
    assert (whole.time_in_force, "instead" in whole.reason) == (TimeInForce.OPENING, False)


def test_a_limit_counts_with_the_size_of_an_order() -> None:
    """500 shares at 100 would be the limit of 50,000; with the collar the broker may be paid 102 for each."""
    limits = Limits(symbol=1.0, turnover=4.0, asset_class=OPEN, order_notional=50_000.0)
    rules = settings(orders=Orders(type="limit", minimum_share=0.0, band=0.0), limits=limits)
    wishes = {DAY: SessionTargets({"AAA": 0.2})}
    planned = plan("SIMULATED", [DAY], Book(to_cents(1e6)), wishes, {DAY: BARS}, rules)
    assert [(one.quantity // SHARE, one.verdict) for one in planned.tickets] == [(490, "accepted")]


@pytest.mark.parametrize("written", [{"type": "stop"}, {"collar": 0.0}, {"collar": 2}, {"lot": 0}, {"lot": 1.5}])
def test_what_cannot_be_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises((ConfigurationError, ValueError)):
        Orders(**written)
