"""Canceling at Alpaca: a request that may be lost, come too late, or be answered by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from portfolio_pipeline.adapters.broker.alpaca.broker import AlpacaBroker
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.execution.tickets import OrderState
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.adapters.alpaca.desk import alpaca
from portfolio_pipeline_tests.adapters.alpaca.proofs import DAY, NEXT, ONLY, PRICES, buy
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault, Kind
from portfolio_pipeline_tests.fakes.alpaca.ledger import Quote
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer, Asked

ORDER = buy("SPY", 10)
NAME = ORDER.client_order_id


@pytest.fixture
def server() -> Iterator[AlpacaServer]:
    with AlpacaServer(evening(DAY)) as running:
        running.ledger.prices |= PRICES
        yield running


@pytest.fixture
def broker(server: AlpacaServer, duckdb_warehouse: Warehouse) -> AlpacaBroker:
    opened = alpaca(server, duckdb_warehouse)
    opened.submit(ONLY, [ORDER])
    return opened


def deletes(server: AlpacaServer) -> int:
    return sum(asked.method == "DELETE" for asked in server.requests)


@pytest.mark.parametrize(
    "kind", ["dropped before", "dropped after", "500 before", "503 before", "504 after", "garbage", "rate limit"]
)
def test_whatever_happens_to_the_request_the_order_is_canceled_in_the_end(
    kind: Kind, server: AlpacaServer, broker: AlpacaBroker
) -> None:
    server.faults.append(Fault(kind, method="DELETE", path="/v2/orders", times=1, seconds=0.05))
    [report] = broker.cancel(DAY, [NAME])
    assert report.state is OrderState.CANCELED
    assert not [order for order in server.ledger.orders.values() if order.open]


def test_a_fill_that_is_faster_than_the_request_is_told_as_a_fill(server: AlpacaServer, broker: AlpacaBroker) -> None:
    def fill_first(asked: Asked) -> None:
        if asked.method == "DELETE":
            server.ledger.open_session(NEXT, {"SPY": Quote.at(100.0)})

    server.before_each = fill_first
    [report] = broker.cancel(DAY, [NAME])
    assert (report.state, report.filled_quantity) == (OrderState.FILLED, 10 * SHARE)
    assert deletes(server) == 1


def test_a_part_that_was_filled_before_stays_filled(server: AlpacaServer, broker: AlpacaBroker) -> None:
    server.ledger.open_session(NEXT, {"SPY": Quote.at(100.0)}, filled_share={"SPY": 0.4})
    [report] = broker.cancel(DAY, [NAME])
    assert (report.state, report.filled_quantity) == (OrderState.CANCELED, 4 * SHARE)
    assert server.ledger.positions["SPY"].quantity == Decimal(4)


def test_where_nobody_answers_it_is_told_as_it_stands_and_asked_again(
    server: AlpacaServer, broker: AlpacaBroker
) -> None:
    server.faults.append(Fault("500 before", method="DELETE", path="/v2/orders", times=99))
    [report] = broker.cancel(DAY, [NAME])
    assert report.state is OrderState.ACCEPTED
    server.faults.clear()
    [report] = broker.cancel(DAY, [NAME])
    assert report.state is OrderState.CANCELED


def test_what_was_planned_and_never_sent_is_not_sent_any_more(
    server: AlpacaServer, duckdb_warehouse: Warehouse
) -> None:
    broker = alpaca(server, duckdb_warehouse)
    broker._sender.plan([ORDER])
    broker.cancel(DAY, [NAME])
    [report] = broker.submit(ONLY, [ORDER])
    assert report.state is OrderState.CANCELED
    assert not server.posts()
