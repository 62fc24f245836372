"""What has to hold in the end, asked of the server's ledger and of the tables: every order once, and both the same.

An evening on which orders are sent can be begun anew, as often as one likes, with whatever is to go wrong in it.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.adapters.alpaca.desk import alpaca
from portfolio_pipeline_tests.adapters.alpaca.lives import DIED, Death, all_deaths, send
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault, Kind
from portfolio_pipeline_tests.fakes.alpaca.ledger import Ledger, Quote
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

DAY = date(2026, 3, 5)
NEXT = next_session(DAY)
ONLY = SessionRange.single(DAY)
PRICES = {"SPY": Decimal(500), "TLT": Decimal(90), "GLD": Decimal(200)}


def buy(symbol: str, shares: int, session: date = DAY) -> Order:
    return Order(session, f"PAPER-account-{session:%Y%m%d}-{symbol}-buy-1-{shares:016d}", symbol, shares * SHARE)


ORDERS = (buy("SPY", 4500), buy("TLT", 100), buy("GLD", 50))
"""The first takes more than half of what may be bought: a second one like it would be refused for want of money."""


def states(reports: tuple[OrderReport, ...]) -> dict[str, OrderState]:
    return {report.client_order_id: report.state for report in reports}


def minutes_later(server: AlpacaServer, minutes: float = 2) -> None:
    server.clock.set(server.clock.now() + timedelta(minutes=minutes))


def fresh(folder: Path, name: str) -> tuple[str, Warehouse]:
    """A prepared database; preparing takes longer than copying what is prepared."""
    prepared, copy = folder / "prepared.duckdb", folder / f"{name}.duckdb"
    if not prepared.exists():
        open_warehouse(f"duckdb:///{prepared}").prepare()
    shutil.copy(prepared, copy)
    url = f"duckdb:///{copy}"
    return url, open_warehouse(url)


def begin_anew(server: AlpacaServer) -> Ledger:
    """The evening once more, with an account that nobody has touched."""
    server.clock.set(evening(DAY))
    server.ledger = Ledger(server.clock, prices=dict(PRICES), duplicates_first=server.ledger.duplicates_first)
    return server.ledger


def each_once(ledger: Ledger, orders: tuple[Order, ...] = ORDERS) -> None:
    taken = [(one.client_order_id, one.symbol, one.quantity * one.sign) for one in ledger.orders.values()]
    assert sorted(taken) == sorted((o.client_order_id, o.symbol, Decimal(o.quantity) / SHARE) for o in orders)


def ties(server: AlpacaServer, warehouse: Warehouse) -> None:
    """Tables and ledger say the same, now and after the next session."""
    broker = alpaca(server, warehouse)
    told = {one.client_order_id: one.id for one in server.ledger.orders.values()}
    reports = broker.reports(ONLY)
    assert {one.client_order_id: one.broker_order_id for one in reports} == told
    assert set(states(reports).values()) == {OrderState.ACCEPTED}
    server.ledger.play(NEXT, {symbol: Quote(price) for symbol, price in PRICES.items()})
    fills = broker.fills(SessionRange.single(NEXT))
    assert {fill.symbol: fill.quantity / SHARE for fill in fills} == server.ledger.shares()
    account = broker.account(NEXT)
    assert {symbol: held.quantity / SHARE for symbol, held in account.holdings.items()} == server.ledger.shares()
    assert account.cash == server.ledger.cash * 100
    assert set(states(broker.reports(ONLY)).values()) == {OrderState.FILLED}


def steps(orders: tuple[Order, ...]) -> list[Death]:
    """Around every write and every request of a life: the account is bound, orders are planned, marked and noted; clock
    and account are asked for, orders listed, sent, and listed again.
    """
    return all_deaths(writes=3 + len(orders), requests=7 + len(orders))


def killed_at_every_step(server: AlpacaServer, folder: Path, kind: Kind | None, orders: tuple[Order, ...]) -> int:
    """Lives that end at each step, with an answer hit besides; says how many were killed, and came to the same end."""
    died = 0
    for number, death in enumerate(steps(orders)):
        url, warehouse = fresh(folder, str(number))
        ledger = begin_anew(server)
        server.faults[:] = [] if kind is None else [Fault(kind)]
        died += send(server, url, orders, DAY, death) == DIED
        for _ in range(4):
            minutes_later(server)
            if send(server, url, orders, DAY) == 0 and len(ledger.orders) == len(orders):
                break
        each_once(ledger, orders)
        ties(server, warehouse)
    return died
