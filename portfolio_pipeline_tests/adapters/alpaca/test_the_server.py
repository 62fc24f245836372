"""The server that stands in for Alpaca, held against what is documented and recorded of Alpaca: its shapes as the real
alpaca-py parses them, its refusals by status and message, and its books against arithmetic done here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import GetCalendarRequest, GetOrdersRequest, LimitOrderRequest, MarketOrderRequest

from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.ledger import Held, Quote
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

DAY = date(2026, 3, 5)
NEXT = next_session(DAY)


@pytest.fixture
def server() -> Iterator[AlpacaServer]:
    with AlpacaServer(evening(DAY)) as running:
        running.ledger.prices |= {"SPY": Decimal("500.10"), "TLT": Decimal("90")}
        yield running


@pytest.fixture
def client(server: AlpacaServer) -> TradingClient:
    made = TradingClient(server.key, server.secret, url_override=server.url)
    made._retry_wait = 0
    return made


def market(symbol: str, shares: float, side: str = "buy", name: str | None = None) -> MarketOrderRequest:
    return MarketOrderRequest(
        symbol=symbol,
        qty=shares,
        side=OrderSide(side),
        time_in_force=TimeInForce.DAY,
        client_order_id=name or f"{symbol}-{shares}-{side}",
    )


def refused(client: TradingClient, order: MarketOrderRequest | LimitOrderRequest) -> tuple[int, dict[str, Any]]:
    with pytest.raises(APIError) as caught:
        client.submit_order(order)
    assert caught.value.status_code is not None
    return caught.value.status_code, json.loads(str(caught.value))


def test_alpaca_py_parses_every_shape(server: AlpacaServer, client: TradingClient) -> None:
    account: Any = client.get_account()
    assert (account.cash, account.status, account.account_number) == ("1000000", "ACTIVE", "PA3TEST00001")
    clock: Any = client.get_clock()
    assert clock.timestamp == evening(DAY)
    assert not clock.is_open
    assert clock.next_open.astimezone(UTC) == datetime(2026, 3, 6, 14, 30, tzinfo=UTC)
    calendar: Any = client.get_calendar(GetCalendarRequest(start=date(2026, 11, 23), end=date(2026, 11, 30)))
    assert [str(day.close)[-8:] for day in calendar] == ["16:00:00"] * 3 + ["13:00:00"] + ["16:00:00"]
    taken: Any = client.submit_order(market("SPY", 10))
    assert (taken.status, taken.filled_qty, taken.client_order_id) == ("accepted", "0", "SPY-10-buy")
    assert {asset.symbol for asset in client.get_all_assets()} == {"SPY", "TLT"}  # type: ignore[union-attr]
    server.ledger.play(NEXT, {"SPY": Quote.at(501.25)})
    found: Any = client.get_order_by_client_id("SPY-10-buy")
    assert (found.status, found.filled_qty, found.filled_avg_price) == ("filled", "10", "501.25")
    [position] = client.get_all_positions()
    assert (position.symbol, position.qty, position.avg_entry_price) == ("SPY", "10", "501.25")  # type: ignore[union-attr]
    [fill] = client.get("/account/activities/FILL")
    assert (fill["order_id"], fill["qty"], fill["price"], fill["side"]) == (str(found.id), "10", "501.25", "buy")
    assert server.ledger.cash == 1_000_000 - Decimal("5012.50")


def test_refusals_have_the_status_and_words_on_record(server: AlpacaServer, client: TradingClient) -> None:
    assert refused(client, market("XYZ", 1))[1]["message"] == 'asset "XYZ" not found'
    client.submit_order(market("SPY", 10))
    assert refused(client, market("SPY", 10)) == (422, {"code": 40010001, "message": "client_order_id must be unique"})
    status, body = refused(client, market("SPY", 5, "sell"))
    assert (status, body["code"]) == (403, 40310000)
    assert body["message"].startswith("potential wash trade")
    status, body = refused(client, market("TLT", 10_000_000))
    assert (status, body["message"]) == (403, "insufficient buying power")
    server.ledger.positions["TLT"] = Held(Decimal(10), Decimal(90))
    client.submit_order(market("TLT", 4, "sell"))
    status, body = refused(client, market("TLT", 8, "sell"))
    assert (status, body["existing_qty"], body["held_for_orders"]) == (403, "10", "4")
    limit = LimitOrderRequest(
        symbol="SPY", qty=1, limit_price=500.123, side=OrderSide.BUY, time_in_force=TimeInForce.DAY
    )
    assert "sub-penny" in refused(client, limit)[1]["message"]
    fraction = MarketOrderRequest(symbol="SPY", qty=0.5, side=OrderSide.BUY, time_in_force=TimeInForce.GTC)
    assert "must be DAY" in refused(client, fraction)[1]["message"]
    server.ledger.blocked = True
    assert refused(client, market("SPY", 3))[0] == 403


def test_auctions_take_orders_in_their_hours_and_in_whole_shares(server: AlpacaServer, client: TradingClient) -> None:
    def asked(kind: TimeInForce, shares: float = 1) -> MarketOrderRequest:
        return MarketOrderRequest(symbol="SPY", qty=shares, side=OrderSide.BUY, time_in_force=kind)

    for kind in (TimeInForce.OPG, TimeInForce.CLS):
        assert refused(client, asked(kind))[0] == 403  # an hour after the close
    server.clock.set(evening(DAY) + timedelta(hours=2))
    assert "must be DAY" in refused(client, asked(TimeInForce.OPG, 0.5))[1]["message"]
    for kind in (TimeInForce.OPG, TimeInForce.CLS):
        client.submit_order(asked(kind))
    server.ledger.play(NEXT, {"SPY": Quote(Decimal(501), Decimal(502))})
    told: Any = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))
    prices = {one.time_in_force: one.filled_avg_price for one in told}
    assert prices == {"opg": "501", "cls": "502"}


def test_a_resting_limit_is_filled_when_the_session_goes_beyond_it(server: AlpacaServer, client: TradingClient) -> None:
    for name, price in (("reached", 495), ("touched", 490), ("never", 480)):
        client.submit_order(
            LimitOrderRequest(
                symbol="SPY", qty=1, limit_price=price, side=OrderSide.BUY, time_in_force=TimeInForce.DAY,
                client_order_id=name,
            )
        )  # fmt: skip
    quote = Quote(Decimal(500), Decimal(499), low=Decimal(490), high=Decimal(500))
    server.ledger.play(NEXT, {"SPY": quote})
    told: Any = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))
    found = {one.client_order_id: (one.status, one.filled_avg_price) for one in told}
    assert found == {"reached": ("filled", "495"), "touched": ("expired", None), "never": ("expired", None)}


def test_a_duplicate_is_noticed_before_or_after_the_money(server: AlpacaServer, client: TradingClient) -> None:
    client.submit_order(market("SPY", 7000))  # 3.5 of 4 millions
    assert refused(client, market("SPY", 7000))[0] == 422
    server.ledger.duplicates_first = False
    assert refused(client, market("SPY", 7000))[1]["message"] == "insufficient buying power"


def test_errors_of_authentication_carry_no_code(server: AlpacaServer) -> None:
    stranger = TradingClient("PKWRONG", "wrong", url_override=server.url)
    with pytest.raises(APIError) as caught:
        stranger.get_account()
    assert caught.value.status_code == 401
    with pytest.raises(KeyError):
        _ = caught.value.code


def test_activities_come_in_pages_and_after_is_strict(server: AlpacaServer, client: TradingClient) -> None:
    client.submit_order(market("SPY", 10))
    client.submit_order(market("TLT", 10))
    server.ledger.fee = Decimal("0.03")
    server.ledger.play(NEXT, {"SPY": Quote.at(500), "TLT": Quote.at(90)}, pieces=5)
    found: list[dict[str, Any]] = []
    token = ""
    while page := client.get("/account/activities/FILL", {"page_size": 3, "direction": "asc", "page_token": token}):
        found += page
        token = page[-1]["id"]
    assert len({one["id"] for one in found}) == len(found) == 10
    assert sum(Decimal(one["qty"]) for one in found) == 20
    assert [one["type"] for one in found].count("fill") == 2
    later = client.get("/account/activities/FILL", {"after": found[2]["transaction_time"], "direction": "asc"})
    assert found[2]["id"] not in {one["id"] for one in later}
    assert client.get("/account/activities/FEE") == []


def test_orders_are_listed_by_state(server: AlpacaServer, client: TradingClient) -> None:
    client.submit_order(market("SPY", 10))
    client.submit_order(market("TLT", 10))
    server.ledger.open_session(NEXT, {"SPY": Quote.at(500)}, filled_share={"SPY": 0.5})
    assert {one.status for one in client.get_orders()} == {"partially_filled", "accepted"}  # type: ignore[union-attr]
    server.ledger.close_session(NEXT)
    assert client.get_orders() == []
    listed: Any = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))
    assert {(one.symbol, one.status, one.filled_qty) for one in listed} == {
        ("SPY", "expired", "5"),
        ("TLT", "expired", "0"),
    }


@pytest.mark.parametrize("kind", ["500 before", "503 before", "504 before", "dropped before", "rate limit"])
def test_a_fault_before_leaves_no_order(server: AlpacaServer, client: TradingClient, kind: Any) -> None:
    server.faults.append(Fault(kind, times=9))
    with pytest.raises((APIError, requests.RequestException)):
        client.submit_order(market("SPY", 10))
    assert server.ledger.orders == {}


@pytest.mark.parametrize("kind", ["500 after", "504 after", "dropped after", "garbage", "truncated"])
def test_a_fault_after_leaves_the_order(server: AlpacaServer, client: TradingClient, kind: Any) -> None:
    server.faults.append(Fault(kind))
    with pytest.raises((APIError, requests.RequestException)):
        client.submit_order(market("SPY", 10))
    assert [one.client_order_id for one in server.ledger.orders.values()] == ["SPY-10-buy"]


def test_an_order_may_be_visible_late_and_then_is(server: AlpacaServer, client: TradingClient) -> None:
    server.ledger.hide_orders_for = 2
    client.submit_order(market("SPY", 10))
    for _ in range(2):
        with pytest.raises(APIError):
            client.get_order_by_client_id("SPY-10-buy")
    assert client.get_order_by_client_id("SPY-10-buy").symbol == "SPY"  # type: ignore[union-attr]


def test_splits_dividends_and_foreign_trades_are_booked(server: AlpacaServer, client: TradingClient) -> None:
    server.ledger.foreign("SPY", 10, 500)
    quote = Quote(Decimal(250), Decimal(255), dividend=Decimal("1.5"), split=Decimal(2))
    server.ledger.play(NEXT, {"SPY": quote})
    [held] = client.get_all_positions()
    assert (held.qty, held.avg_entry_price) == ("20", "250")  # type: ignore[union-attr]
    assert server.ledger.cash == 1_000_000 - 5000 + 30
    [paid] = client.get("/account/activities", {"activity_types": "DIV"})
    assert (paid["net_amount"], paid["symbol"], paid["date"]) == ("30", "SPY", str(NEXT))
