"""Twenty sessions of the same orders at the same prices, at the simulated broker and at the server that stands in for
Alpaca: the same books, to the share and the cent.

Where the two mean different things, the difference is declared here with its reason. One that is not declared fails,
and so does one that does not come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from portfolio_pipeline.adapters.broker.simulated import SimulatedBroker
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.books.book import SHARE, AccountSnapshot, Book, to_cents, to_units
from portfolio_pipeline.core.books.positions import hold
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.settings import Costs
from portfolio_pipeline.core.execution.tickets import Order, TimeInForce, by_session
from portfolio_pipeline.core.market.bars import BAR_COLUMNS, bars_by_session, pay_cash, without_payments
from portfolio_pipeline.ports import Broker, Warehouse
from portfolio_pipeline_tests.adapters.alpaca.desk import alpaca
from portfolio_pipeline_tests.fakes.alpaca.ledger import Ledger, Quote
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.trading import first_sessions, settings

SESSIONS = first_sessions(21)
DAYS = tuple(SESSIONS)
DELISTED_AFTER = 3
HOUSE = settings(impact_bps=0.0, delist_after_sessions=DELISTED_AFTER).model_copy(
    update={"costs": Costs(commission_bps=0.0, half_spread_bps=0.0, slippage_bps=0.0)}
)
OPENING, CLOSING = TimeInForce.OPENING, TimeInForce.CLOSING
INTEREST = 0.0001
PRICES = {"AAA": 100, "BBB": 50, "CCC": 80, "DDD": 60, "EEE": 20, "FFF": 40, "GGG": 30, "HHH": 70}
PRICES |= {"split": 90, "flip": 25, "part": 16, "crossed": 33, "penny": 45, "many": 250, "sold": 12, "gone": 10}
PRICES |= {"cents": 7, "paid": 36, "bounced": 21, "late": 19}


@dataclass(frozen=True)
class Sent:
    """An order that was decided at the close of a session, by the session's number."""

    at: int
    symbol: str
    shares: float
    limit: float | None = None
    kind: TimeInForce = TimeInForce.DAY

    @property
    def order(self) -> Order:
        name = f"PAPER-account-{DAYS[self.at]:%Y%m%d}-{self.symbol}-{self.shares:g}"
        return Order(DAYS[self.at], name, self.symbol, to_units(self.shares), self.limit, self.kind)


SCRIPT = (
    Sent(0, "AAA", 100),
    Sent(0, "CCC", 30, limit=40.0),  # not reached
    Sent(1, "BBB", 50, limit=60.0),  # far beyond the open
    Sent(1, "DDD", 30, limit=59.5),  # reached in the session
    Sent(2, "AAA", -40),
    Sent(2, "EEE", 10.5),
    Sent(3, "FFF", -60),  # short
    Sent(3, "XYZ", 5),  # nobody knows it
    Sent(4, "GGG", 500),  # of which the volume gives 200
    Sent(5, "AAA", 20, kind=OPENING),
    Sent(6, "AAA", -20, kind=CLOSING),
    Sent(7, "HHH", 10),  # it does not trade
    Sent(7, "EEE", -0.5),
    Sent(8, "CCC", 10),  # canceled before the open
    Sent(9, "FFF", 60),  # covered
    Sent(10, "BBB", -30, limit=20.0),  # after its split
    Sent(11, "DDD", -15),  # after its reverse split: all of it
    Sent(12, "AAA", 7, limit=101.25),
    Sent(13, "CCC", 12),
    Sent(14, "CCC", -12, kind=OPENING),
    Sent(15, "GGG", -200),
    Sent(16, "AAA", -67),
    # What is declared: each with a symbol of its own
    Sent(0, "gone", 40),
    Sent(0, "paid", 100),
    Sent(0, "flip", 10),
    Sent(1, "split", 10),
    Sent(2, "flip", -25),
    Sent(3, "part", -2.5),
    Sent(4, "crossed", 10),
    Sent(4, "crossed", -4),
    Sent(5, "penny", 10, limit=47.125),
    Sent(6, "sold", 100),
    Sent(8, "sold", -100),
    Sent(10, "bounced", 10),
    Sent(12, "cents", 0.333),
    Sent(14, "late", 3.5, kind=CLOSING),
    Sent(18, "many", 5000),
)
CANCELED = {8: "CCC"}
REJECTED = {10: "bounced"}
SPLITS = {(8, "BBB"): 2.0, (11, "DDD"): 0.5, (2, "split"): 3.0}
DIVIDEND, EX, PAID = 0.25, 5, 8  # of `paid`: a share, from which session on, and when the broker pays it
FEE, SOLD = Decimal("0.07"), 9
WITHOUT_A_BAR = {("HHH", 8), *(("gone", number) for number in range(14, 21))}
SCARCE = {("GGG", 5): 2_000.0}


