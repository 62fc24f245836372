"""The account at Alpaca: whose it is, when it is asked, what it says, and every kind of error told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.broker.alpaca.broker import AlpacaBroker
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, previous_session, session_close
from portfolio_pipeline.core.errors import BrokerError, ConfigurationError
from portfolio_pipeline.core.execution.tickets import Order, OrderState, TimeInForce
from portfolio_pipeline.core.market.bars import Asset
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.adapters.alpaca.desk import HASTY, ServerClock, alpaca
from portfolio_pipeline_tests.adapters.alpaca.proofs import DAY, NEXT, ONLY, ORDERS, PRICES, buy
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.ledger import Held, Quote
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening, opening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

THEN = SessionRange.single(NEXT)


@pytest.fixture
def server() -> Iterator[AlpacaServer]:
    with AlpacaServer(evening(DAY)) as running:
        running.ledger.prices |= PRICES
        yield running


@pytest.fixture
def broker(server: AlpacaServer, duckdb_warehouse: Warehouse) -> AlpacaBroker:
    return alpaca(server, duckdb_warehouse)


def test_nothing_is_asked_before_something_is_wanted(server: AlpacaServer, duckdb_warehouse: Warehouse) -> None:
    assert alpaca(server, duckdb_warehouse).reports(ONLY) == ()
    assert server.requests == []


def test_only_the_newest_closed_session_is_tradable_and_only_until_the_market_opens(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    before = previous_session(DAY)
    assert before is not None
    assert broker.tradable(SessionRange(before, DAY)) == ONLY
    assert broker.tradable(SessionRange.single(before)) is None
    for session in (before, NEXT):
        with pytest.raises(BrokerError, match=f"SESSION_NOT_CURRENT: found={session}, expected={DAY}"):
            broker.account(session)
        with pytest.raises(BrokerError, match="SESSION_NOT_CURRENT"):
            broker.submit(SessionRange.single(session), [buy("SPY", 1, session)])
    server.clock.set(opening(NEXT))
    assert broker.tradable(ONLY) is None
    questions: list[Callable[[], object]] = [lambda: broker.account(DAY), lambda: broker.submit(ONLY, ORDERS)]
    for question in questions:
        with pytest.raises(BrokerError, match="MARKET_IS_OPEN"):
            question()
    server.clock.set(session_close(NEXT))
    assert broker.tradable(THEN) == THEN
    assert not server.ledger.orders


def test_an_early_close_is_one(server: AlpacaServer, broker: AlpacaBroker) -> None:
    early = date(2026, 11, 27)
    server.clock.set(session_close(early) + timedelta(minutes=1))
    assert broker.tradable(SessionRange.single(early)) is not None


def test_holdings_are_marked_at_the_closes_that_the_house_has(
    server: AlpacaServer, duckdb_warehouse: Warehouse, broker: AlpacaBroker
) -> None:
    bar: dict[str, Any] = {
        "session": DAY, "symbol": "SPY", "open": 1.0, "high": 500.5, "low": 1.0, "close": 499.5, "volume": 1.0,
        "dividend": 0.0, "split_ratio": 1.0, "source": "test",
        "retrieved_at": datetime.fromisoformat("2026-03-05T00:00:00"),
    }  # fmt: skip
    duckdb_warehouse.replace("prices", ONLY, pd.DataFrame([bar]))
    server.ledger.positions |= {"SPY": Held(Decimal(-3), Decimal(480)), "TLT": Held(Decimal("1.5"), Decimal(88))}
    server.ledger.cash = Decimal("1234.5678")
    account = broker.account(DAY)
    assert account.cash == 123457
    spy, tlt = account.holdings["SPY"], account.holdings["TLT"]
    assert (spy.quantity, spy.price, spy.sessions_without_bar, spy.average_cost) == (-3 * SHARE, 499.5, 0, 480)
    assert (tlt.quantity, tlt.price, tlt.sessions_without_bar, tlt.average_cost) == (SHARE * 3 // 2, 90, 1, 88)


def test_clocks_that_differ_by_more_than_five_seconds_are_refused(
    server: AlpacaServer, duckdb_warehouse: Warehouse
) -> None:
    for seconds in (-4.5, 4.5):
        alpaca(server, duckdb_warehouse, ahead=seconds).account(DAY)
    for seconds in (-6, 6, 86_400):
        with pytest.raises(BrokerError, match="CLOCKS_DIFFER"):
            alpaca(server, duckdb_warehouse, ahead=seconds).account(DAY)


def test_live_is_only_the_account_that_was_named(server: AlpacaServer, duckdb_warehouse: Warehouse) -> None:
    server.key = "AKLIVE0000"
    with pytest.raises(ConfigurationError, match="LIVE_ACCOUNT_DIFFERS: found=PA3TEST00001, expected=123"):
        alpaca(server, duckdb_warehouse, mode="LIVE", live_account="123").submit(ONLY, ORDERS)
    live = alpaca(server, duckdb_warehouse, mode="LIVE", live_account="PA3TEST00001")
    assert live.account(DAY).cash == 1_000_000_00
    server.key = "PKPAPER000"
    with pytest.raises(ConfigurationError, match=r"ACCOUNT_OF_ANOTHER_KIND: found=PAPER account PA3TEST00001"):
        alpaca(server, duckdb_warehouse).account(DAY)


def test_a_blocked_account_sends_nothing_and_can_be_looked_at(server: AlpacaServer, broker: AlpacaBroker) -> None:
    server.ledger.blocked = True
    with pytest.raises(BrokerError, match="ACCOUNT_BLOCKED: found=trading_blocked, trade_suspended_by_user"):
        broker.submit(ONLY, ORDERS)
    assert not server.posts()
    assert broker.account(DAY).cash == 1_000_000_00


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda s: setattr(s, "secret", "another"), "ALPACA_REFUSES_THE_KEYS"),
        (lambda s: s.faults.append(Fault("503 before", method="GET", path="/v2/account", times=99)), "BROKER_UNREACH"),
        (lambda s: s.faults.append(Fault("garbage", method="GET", path="/v2/positions", times=99)), "BROKER_UNREACH"),
        (lambda s: s.faults.append(Fault("truncated", method="GET", path="/v2/clock", times=99)), "BROKER_UNREACH"),
        (lambda s: s.faults.append(Fault("latency", "GET", "/v2/clock", times=99, seconds=0.8)), "BROKER_UNREACH"),
    ],
)
def test_errors_are_told_apart_in_one_message_without_the_keys(
    spoil: Callable[[AlpacaServer], object], reason: str, server: AlpacaServer, broker: AlpacaBroker
) -> None:
    spoil(server)
    with pytest.raises(BrokerError, match=reason) as refusal:
        broker.account(DAY)
    assert server.key not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("kind", ["500 before", "504 after", "dropped before", "garbage", "truncated", "rate limit"])
def test_a_question_is_asked_again(kind: Any, server: AlpacaServer, broker: AlpacaBroker) -> None:
    for path in ("/v2/clock", "/v2/account", "/v2/positions"):
        server.faults.append(Fault(kind, method="GET", path=path, times=2))
    assert broker.account(DAY).cash == 1_000_000_00


def test_an_address_where_nobody_is(duckdb_warehouse: Warehouse, server: AlpacaServer) -> None:
    nobody = AlpacaAccess("PKNOBODY", "secret", "http://127.0.0.1:9")
    broker = AlpacaBroker("PAPER", nobody, duckdb_warehouse, ServerClock(server), HASTY)
    with pytest.raises(BrokerError, match=r"BROKER_UNREACHABLE: at=http://127\.0\.0\.1:9"):
        broker.account(DAY)


def test_what_the_broker_refuses_is_refused_with_its_words_and_the_others_go_on(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    server.ledger.positions["TLT"] = Held(Decimal(2), Decimal(88))
    server.ledger.not_fractionable = frozenset({"GLD"})
    wanted = (
        Order(DAY, "too much", "SPY", 10**6 * SHARE),
        Order(DAY, "not held", "TLT", -3 * SHARE),
        Order(DAY, "a part", "GLD", SHARE // 2),
        Order(DAY, "fine", "TLT", -SHARE),
    )
    told = {report.client_order_id: report for report in broker.submit(ONLY, wanted)}
    assert told["fine"].state is OrderState.ACCEPTED
    reasons = {name: str(report.error) for name, report in told.items() if report.state is OrderState.REFUSED}
    assert set(reasons) == {"too much", "not held", "a part"}
    assert "insufficient buying power (HTTP 403, code 40310000)" in reasons["too much"]
    assert "insufficient qty available" in reasons["not held"]
    assert "not fractionable" in reasons["a part"]


def test_what_may_be_done_with_symbols_is_asked_one_by_one_or_all_at_once(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    server.ledger.not_fractionable = frozenset({"GLD"})
    server.ledger.shorting_enabled = False
    told = {one.symbol: one for one in broker.assets(["GLD", "NONE", "SPY"])}
    assert told == {"GLD": Asset("GLD", True, False, False), "SPY": Asset("SPY", True, True, False)}
    asked = [one.path for one in server.requests if "/assets" in one.path]
    assert asked == ["/v2/assets/GLD", "/v2/assets/NONE", "/v2/assets/SPY"]
    many = [*told, *(f"X{number}" for number in range(60))]
    assert {one.symbol: one for one in broker.assets(many)} == told
    assert [one.path for one in server.requests if "/assets" in one.path][3:] == ["/v2/assets"]


def of_kind(name: str, kind: TimeInForce, limit: float | None = None) -> Order:
    return Order(DAY, name, "SPY", SHARE, limit, kind)


@pytest.mark.parametrize(
    ("hours", "sent"),
    [
        (0.0, ["day", "day", "day"]),  # 17:00 in New York
        (2.0, ["day", "opg", "cls"]),
        (16.4, ["day", "opg", "cls"]),  # 9:24
        (16.48, ["day", "day", "cls"]),  # 9:28:48
    ],
)
def test_who_is_late_for_an_auction_sends_for_the_day_and_says_so(
    hours: float, sent: list[str], server: AlpacaServer, broker: AlpacaBroker
) -> None:
    server.clock.set(evening(DAY) + timedelta(hours=hours))
    orders = [of_kind("1", TimeInForce.DAY), of_kind("2", TimeInForce.OPENING), of_kind("3", TimeInForce.CLOSING)]
    reports = broker.submit(ONLY, orders)
    assert [one.time_in_force for one in server.ledger.orders.values()] == sent
    assert sum(server.posts().values()) == 3
    for report, order, kind in zip(reports, orders, sent, strict=True):
        assert report.state is OrderState.ACCEPTED
        late = kind != str(order.time_in_force)
        name = order.time_in_force.name.lower()
        told = f"SENT_AS_DAY: planned for the {name} auction, which took no orders then"
        assert report.error == (told if late else None)
    quote = Quote(Decimal(500), Decimal(510))
    server.ledger.play(NEXT, {"SPY": quote})
    prices = {fill.client_order_id: fill.price for fill in broker.fills(THEN)}
    assert prices == {"1": 500, "2": 500, "3": 510 if sent[2] == "cls" else 500}
    assert [report.error for report in broker.reports(ONLY)] == [report.error for report in reports]


def test_an_account_that_may_not_trade_in_auctions_sends_for_the_day(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    server.clock.set(evening(DAY) + timedelta(hours=3))
    server.ledger.auctions = False
    [report] = broker.submit(ONLY, [of_kind("1", TimeInForce.OPENING)])
    assert (report.state, str(report.error)[:11]) == (OrderState.ACCEPTED, "SENT_AS_DAY")
    assert server.posts() == {"1": 2}
    server.ledger.blocked = False
    [_, refused] = broker.submit(
        ONLY, [of_kind("1", TimeInForce.OPENING), Order(DAY, "2", "SPY", 10**6 * SHARE, None, TimeInForce.OPENING)]
    )
    assert refused.state is OrderState.REFUSED
    assert "insufficient buying power" in str(refused.error)


def test_a_market_that_opens_later_than_the_house_knows_is_refused_in_one_message(
    server: AlpacaServer, broker: AlpacaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day of mourning, or an early close that no calendar had: the orders would be executed in another session."""
    later = opening(next_session(NEXT))
    monkeypatch.setattr(server.clock, "next_open", lambda: later)
    with pytest.raises(BrokerError, match="MARKET_HOURS_DIFFER: found=the broker's market opens next on 2026-03-09"):
        broker.submit(ONLY, ORDERS)
    assert not server.posts()


