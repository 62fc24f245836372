"""Every order exactly once: whatever goes wrong with the answers, and wherever the process is killed.

What is asked at the end is the server's own ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.execution.tickets import Order, OrderState, TimeInForce
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.adapters.alpaca.desk import alpaca
from portfolio_pipeline_tests.adapters.alpaca.lives import DIED, all_deaths, send
from portfolio_pipeline_tests.adapters.alpaca.proofs import (
    DAY,
    NEXT,
    ONLY,
    ORDERS,
    PRICES,
    begin_anew,
    buy,
    each_once,
    fresh,
    killed_at_every_step,
    minutes_later,
    states,
    steps,
    ties,
)
from portfolio_pipeline_tests.fakes.alpaca.faults import KINDS, Fault
from portfolio_pipeline_tests.fakes.alpaca.ledger import Quote
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer


@pytest.fixture(params=[True, False], ids=["duplicates first", "money first"])
def server(request: pytest.FixtureRequest) -> Iterator[AlpacaServer]:
    with AlpacaServer(evening(DAY)) as running:
        running.ledger.prices |= PRICES
        running.ledger.duplicates_first = request.param
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_happens_to_an_answer_every_order_is_there_once(
    kind: Any, server: AlpacaServer, duckdb_warehouse: Warehouse
) -> None:
    """Each order's first answer is hit; a timeout is one of them."""
    server.faults += [Fault(kind, skip=place, seconds=0.8) for place in (0, 2)]
    broker = alpaca(server, duckdb_warehouse)
    for _ in range(2 if kind == "unauthorized" else 0):
        with pytest.raises(BrokerError, match="ALPACA_REFUSES_THE_KEYS"):
            broker.submit(ONLY, ORDERS)
    broker.submit(ONLY, ORDERS)
    each_once(server.ledger)
    ties(server, duckdb_warehouse)


@pytest.mark.parametrize("hidden", [1, 3, 6])
@pytest.mark.parametrize("kind", ["504 after", "dropped after", "garbage"])
def test_an_order_that_is_seen_late_is_not_sent_twice(
    kind: Any, hidden: int, server: AlpacaServer, duckdb_warehouse: Warehouse
) -> None:
    """It is not found by its identifier for a while; it is sent again, and stays one order."""
    server.ledger.hide_orders_for = hidden
    server.faults.append(Fault(kind))
    for _ in range(4):
        reports = alpaca(server, duckdb_warehouse).submit(ONLY, ORDERS)
        minutes_later(server)
    assert set(states(reports).values()) == {OrderState.ACCEPTED}
    each_once(server.ledger)
    ties(server, duckdb_warehouse)


AUCTION = tuple(replace(one, time_in_force=TimeInForce.OPENING) for one in ORDERS)


def half_past_seven(server: AlpacaServer) -> None:
    """In the evening, when the auctions take orders."""
    server.clock.set(evening(DAY) + timedelta(hours=2.5))


@pytest.mark.parametrize("kind", ["rate limit", "504 before", "504 after", "dropped after", "garbage"])
@pytest.mark.parametrize("auctions", [True, False], ids=["taken", "refused"])
def test_an_order_for_an_auction_is_there_once_whether_the_broker_takes_it_or_not(
    kind: Any, auctions: bool, server: AlpacaServer, duckdb_warehouse: Warehouse
) -> None:
    half_past_seven(server)
    server.ledger.auctions = auctions
    server.faults += [Fault(kind, skip=place) for place in (0, 3)]
    for _ in range(3):
        alpaca(server, duckdb_warehouse).submit(ONLY, AUCTION)
        minutes_later(server)
    each_once(server.ledger)
    kinds = {order.time_in_force for order in server.ledger.orders.values()}
    assert kinds == ({"opg"} if auctions else {"day"})
    ties(server, duckdb_warehouse)


def test_who_is_killed_while_an_order_changes_from_the_auction_to_the_day_sends_it_once(
    server: AlpacaServer, tmp_path: Path
) -> None:
    """Around every write and every request: each order is refused for the auction first, and then taken."""
    died = 0
    for number, death in enumerate(all_deaths(writes=6, requests=9)):
        url, warehouse = fresh(tmp_path, str(number))
        ledger = begin_anew(server)
        ledger.auctions = False
        half_past_seven(server)
        died += send(server, url, AUCTION[:2], DAY, death) == DIED
        for _ in range(4):
            minutes_later(server)
            if send(server, url, AUCTION[:2], DAY) == 0 and len(ledger.orders) == 2:
                break
        each_once(ledger, AUCTION[:2])
        ties(server, warehouse)
    assert died > 12