@dataclass(frozen=True)
class Declared:
    """Why the two differ, and where: the session's number, and cash, a symbol, or the symbol of an order."""

    why: str
    where: frozenset[tuple[int, str]]


def at(*places: tuple[int, str]) -> frozenset[tuple[int, str]]:
    return frozenset(places)


DIFFERENCES: Mapping[str, Declared] = {
    "orders across a split": Declared(
        "The simulated broker carries an order over, as exchanges do with those that stand: quantity times ratio."
        " Alpaca executes what was sent.",
        at((2, "split"), (2, "order split"), (2, "cash")),
    ),
    "dividends are paid later": Declared(
        "The simulated broker pays on the ex-date, with the bar; Alpaca books it on the day it is paid.",
        at((EX, "cash"), (PAID, "cash")),
    ),
    "interest": Declared(
        "The simulated broker pays the rate of the settings before every open; Alpaca books what it pays, if it does.",
        at((7, "cash")),
    ),
    "fees": Declared(
        "The simulated broker takes a commission with the execution; Alpaca books fees of sales a day later.",
        at((SOLD + 1, "cash")),
    ),
    "a partly filled order": Declared(
        "What is left at the close expires at Alpaca, and the order with it; the simulated broker calls it partially"
        " filled.",
        at((5, "order GGG")),
    ),
    "from long to short in one order": Declared(
        "The simulated broker does it; Alpaca refuses to sell more than is held. The planner takes two orders.",
        at((3, "flip"), (3, "order flip"), (3, "cash")),
    ),
    "parts of a share sold short": Declared(
        "The simulated broker does it; Alpaca lends whole shares only. The planner rounds them.",
        at((4, "part"), (4, "order part"), (4, "cash")),
    ),
    "two sides of one symbol": Declared(
        "The simulated broker executes both; Alpaca refuses the second as a wash trade. The planner nets them.",
        at((5, "crossed"), (5, "order crossed"), (5, "cash")),
    ),
    "limits between the cents": Declared(
        "The simulated broker takes any; Alpaca refuses them above a dollar. The planner rounds to ticks.",
        at((6, "penny"), (6, "order penny"), (6, "cash")),
    ),
    "rejected at the open": Declared(
        "Alpaca's markets may reject what it has taken; nobody rejects at the simulated one.",
        at((11, "bounced"), (11, "order bounced"), (11, "cash")),
    ),
    "parts of a cent": Declared(
        "The simulated broker rounds every execution to a cent; Alpaca rounds nothing, and the books enter what differs"
        " as ROUNDING once it is a cent.",
        at(),
    ),
    "parts of a share at the close": Declared(
        "The simulated broker takes them for an auction; Alpaca takes fractions for the day only, so it is executed at"
        " the open. The planner sends them for the day.",
        at((15, "cash")),
    ),
    "delisted": Declared(
        f"The simulated broker turns it into cash after {DELISTED_AFTER} sessions without a bar; at Alpaca the broker"
        " itself says what is no longer traded.",
        at((16, "gone"), (16, "cash")),
    ),
    "more than there is cash for": Declared(
        "The simulated broker buys as far as the cash goes; Alpaca lends, up to the buying power of the account.",
        at((19, "many"), (19, "order many"), (19, "cash")),
    ),
}


