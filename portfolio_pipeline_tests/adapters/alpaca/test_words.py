"""Alpaca's words in ours: exact amounts, every moment, and whatever is new or missing survived."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from alpaca.trading.enums import OrderStatus
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.adapters.broker.alpaca.words import (
    ENDS,
    Unreadable,
    asset_of,
    cents,
    is_that_order,
    moment,
    order_of,
    quantity_text,
    report_of,
    request_of,
    sent_otherwise,
    units,
)
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.execution.tickets import Order, OrderState, TimeInForce
from portfolio_pipeline.core.market.bars import Asset

DAY = date(2026, 3, 5)
ORDER = Order(DAY, "name", "SPY", -5 * SHARE)
ANSWER: dict[str, Any] = {
    "id": "7f", "client_order_id": "name", "symbol": "SPY", "side": "sell", "qty": "5", "filled_qty": "0",
    "type": "market", "status": "accepted", "submitted_at": "2026-03-05T22:00:00.123456789Z", "limit_price": None,
}  # fmt: skip


@given(st.integers(1, 10**15))
def test_quantities_come_back_as_they_were_sent(quantity: int) -> None:
    assert units(quantity_text(quantity)) == quantity
    assert "E" not in quantity_text(quantity).upper()


@given(st.decimals(-(10**9), 10**9, places=9, allow_nan=False))
def test_money_is_cents_to_the_nearest_without_binary_fractions(amount: Decimal) -> None:
    assert abs(Decimal(cents(str(amount))) - amount * 100) <= Decimal("0.5")


@pytest.mark.parametrize("text", ["", None, "NaN", "Infinity", "a lot"])
def test_what_is_no_number_is_not_taken_for_one(text: object) -> None:
    for reading in (units, cents):
        with pytest.raises(Unreadable):
            reading(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-05T22:00:00Z",
        "2026-03-05T22:00:00.000000000Z",
        "2026-03-05T17:00:00-05:00",
        "2026-03-05T17:00:00.0-05:00",
        "2026-03-05T22:00:00",
    ],
)
def test_moments_are_read_in_any_zone_and_to_any_digit(text: str) -> None:
    assert moment(text) == datetime.fromisoformat("2026-03-05T22:00:00")


@pytest.mark.parametrize("status", [*OrderStatus, "brand_new_status", None])
def test_every_status_is_an_end_or_open(status: Any) -> None:
    report = report_of({**ANSWER, "status": status if status is None else str(getattr(status, "value", status))}, DAY)
    ended = {"filled", "canceled", "expired", "rejected", "replaced"}
    assert (report.state in ENDS.values()) == (getattr(status, "value", status) in ended)
    if status in ("brand_new_status", None):
        assert str(report.error).startswith("STATUS_UNKNOWN")


def test_a_canceled_order_may_have_been_filled_in_part() -> None:
    report = report_of({**ANSWER, "status": "canceled", "filled_qty": "2"}, DAY)
    assert (report.state, report.filled_quantity) == (OrderState.CANCELED, 2 * SHARE)
    assert report.error == "CANCELED: filled=2, wanted=5"


def test_an_order_is_told_with_little() -> None:
    report = report_of({"client_order_id": "name", "submitted_at": "2026-03-05T22:00:00Z", "status": "new"}, DAY)
    assert (report.state, report.broker_order_id, report.filled_quantity) == (OrderState.ACCEPTED, None, 0)


def test_an_order_is_known_again_and_no_other_is_taken_for_it() -> None:
    assert is_that_order(ANSWER, ORDER)
    assert order_of(ANSWER, DAY) == ORDER
    others: list[dict[str, Any]] = [
        {"client_order_id": "other"}, {"symbol": "TLT"}, {"side": "buy"}, {"qty": "6"}, {"qty": None},
        {"limit_price": "12.5"},
    ]  # fmt: skip
    for other in others:
        assert not is_that_order({**ANSWER, **other}, ORDER)


@pytest.mark.parametrize(
    ("told", "asset"),
    [
        ({}, Asset("SPY")),
        ({"tradable": False}, Asset("SPY", tradable=False)),
        ({"status": "inactive", "tradable": True}, Asset("SPY", tradable=False)),
        ({"fractionable": False}, Asset("SPY", fractionable=False)),
        ({"shortable": True, "easy_to_borrow": False}, Asset("SPY", shortable=False)),
        ({"shortable": False}, Asset("SPY", shortable=False)),
        ({"shortable": True}, Asset("SPY")),
    ],
)
def test_an_asset_may_be_told_with_little(told: dict[str, Any], asset: Asset) -> None:
    assert asset_of({"symbol": "SPY", **told}) == asset


@pytest.mark.parametrize("kind", TimeInForce)
def test_an_order_for_an_auction_is_known_again_when_it_was_sent_for_the_day(kind: TimeInForce) -> None:
    order = Order(DAY, "name", "SPY", -5 * SHARE, None, kind)
    assert request_of(order)["time_in_force"] == str(kind)
    assert request_of(order, TimeInForce.DAY)["time_in_force"] == "day"
    assert is_that_order({**ANSWER, "time_in_force": "day"}, order)
    late = sent_otherwise(order, "day")
    assert (late is None) == (kind is TimeInForce.DAY)
    assert sent_otherwise(order, str(kind)) is None
    assert order_of({**ANSWER, "time_in_force": str(kind)}, DAY) == order
    assert order_of({**ANSWER, "time_in_force": "gtc"}, DAY).time_in_force is TimeInForce.DAY


def test_what_is_sent_says_all_that_the_order_is() -> None:
    limited = Order(DAY, "name", "SPY", SHARE // 4, limit_price=12.5)
    body = request_of(limited)
    assert body == {
        "symbol": "SPY", "qty": "0.25", "side": "buy", "type": "limit", "time_in_force": "day",
        "client_order_id": "name", "limit_price": "12.5",
    }  # fmt: skip
    assert is_that_order({**body, "limit_price": "12.50"}, limited)