def test_what_cannot_be_proved_is_unknown_and_nothing_is_sent_after_it(
    server: AlpacaServer, duckdb_warehouse: Warehouse
) -> None:
    server.faults.append(Fault("dropped after", times=99))
    server.faults.append(Fault("dropped before", method="GET", path="/v2/orders", times=99, skip=1))
    broker = alpaca(server, duckdb_warehouse)
    with pytest.raises(BrokerError, match="BROKER_UNREACHABLE"):
        broker.submit(ONLY, ORDERS)
    assert list(server.posts()) == [ORDERS[0].client_order_id]
    noted = duckdb_warehouse.read("order_attempts").to_pylist()
    assert [row["state"] for row in noted if row["number"] > 1] == ["submitting", "unknown"]
    server.faults.clear()
    assert states(alpaca(server, duckdb_warehouse).submit(ONLY, ORDERS)) == dict.fromkeys(
        (order.client_order_id for order in ORDERS), OrderState.ACCEPTED
    )
    each_once(server.ledger)


def test_a_refusal_is_final_only_where_no_earlier_attempt_may_still_arrive(
    server: AlpacaServer, duckdb_warehouse: Warehouse
) -> None:
    """The first attempt gets an inner error; by the second the account has no money left."""
    server.faults.append(Fault("500 before"))
    server.ledger.cash = Decimal(10)
    order = ORDERS[:1]
    assert set(states(alpaca(server, duckdb_warehouse).submit(ONLY, order)).values()) == {OrderState.UNKNOWN}
    assert set(states(alpaca(server, duckdb_warehouse).submit(ONLY, order)).values()) == {OrderState.UNKNOWN}
    minutes_later(server)
    [report] = alpaca(server, duckdb_warehouse).submit(ONLY, order)
    assert report.state is OrderState.REFUSED
    assert "insufficient buying power" in str(report.error)
    assert server.ledger.orders == {}
    before = server.posts()
    alpaca(server, duckdb_warehouse).submit(ONLY, order)
    assert server.posts() == before


def test_an_order_in_doubt_after_its_session_never_arrived(server: AlpacaServer, duckdb_warehouse: Warehouse) -> None:
    server.faults.append(Fault("dropped before", times=9))
    assert set(states(alpaca(server, duckdb_warehouse).submit(ONLY, ORDERS[:1])).values()) == {OrderState.UNKNOWN}
    server.faults.clear()
    server.ledger.play(NEXT, {})
    [report] = alpaca(server, duckdb_warehouse).reports(ONLY)
    assert report.state is OrderState.REFUSED
    assert str(report.error).startswith("NEVER_ARRIVED")
    assert alpaca(server, duckdb_warehouse).account(NEXT).cash == server.ledger.cash * 100


def test_the_next_plan_waits_for_orders_of_which_nobody_knows(
    server: AlpacaServer, duckdb_warehouse: Warehouse
) -> None:
    """They arrived, and the session is over; but the broker cannot be asked about them."""
    server.faults += [Fault("dropped after", times=1), Fault("500 before", method="GET", times=99, skip=1)]
    with pytest.raises(BrokerError, match="BROKER_UNREACHABLE"):
        alpaca(server, duckdb_warehouse).submit(ONLY, ORDERS[:1])
    server.faults.clear()
    server.ledger.play(NEXT, {"SPY": Quote(Decimal(500))})
    server.faults.append(Fault("500 before", method="GET", times=99))
    with pytest.raises(BrokerError, match="BROKER_UNREACHABLE"):
        alpaca(server, duckdb_warehouse).account(NEXT)
    with pytest.raises(BrokerError, match="BROKER_UNREACHABLE"):
        alpaca(server, duckdb_warehouse).submit(SessionRange.single(NEXT), [buy("TLT", 1, NEXT)])
    assert len(server.ledger.orders) == 1
    server.faults.clear()
    assert alpaca(server, duckdb_warehouse).account(NEXT).holdings["SPY"].quantity == 4500 * SHARE


def test_an_order_that_stands_after_its_session_holds_the_next_plan_back(
    server: AlpacaServer, duckdb_warehouse: Warehouse
) -> None:
    broker = alpaca(server, duckdb_warehouse)
    broker.submit(ONLY, ORDERS[:1])
    server.ledger.play(NEXT, {})
    [order] = server.ledger.orders.values()
    order.status = "pending_cancel"
    for question in (lambda: broker.account(NEXT), lambda: broker.fills(SessionRange.single(NEXT))):
        with pytest.raises(BrokerError, match="ORDERS_STILL_OPEN"):
            question()


def test_what_an_earlier_home_has_sent_for_the_session_is_adopted(
    server: AlpacaServer, duckdb_warehouse: Warehouse, tmp_path: Path
) -> None:
    """The database was put back to before it sent; the broker knows better."""
    alpaca(server, duckdb_warehouse).submit(ONLY, ORDERS)
    fresh = open_warehouse(f"duckdb:///{tmp_path / 'fresh.duckdb'}")
    fresh.prepare()
    reports = alpaca(server, fresh).submit(ONLY, ORDERS[:2])
    assert states(reports) == dict.fromkeys((order.client_order_id for order in ORDERS), OrderState.ACCEPTED)
    each_once(server.ledger)


