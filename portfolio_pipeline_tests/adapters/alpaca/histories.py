"""Whole lives of an account, drawn from a seed: evenings on which orders are sent through faults and deaths, sessions
with partial fills, rejects, splits, dividends, fees and trades by hand. After each of them the broker's own words,
added up, have to be the server's ledger.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import get_args

from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.execution.tickets import Order, OrderState
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.adapters.alpaca.desk import alpaca
from portfolio_pipeline_tests.adapters.alpaca.lives import Death, send
from portfolio_pipeline_tests.adapters.alpaca.proofs import DAY, PRICES, begin_anew, fresh, minutes_later
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault, Kind
from portfolio_pipeline_tests.fakes.alpaca.ledger import Ledger, Quote
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

# Two processes cannot wait for a slow answer in a test; wrong keys are not the broker's fault.
TROUBLES: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind not in ("latency", "unauthorized"))


def live(server: AlpacaServer, seed: int, folder: Path, *, sessions: int, deaths: bool) -> Ledger:
    """One life; raises where something does not hold."""
    draw = random.Random(seed)
    url, warehouse = fresh(folder, str(seed))
    server.ledger.duplicates_first = draw.random() < 0.5
    ledger = begin_anew(server)
    ledger.fee = Decimal(draw.choice(["0", "0.03"]))
    book = Book(ledger)
    intents: dict[str, Order] = {}
    session = DAY
    for _ in range(sessions):
        orders = _drawn_orders(draw, ledger, session)
        intents |= {order.client_order_id: order for order in orders}
        _send_through(draw, server, url, warehouse, orders, session, deaths=deaths)
        _check_orders(server, warehouse, intents, session, orders)
        session = next_session(session)
        _play(draw, ledger, book, session)
        book.take(server, warehouse, session)
        assert book.shares == {symbol: held for symbol, held in ledger.shares().items() if held}, (seed, session)
        assert abs(book.cash - ledger.cash) < Decimal("0.005") * book.bookings + 1, (seed, session)
        _check_account(server, warehouse, session)
    return ledger


class Book:
    """What the broker's executions and bookings add up to; no arithmetic of the project's books is in it."""

    def __init__(self, ledger: Ledger) -> None:
        self.cash, self.shares = ledger.cash, dict(ledger.shares())
        self.bookings = 0

    def split(self, symbol: str, ratio: Decimal) -> None:
        if symbol in self.shares:
            self.shares[symbol] = round(self.shares[symbol] * ratio, 6)

    def take(self, server: AlpacaServer, warehouse: Warehouse, session: date) -> None:
        broker, single = alpaca(server, warehouse), SessionRange.single(session)
        for fill in broker.fills(single):
            traded = Decimal(fill.quantity) / SHARE
            self.shares[fill.symbol] = self.shares.get(fill.symbol, Decimal(0)) + traded
            self.cash += Decimal(fill.cash) / 100
            self.bookings += 1
        for flow in broker.cash_flows(single):
            self.cash += Decimal(flow.amount) / 100
        self.shares = {symbol: held for symbol, held in self.shares.items() if held}


def _drawn_orders(draw: random.Random, ledger: Ledger, session: date) -> list[Order]:
    """Buys, and sells of what is held; some larger than the account."""
    orders = []
    for symbol in sorted(PRICES):
        held = int(ledger.shares().get(symbol, Decimal(0)))
        shares = draw.choice([0, 50, 200, 700, 4500, -(held // 2), -held])
        if shares:
            side = "buy" if shares > 0 else "sell"
            name = f"PAPER-account-{session:%Y%m%d}-{symbol}-{side}-1-{abs(shares):016d}"
            orders.append(Order(session, name, symbol, shares * SHARE))
    draw.shuffle(orders)
    return orders


def _send_through(
    draw: random.Random,
    server: AlpacaServer,
    url: str,
    warehouse: Warehouse,
    orders: Sequence[Order],
    session: date,
    *,
    deaths: bool,
) -> None:
    server.ledger.hide_orders_for = draw.choice([0, 0, 0, 2, 6])
    server.faults[:] = [
        Fault(draw.choice(TROUBLES), draw.choice(["POST", "POST", "GET"]), times=draw.choice([1, 1, 2, 5]),
              skip=draw.randrange(4), seconds=0.05)
        for _ in range(draw.choice([0, 1, 2, 3]))
    ]  # fmt: skip
    for trial in range(6):
        if trial == 4:
            server.faults.clear()
            server.ledger.hide_orders_for = 0
        death = Death(draw.choice(["write", "request"]), draw.randint(1, 8), draw.random() < 0.5)
        if deaths and draw.random() < 0.5:
            send(server, url, orders, session, death)
        else:
            with suppress(BrokerError):  # whoever is refused gives the same command again
                told = alpaca(server, warehouse).submit(SessionRange.single(session), orders)
                if all(report.state is not OrderState.UNKNOWN for report in told) and len(told) == len(orders):
                    break
        minutes_later(server)
    server.faults.clear()
    alpaca(server, warehouse).submit(SessionRange.single(session), orders)


def _check_orders(
    server: AlpacaServer, warehouse: Warehouse, intents: dict[str, Order], session: date, orders: Sequence[Order]
) -> None:
    """Each intent that was not refused is one order of the server, as it was meant, and there are no others of ours."""
    reports = {
        report.client_order_id: report for report in alpaca(server, warehouse).reports(SessionRange.single(session))
    }
    assert set(reports) == {order.client_order_id for order in orders}
    there = [one for one in server.ledger.orders.values() if one.client_order_id.startswith("PAPER-")]
    names = [one.client_order_id for one in there]
    assert len(names) == len(set(names))
    for one in there:
        meant = intents[one.client_order_id]
        assert (one.symbol, one.quantity * one.sign) == (meant.symbol, Decimal(meant.quantity) / SHARE)
    taken = {name for name, report in reports.items() if report.state is not OrderState.REFUSED}
    assert taken == {name for name in names if name in reports}
    assert all(reports[name].state is OrderState.ACCEPTED for name in taken), reports


def _play(draw: random.Random, ledger: Ledger, book: Book, session: date) -> None:
    quotes = {}
    for symbol, price in PRICES.items():
        if draw.random() < 0.1:  # it does not trade
            continue
        split = Decimal(2) if draw.random() < 0.08 else Decimal(1)
        dividend = Decimal("0.37") if draw.random() < 0.15 else Decimal(0)
        moved = round(price * Decimal(str(draw.uniform(0.95, 1.05))), draw.choice([2, 4]))
        quotes[symbol] = Quote(moved, moved, dividend, split)
        book.split(symbol, split)
    ledger.open_session(
        session,
        quotes,
        filled_share={symbol: draw.choice([1, 1, 0.5, 0]) for symbol in PRICES},
        rejected=frozenset(symbol for symbol in PRICES if draw.random() < 0.1),
        pieces=draw.choice([1, 3]),
    )
    if draw.random() < 0.2:
        ledger.foreign(draw.choice(sorted(PRICES)), draw.choice([1, 5]), 123.45)
    ledger.close_session(session)


def _check_account(server: AlpacaServer, warehouse: Warehouse, session: date) -> None:
    told = alpaca(server, warehouse).account(session)
    shares = {symbol: Decimal(held.quantity) / SHARE for symbol, held in told.holdings.items()}
    assert shares == server.ledger.shares()
    assert abs(Decimal(told.cash) / 100 - server.ledger.cash) <= Decimal("0.005")