def bars() -> pd.DataFrame:
    rows = []
    for number, session in enumerate(DAYS):
        for symbol, price in PRICES.items():
            ratio = 1.0
            for (day, of), split in SPLITS.items():
                ratio *= split if of == symbol and day <= number else 1.0
            if (symbol, number) in WITHOUT_A_BAR:
                continue
            opened = round(price / ratio + 0.25 * (number % 4), 2)
            rows.append(
                {
                    "session": session,
                    "symbol": symbol,
                    "open": opened,
                    "high": opened + 1,
                    "low": opened - 1,
                    "close": opened + 0.5,
                    "volume": SCARCE.get((symbol, number), 1e6),
                    "dividend": DIVIDEND if (symbol, number) == ("paid", EX) else 0.0,
                    "split_ratio": SPLITS.get((number, symbol), 1.0),
                    "source": "SCRIPTED",
                    "retrieved_at": pd.Timestamp(session),
                }
            )
    return pd.DataFrame(rows)


@dataclass
class Lived:
    """What a broker has said of the twenty sessions, and the books that the house makes of it."""

    books: list[dict[str, int]]
    told: list[AccountSnapshot]
    orders: dict[tuple[int, str], tuple[object, ...]]


def live(broker: Broker, warehouse: Warehouse, day: Callable[[int], None]) -> Lived:
    """`day` brings the broker's market from one evening to the next."""
    told = [broker.account(DAYS[0])]
    orders: dict[tuple[int, str], tuple[object, ...]] = {}
    for number, session in enumerate(DAYS[1:], 1):
        before = SessionRange.single(DAYS[number - 1])
        sent = [one.order for one in SCRIPT if one.at == number - 1]
        broker.submit(before, sent)
        if number - 1 in CANCELED:
            broker.cancel(before.first, [one.client_order_id for one in sent if one.symbol == CANCELED[number - 1]])
        day(number)
        told.append(broker.account(session))
        broker.fills(SessionRange.single(session))
        for report in broker.reports(before):
            [order] = [one for one in sent if one.client_order_id == report.client_order_id]
            key = number, f"order {order.symbol}"
            orders[key] = (*orders.get(key, ()), str(report.state), report.filled_quantity)
    return Lived(books_of(broker, warehouse), told, orders)


def books_of(broker: Broker, warehouse: Warehouse) -> list[dict[str, int]]:
    """Cents and units at every close, by the code that fills the tables."""
    market = dict(bars_by_session(warehouse.read("prices", SESSIONS, columns=BAR_COLUMNS)))
    real = broker.mode != "SIMULATED"
    if not real:
        pay_cash(market, warehouse.read("cash_returns", SESSIONS))
    held = hold(
        DAYS,
        None,
        None,
        by_session(broker.fills(SESSIONS)),
        {day: without_payments(some) for day, some in market.items()} if real else market,
        {},
        {},
        opening=Book(1_000_000_00),
        cash_buffer=0.0,
        delist_after_sessions=10**6 if real else DELISTED_AFTER,
        payments=by_session(broker.cash_flows(SESSIONS)),
    )
    mine = held.positions[held.positions["book"] == "account"]
    found = []
    for session in DAYS:
        [cash] = held.account.loc[(held.account["session"] == session) & (held.account["book"] == "account"), "cash"]
        rows = mine[mine["session"] == session]
        shares = {symbol: to_units(amount) for symbol, amount in zip(rows["symbol"], rows["quantity"], strict=True)}
        found.append({"cash": to_cents(cash), **shares})
    return found


def simulated(warehouse: Warehouse) -> Lived:
    return live(SimulatedBroker(HOUSE, warehouse), warehouse, lambda number: None)


def at_the_server(warehouse: Warehouse, rows: pd.DataFrame) -> tuple[Lived, Ledger]:
    names = ("open", "close", "dividend", "split_ratio", "low", "high")
    with AlpacaServer(evening(DAYS[0]) + timedelta(hours=2.5)) as server:
        ledger = server.ledger
        ledger.prices |= {symbol: Decimal(price) for symbol, price in PRICES.items()}

        def day(number: int) -> None:
            today = rows[rows["session"] == DAYS[number]].assign(dividend=0.0).to_dict("records")
            quotes = {str(row["symbol"]): Quote(*(Decimal(repr(float(row[name]))) for name in names)) for row in today}
            share = {symbol: 0.4 for symbol, place in SCARCE if place == number}
            rejected = frozenset({REJECTED[number - 1]} if number - 1 in REJECTED else ())
            ledger.open_session(DAYS[number], quotes, filled_share=share, rejected=rejected)
            if number == PAID:
                ledger.note("DIV", symbol="paid", quantity=Decimal(100), amount=Decimal(25))
            if number == SOLD + 1:
                ledger.note("FEE", amount=-FEE)
            ledger.close_session(DAYS[number], quotes)
            server.clock.set(evening(DAYS[number]) + timedelta(hours=2.5))  # the auctions take orders

        return live(alpaca(server, warehouse), warehouse, day), ledger


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lived, Lived, Ledger]:
    rows = bars()
    warehouses = []
    for name in ("simulated", "server"):
        folder: Path = tmp_path_factory.mktemp(name)
        warehouse = open_warehouse(f"duckdb:///{folder / 'portfolio.duckdb'}")
        warehouse.prepare()
        warehouse.replace("prices", SESSIONS, rows)
        earned = [
            {"session": day, "cash_return": INTEREST if day == DAYS[6] else 0.0, "origin": "said"} for day in DAYS
        ]
        warehouse.replace("cash_returns", SESSIONS, pd.DataFrame(earned))
        warehouses.append(warehouse)
    there, ledger = at_the_server(warehouses[1], rows)
    return simulated(warehouses[0]), there, ledger