def test_beside_what_another_home_has_sent_for_the_session_nothing_is_sent_by_another_plan(
    server: AlpacaServer, duckdb_warehouse: Warehouse, tmp_path: Path
) -> None:
    _, elsewhere = fresh(tmp_path, "elsewhere")
    alpaca(server, elsewhere).submit(ONLY, ORDERS)
    other = [*ORDERS[:1], buy("TLT", 101)]
    with pytest.raises(BrokerError, match=r"SENT_FROM_ELSEWHERE: found=.*, orders=2"):
        alpaca(server, duckdb_warehouse).submit(ONLY, other)
    each_once(server.ledger)
    told = states(alpaca(server, duckdb_warehouse).reports(ONLY))
    assert told == dict.fromkeys((order.client_order_id for order in ORDERS), OrderState.ACCEPTED)


def test_what_another_home_has_sent_and_canceled_is_in_nobodys_way(
    server: AlpacaServer, duckdb_warehouse: Warehouse, tmp_path: Path
) -> None:
    _, elsewhere = fresh(tmp_path, "elsewhere")
    there = alpaca(server, elsewhere)
    there.submit(ONLY, ORDERS[:1])
    there.cancel(DAY, [ORDERS[0].client_order_id])
    [report] = [one for one in alpaca(server, duckdb_warehouse).submit(ONLY, ORDERS[1:2])
                if one.client_order_id == ORDERS[1].client_order_id]  # fmt: skip
    assert report.state is OrderState.ACCEPTED


def test_two_processes_at_once_send_every_order_once(server: AlpacaServer, tmp_path: Path) -> None:
    """The lock of the account would keep one of them out; here nobody has it."""
    for number in range(4):
        url, warehouse = fresh(tmp_path, str(number))
        ledger = begin_anew(server)
        send(server, url, ORDERS, DAY, times=2)
        minutes_later(server)
        assert send(server, url, ORDERS, DAY) == 0
        each_once(ledger)
        ties(server, warehouse)


def test_by_an_identifier_that_another_order_has_nothing_is_taken_for_ours(
    server: AlpacaServer, duckdb_warehouse: Warehouse, tmp_path: Path
) -> None:
    other = open_warehouse(f"duckdb:///{tmp_path / 'other.duckdb'}")
    other.prepare()
    mine = buy("SPY", 10)
    alpaca(server, other).submit(ONLY, [Order(DAY, mine.client_order_id, "TLT", 7 * SHARE)])
    [report] = alpaca(server, duckdb_warehouse).submit(ONLY, [mine])
    assert (report.state, str(report.error)[:19]) == (OrderState.REFUSED, "ID_OF_ANOTHER_ORDER")
    server.ledger.play(NEXT, {"TLT": Quote(Decimal(90))})
    [fill] = alpaca(server, duckdb_warehouse).fills(SessionRange.single(NEXT))  # what is there is told all the same
    assert (fill.symbol, fill.quantity) == ("TLT", 7 * SHARE)


def test_too_many_requests_are_waited_out_by_the_servers_clock(
    server: AlpacaServer, duckdb_warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.append(Fault("rate limit", times=2, skip=1, seconds=2))
    assert set(states(alpaca(server, duckdb_warehouse).submit(ONLY, ORDERS)).values()) == {OrderState.ACCEPTED}
    each_once(server.ledger)
    assert "takes no more requests for" in caplog.text
    assert "1 of 3 orders are sent" in caplog.text


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "duplicates_first"), [(None, True), ("dropped after", False)])
def test_killed_at_any_step_it_comes_to_the_same_end(kind: Any, duplicates_first: bool, tmp_path: Path) -> None:
    """The whole matrix of troubles is in the benchmark `orders_once`."""
    with AlpacaServer(evening(DAY)) as server:
        server.ledger.duplicates_first = duplicates_first
        died = killed_at_every_step(server, tmp_path, kind, ORDERS[:1])
    assert died > len(steps(ORDERS[:1])) * 0.8, "the steps are there to be killed at"


def test_of_all_pairs_of_troubles_none_makes_two_orders(server: AlpacaServer, tmp_path: Path) -> None:
    """The second attempt is hit as well, by the same trouble or another one."""
    kinds = ["500 before", "504 after", "dropped after", "truncated", "empty"]
    for number, (one, other) in enumerate(product(kinds, repeat=2)):
        _, warehouse = fresh(tmp_path, str(number))
        begin_anew(server)
        server.ledger.hide_orders_for = number % 5
        server.faults[:] = [Fault(one), Fault(other)]  # type: ignore[arg-type]
        with warehouse.kept_open():
            for _ in range(3):
                alpaca(server, warehouse).submit(ONLY, ORDERS[:2])
                minutes_later(server)
            each_once(server.ledger, ORDERS[:2])
            ties(server, warehouse)