def test_fills_come_from_activities_in_pages_each_once(server: AlpacaServer, broker: AlpacaBroker) -> None:
    orders = [buy(symbol, shares) for symbol, shares in (("SPY", 250), ("TLT", 150))]
    broker.submit(ONLY, orders)
    server.ledger.play(NEXT, {symbol: Quote(price) for symbol, price in PRICES.items()}, pieces=120)
    fills = broker.fills(THEN)
    assert len(fills) == len({fill.fill_id for fill in fills}) == 240
    assert {fill.session for fill in fills} == {NEXT}
    assert sum(fill.quantity for fill in fills) == 400 * SHARE
    assert [fill.fill_id for fill in fills] == sorted(fill.fill_id for fill in fills)
    assert broker.fills(ONLY) == ()


def test_a_server_that_tells_the_same_page_again_and_again_is_not_listened_to_for_ever(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    broker.submit(ONLY, [buy("SPY", 250)])
    server.ledger.play(NEXT, {"SPY": Quote(Decimal(500))}, pieces=125)
    told = server.answer

    def forgetful(method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Any:
        return told(method, path, {name: word for name, word in query.items() if name != "page_token"}, body)

    server.answer = forgetful  # type: ignore[method-assign]
    with pytest.raises(BrokerError, match="FILLS_INCOMPLETE"):
        broker.fills(THEN)


def test_parts_of_an_order_in_finer_fractions_than_books_have_are_together_the_order(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    order = Order(DAY, "PAPER-account-20260305-SPY-buy-1-0", "SPY", 10_123_457)
    broker.submit(ONLY, [order])
    server.ledger.play(NEXT, {"SPY": Quote(Decimal(500))}, pieces=7)
    fills = broker.fills(THEN)
    assert len(fills) == 7
    assert sum(fill.quantity for fill in fills) == broker.account(NEXT).holdings["SPY"].quantity == order.quantity


def test_the_account_is_told_as_it_was_before_others_traded_in_the_evening(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    server.ledger.positions["SPY"] = Held(Decimal(40), Decimal(400))
    before = broker.account(DAY)
    server.ledger.foreign("SPY", -40, 501.25)
    server.ledger.foreign("TLT", 3, 90.5)
    assert broker.account(DAY).cash == before.cash
    assert {symbol: held.quantity for symbol, held in broker.account(DAY).holdings.items()} == {"SPY": 40 * SHARE}
    assert broker.fills(ONLY) == ()
    server.ledger.play(NEXT, {})
    assert [fill.symbol for fill in broker.fills(THEN)] == ["SPY", "TLT"]
    assert broker.account(NEXT).cash == server.ledger.cash * 100


def test_fills_that_are_not_all_told_yet_are_waited_for_and_then_refused(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    broker.submit(ONLY, ORDERS[:1])
    server.ledger.hide_activities_for = 2
    server.ledger.play(NEXT, {"SPY": Quote(PRICES["SPY"])})
    assert len(broker.fills(THEN)) == 1
    for activity in server.ledger.activities:
        activity.hidden_for = 99
    with pytest.raises(BrokerError, match=r"FILLS_INCOMPLETE.*executions of 0 of 4500 shares"):
        broker.fills(THEN)


def test_what_somebody_trades_by_hand_is_among_the_fills(server: AlpacaServer, broker: AlpacaBroker) -> None:
    server.clock.set(opening(NEXT))
    server.ledger.foreign("GLD", -2, 200.125)
    server.ledger.close_session(NEXT)
    [fill] = broker.fills(THEN)
    assert (fill.symbol, fill.quantity, fill.price) == ("GLD", -2 * SHARE, 200.125)
    assert fill.client_order_id in {order.client_order_id for order in server.ledger.orders.values()}


def test_an_execution_belongs_to_the_session_in_whose_hours_it_happened(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    """The print of a close comes in after it; what is traded in the evening belongs to the next session."""
    for after_the_close in (timedelta(seconds=1), timedelta(hours=3)):
        server.clock.set(session_close(DAY) + after_the_close)
        server.ledger.foreign("GLD", 1, 200)
    server.ledger.play(NEXT, {})
    assert [len(broker.fills(SessionRange.single(day))) for day in (DAY, NEXT)] == [1, 1]


def test_cash_that_moves_beside_executions_is_told_by_its_day(server: AlpacaServer, broker: AlpacaBroker) -> None:
    ledger = server.ledger
    ledger.note("DIV", symbol="SPY", amount=Decimal("12.345"))
    ledger.note("SPLIT", symbol="SPY", quantity=Decimal(5))
    ledger.note("CSD", at=datetime.fromisoformat("2026-03-07T15:00:00+00:00"), amount=Decimal(500))  # a Saturday
    ledger.foreign("GLD", 1, 200)
    flows = broker.cash_flows(SessionRange(DAY, next_session(NEXT)))
    assert [(flow.session, flow.kind, flow.amount, flow.symbol, flow.is_deposit) for flow in flows] == [
        (DAY, "DIV", 1234, "SPY", False),
        (date(2026, 3, 9), "CSD", 500_00, None, True),
    ]