def changes(lived: Lived) -> dict[tuple[int, str], object]:
    """What each session has changed, and what became of each order."""
    found: dict[tuple[int, str], object] = dict(lived.orders)
    for number, (before, after) in enumerate(pairwise(lived.books), 1):
        for name in ("cash", *PRICES):
            found[number, name] = after.get(name, 0) - before.get(name, 0)
    return found


def test_the_books_are_the_same_but_for_what_is_declared(both: tuple[Lived, Lived, Ledger]) -> None:
    one, other = changes(both[0]), changes(both[1])
    differ = {place: (one.get(place), other.get(place)) for place in one | other if one.get(place) != other.get(place)}
    declared = frozenset[tuple[int, str]]().union(*(each.where for each in DIFFERENCES.values()))
    assert {place: told for place, told in differ.items() if place not in declared} == {}
    assert declared - differ.keys() == set(), "declared, and the same at both"


def test_what_is_declared_comes_out_as_it_is_said(both: tuple[Lived, Lived, Ledger]) -> None:
    """The amounts, in cents and shares, by hand."""
    one, other = changes(both[0]), changes(both[1])

    def shares(place: int, name: str) -> tuple[object, object]:
        return tuple(round(found[place, name] / SHARE, 6) for found in (one, other))  # type: ignore[operator, return-value]

    assert shares(2, "split") == (30, 10)
    assert shares(3, "flip") == (-25, 0)
    assert shares(4, "part") == (-2.5, 0)
    assert shares(16, "gone") == (-40, 0)
    assert one[5, "order GGG"] == ("partially_filled", 200 * SHARE)
    assert other[5, "order GGG"] == ("expired", 200 * SHARE)
    assert (other[6, "order penny"], other[11, "order bounced"]) == (("refused", 0), ("rejected", 0))
    assert other[10, "cash"] == one[10, "cash"] - 7  # type: ignore[operator]
    assert other[PAID, "cash"] == one[PAID, "cash"] + 25_00  # type: ignore[operator]
    assert both[0].books[-1]["cash"] >= 0 > both[1].books[-1]["cash"]


@pytest.mark.parametrize("which", [0, 1], ids=["simulated", "server"])
def test_every_evening_the_books_are_what_the_broker_says(which: int, both: tuple[Lived, Lived, Ledger]) -> None:
    lived = both[which]
    assert isinstance(lived, Lived)
    for books, told in zip(lived.books, lived.told, strict=True):
        there = {symbol: held.quantity for symbol, held in told.holdings.items()}
        assert {name: amount for name, amount in books.items() if name != "cash"} == there, told.session
        assert abs(books["cash"] - told.cash) <= which, told.session  # what was executed at a part of a cent
    if which:
        ledger = both[2]
        assert there == {symbol: held * SHARE for symbol, held in ledger.shares().items()}
        assert ledger.cash % Decimal("0.01"), "parts of a cent are there"


def test_the_script_has_an_order_of_every_kind() -> None:
    kinds = {(one.kind, one.limit is not None, one.shares < 0) for one in SCRIPT}
    for kind, limited in ((TimeInForce.DAY, False), (TimeInForce.DAY, True), (OPENING, False), (CLOSING, False)):
        assert {(kind, limited, False), (kind, limited, True)} <= kinds, (kind, limited)
