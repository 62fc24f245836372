"""What people say about orders, against what is stored: for which session it is, what money there is, what is
canceled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, cast

import pandas as pd
import pytest

from portfolio_pipeline.adapters.acts.orders_by_hand import (
    Noted,
    cancel_orders,
    say_about_orders,
)
from portfolio_pipeline.adapters.said import note
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.calendar.sessions import SessionRange, session_open, session_to_decide
from portfolio_pipeline.core.errors import ConfigurationError, SessionError
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction
from portfolio_pipeline.core.execution.by_hand.saying import Asked
from portfolio_pipeline.core.execution.rows import ticket_rows
from portfolio_pipeline.core.execution.tickets import OrderReport, OrderState, Ticket
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.ports import Broker, Warehouse
from portfolio_pipeline_tests.trading import OPEN, settings

DAY = date(2026, 3, 5)
BEFORE, NEXT = date(2026, 3, 4), date(2026, 3, 6)
STORED = datetime.fromisoformat("2026-03-05T23:30:00")
NOW = STORED.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))
TERMS = settings(limits=Limits(symbol=1.0, turnover=2.0, asset_class=OPEN, order_volume=1.0, order_equity=1.0))
KEY = b"of the tests"
NAMES = ("alpha", "beta", "gamma")
KEY = b"a secret of the tests"


def account_row(session: date, book: str, cash: float, equity: float) -> dict[str, object]:
    nothing = dict.fromkeys(("gross_exposure", "net_exposure", "profit_and_loss", "transfer"), 0.0)
    return {"session": session, "book": book, "equity": equity, "cash": cash, **nothing}


def position_row(session: date, book: str, symbol: str, quantity: float, price: float) -> dict[str, object]:
    row = {"session": session, "book": book, "symbol": symbol, "quantity": quantity, "average_cost": 1.0}
    return {**row, "price": price, "market_value": 0.0, "unrealized_pnl": 0.0, "sessions_without_bar": 0}


def price_row(session: date, symbol: str, close: float) -> dict[str, object]:
    bar = dict.fromkeys(("open", "high", "low", "close"), close)
    rest = {"volume": 1e6, "dividend": 0.0, "split_ratio": 1.0, "source": "test", "retrieved_at": STORED}
    return {"session": session, "symbol": symbol, **bar, **rest}


def weight_row(session: date, strategy: str, weight: float) -> dict[str, object]:
    row = {"session": session, "strategy": strategy, "weight": weight, "previous_weight": None, "method": "equal"}
    rest = {"locked": False, "requested_weight": weight, "reason": "", "unresponded_weight": weight}
    return {**row, **rest, **dict.fromkeys(("kept_weight", "decided_weight", "drifted_weight"))}


def fill(warehouse: Warehouse, table: str, *rows: dict[str, object]) -> None:
    for day in {row["session"] for row in rows}:
        own = pd.DataFrame([row for row in rows if row["session"] == day])
        warehouse.replace(table, SessionRange.single(cast(date, day)), own)


def ticket(session: date, name: str, verdict: str = "accepted") -> Ticket:
    return Ticket(session, name, "AAA", -10 * SHARE, 100.0, 0.1, "why", verdict)  # type: ignore[arg-type]


@pytest.fixture
def house(duckdb_warehouse: Warehouse) -> Warehouse:
    """alpha has a fifth of 100,000: 8,000 of it in AAA. beta holds without a share; gamma has neither; nor has the
    reserve a say.
    """
    fill(duckdb_warehouse, "positions", position_row(BEFORE, "beta", "BBB", 7.0, 40.0))
    fill(
        duckdb_warehouse,
        "positions",
        position_row(DAY, "account", "AAA", 100.0, 100.0),
        position_row(DAY, "alpha", "AAA", 80.0, 100.0),
        position_row(DAY, "beta", "AAA", 20.0, 100.0),
    )
    fill(duckdb_warehouse, "account", account_row(BEFORE, "account", 70_000.0, 50_000.0))
    fill(
        duckdb_warehouse,
        "account",
        account_row(DAY, "account", 90_000.0, 100_000.0),
        account_row(DAY, "alpha", 9_000.0, 17_000.0),
        account_row(DAY, "beta", 500.0, 2_500.0),
        account_row(DAY, "gamma", 0.0, 0.0),
        account_row(DAY, "reserve", 80_500.0, 80_500.0),
    )
    fill(
        duckdb_warehouse,
        "prices",
        price_row(DAY, "AAA", 100.0),
        price_row(DAY, "BBB", 40.0),
        price_row(BEFORE, "BBB", 80.0),
    )
    fill(duckdb_warehouse, "strategy_weights", weight_row(DAY, "alpha", 0.2), weight_row(DAY, "gamma", 0.0))
    return duckdb_warehouse


def say(house: Warehouse, kind: str, now: datetime = NOW, **more: Any) -> Noted:
    word = Asked(kind, "so", "me", **more)  # type: ignore[arg-type]
    return say_about_orders(house, TERMS, NAMES, word, now, KEY)


def said(house: Warehouse) -> list[tuple[object, ...]]:
    rows = sorted(house.read("order_instructions").to_pylist(), key=lambda row: row["instruction_id"])
    return [(row["instruction_id"], row["kind"], row["session"], row["client_order_id"]) for row in rows]


def test_until_the_market_opens_the_newest_close_is_open_to_decisions_and_then_the_session_under_way() -> None:
    opens = session_open(NEXT).replace(tzinfo=UTC)
    assert session_to_decide(NOW) == session_to_decide(opens - timedelta(seconds=1)) == DAY
    assert session_to_decide(opens) == NEXT
    assert session_to_decide(opens.astimezone(NOW.tzinfo)) == NEXT
    saturday = datetime(2026, 3, 7, 12, tzinfo=UTC)
    assert session_to_decide(saturday) == NEXT  # a Friday


def test_what_is_said_is_a_row_more_and_told_with_its_number(house: Warehouse) -> None:
    first = say(house, "order", strategy="alpha", symbol="BBB", quantity=3 * SHARE)
    assert said(house) == [(1, "order", DAY, "")]
    assert (first.row.made_at, first.row.number, first.planned_already) == (STORED, 1, False)
    assert first.told.startswith("Order 1: alpha buys 3 BBB, worth 120.00, and has 8,880.00 left.")
    assert say(house, "flatten").row.number == 2


def test_it_is_told_when_the_session_was_planned_before(house: Warehouse) -> None:
    origin = dict.fromkeys(("market_data", "market_data_place", "broker", "settings", "strategies", "code"), "")
    fill(house, "session_origins", {"session": DAY, "initial_cash": 1.0, **origin})
    assert say(house, "flatten").planned_already
    assert not say(house, "flatten", session=NEXT).planned_already


def test_as_many_are_bought_as_the_share_of_the_capital_leaves(house: Warehouse) -> None:
    """A fifth of 100,000 less the 8,000 that are in AAA; but no more than the 9,000 in its book."""
    assert say(house, "order", strategy="alpha", symbol="BBB").row.quantity == 224 * SHARE
    fill(house, "strategy_weights", weight_row(DAY, "alpha", 0.1))
    assert say(house, "order", strategy="alpha", symbol="AAA").row.quantity == 19 * SHARE


def test_no_more_is_bought_than_the_account_can_pay_for(house: Warehouse) -> None:
    fill(
        house,
        "account",
        *(account_row(DAY, "account", 1_000.0, 100_000.0), account_row(DAY, "alpha", 9_000.0, 17_000.0)),
        account_row(DAY, "beta", 500.0, 2_500.0),
    )
    fill(house, "strategy_weights", weight_row(DAY, "alpha", 1.0))
    assert say(house, "order", strategy="alpha", symbol="BBB").row.quantity == 24 * SHARE


@pytest.mark.parametrize("cash", [0.0, -5.0])
def test_an_account_without_money_buys_nothing(house: Warehouse, cash: float) -> None:
    fill(
        house,
        "account",
        *(account_row(DAY, "account", cash, 100_000.0), account_row(DAY, "alpha", 9_000.0, 17_000.0)),
        account_row(DAY, "beta", 500.0, 2_500.0),
    )
    with pytest.raises(ConfigurationError, match=r"BUDGET_TOO_SMALL.*buying power 0\.00"):
        say(house, "order", strategy="alpha", symbol="BBB")


def test_who_only_holds_may_sell_and_who_has_neither_share_nor_holding_has_no_book(house: Warehouse) -> None:
    with pytest.raises(ConfigurationError, match="BUDGET_TOO_SMALL"):
        say(house, "order", strategy="beta", symbol="BBB")
    assert say(house, "order", strategy="beta", symbol="AAA", quantity=-20 * SHARE).row.quantity == -20 * SHARE
    with pytest.raises(ConfigurationError, match="NO_BOOK: strategy=gamma"):
        say(house, "order", strategy="gamma", symbol="BBB")
    for book in ("account", "reserve"):
        with pytest.raises(ConfigurationError, match="STRATEGY_UNKNOWN"):
            say(house, "close", strategy=book)


def test_before_there_is_an_account_nobody_has_a_book(duckdb_warehouse: Warehouse) -> None:
    with pytest.raises(ConfigurationError, match="NO_BOOK: strategy=alpha"):
        say(duckdb_warehouse, "order", strategy="alpha", symbol="BBB")
    assert say(duckdb_warehouse, "flatten").row.number == 1


def test_who_has_a_share_of_the_capital_and_nothing_yet_may_buy(house: Warehouse) -> None:
    rich = (account_row(DAY, "account", 90_000.0, 100_000.0), account_row(DAY, "gamma", 5_000.0, 5_000.0))
    others = (account_row(DAY, "alpha", 9_000.0, 17_000.0), account_row(DAY, "beta", 500.0, 2_500.0))
    fill(house, "account", *rich, *others)
    fill(house, "strategy_weights", weight_row(DAY, "gamma", 0.1))
    assert say(house, "order", strategy="gamma", symbol="BBB").row.quantity == 124 * SHARE


def test_while_the_market_is_open_it_is_for_the_session_under_way(house: Warehouse) -> None:
    assert say(house, "flatten", now=session_open(NEXT).replace(tzinfo=UTC)).row.session == NEXT


def test_an_order_is_changed_only_until_the_market_opens(house: Warehouse) -> None:
    with house.transaction() as tx:
        tx.insert("orders", ticket_rows([ticket(DAY, "mine"), ticket(BEFORE, "old")]))
    open_ = session_open(NEXT).replace(tzinfo=UTC)
    with pytest.raises(SessionError, match="MARKET_IS_OPEN: found=mine"):
        say(house, "modify", now=open_, order="mine", quantity=SHARE)
    with pytest.raises(ConfigurationError, match="ORDER_UNKNOWN: found=old"):
        say(house, "modify", order="old", quantity=SHARE)
    assert not said(house)
    assert say(house, "modify", order="mine", quantity=SHARE).row.order == "mine"


class Counter:
    """A broker's counter for cancellations: it has what it is told, and cancels what is open at once."""

    def __init__(self, *reports: OrderReport) -> None:
        self.told = {one.client_order_id: one for one in reports}
        self.asked: list[tuple[object, ...]] = []

    def reports(self, sessions: SessionRange) -> tuple[OrderReport, ...]:
        self.asked.append((sessions.first, sessions.last))
        return tuple(one for one in self.told.values() if sessions.first <= one.session <= sessions.last)

    def cancel(self, session: date, names: Sequence[str]) -> tuple[OrderReport, ...]:
        self.asked.append((session, *names))
        own = [self.told[name] for name in names if name in self.told]
        return tuple(replace(one, state=OrderState.CANCELED, filled_quantity=SHARE) for one in own)


def report(session: date, name: str, state: OrderState) -> OrderReport:
    return OrderReport(session, name, state, None, 0, STORED)


def cancel(house: Warehouse, counter: Counter, *names: str, why: str = "a slip") -> dict[str, OrderState]:
    reports = cancel_orders(house, cast(Broker, counter), names, why, "me", NOW, KEY)
    return {one.client_order_id: one.state for one in reports}


@pytest.fixture
def counter(house: Warehouse) -> Counter:
    with house.transaction() as tx:
        tickets = (
            *(ticket(DAY, "sent"), ticket(DAY, "unsent"), ticket(DAY, "refused", "refused"), ticket(DAY, "filled")),
            *(ticket(BEFORE, "late"), ticket(BEFORE, "never")),
        )
        tx.insert("orders", ticket_rows(tickets))
    return Counter(
        report(DAY, "sent", OrderState.ACCEPTED),
        report(DAY, "filled", OrderState.FILLED),
        report(BEFORE, "late", OrderState.PARTIALLY_FILLED),
    )


def test_all_that_is_open_is_canceled_and_what_was_not_sent_yet_is_not_sent_any_more(
    house: Warehouse, counter: Counter
) -> None:
    assert cancel(house, counter) == dict.fromkeys(("sent", "late", "unsent"), OrderState.CANCELED)
    assert sorted(said(house), key=str) == [
        (1, "cancel", DAY, "sent"),
        (2, "cancel", BEFORE, "late"),
        (3, "cancel", DAY, "unsent"),
    ]
    assert counter.asked == [(BEFORE, DAY), (BEFORE, "late"), (DAY, "sent", "unsent")]
    told = cancel_orders(house, cast(Broker, counter), ["sent"], "a slip", "me", NOW, KEY)
    assert [one.filled_quantity for one in told] == [SHARE]  # as the broker says it


def test_what_was_never_sent_is_told_as_canceled_before_it_was(house: Warehouse, counter: Counter) -> None:
    [one] = cancel_orders(house, cast(Broker, counter), ["unsent"], " a slip\0", " me\0", NOW, KEY)
    assert one == OrderReport(DAY, "unsent", OrderState.CANCELED, None, 0, STORED, "CANCELED: before it was sent")
    [row] = house.read("order_instructions").to_pylist()
    assert (row["reason"], row["who"], row["recorded_at"]) == ("a slip", "me", STORED)


def test_what_is_canceled_twice_is_asked_for_again_and_written_once(house: Warehouse, counter: Counter) -> None:
    cancel(house, counter, "sent")
    assert cancel(house, counter, "sent", "late") == dict.fromkeys(("sent", "late"), OrderState.CANCELED)
    assert said(house) == [(1, "cancel", DAY, "sent"), (2, "cancel", BEFORE, "late")]
    cancel(house, counter, "unsent")
    counter.told = {}
    assert "unsent" not in cancel(house, counter)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("filled", "ORDER_IS_OVER: found=filled, state=filled"),
        ("semt", "ORDER_UNKNOWN: found=semt.*did you mean sent?"),
    ],
)
def test_what_is_over_or_unknown_is_not_canceled_nor_anything_beside_it(
    house: Warehouse, counter: Counter, name: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        cancel(house, counter, "sent", name)
    assert not said(house)
    assert counter.asked == [(BEFORE, DAY)]


def test_without_a_reason_nobody_is_asked(house: Warehouse, counter: Counter) -> None:
    with pytest.raises(ConfigurationError, match="REASON_MISSING"):
        cancel(house, counter, "sent", why=" ")
    assert not counter.asked


def test_numbers_go_on_after_what_was_said_before(house: Warehouse, counter: Counter) -> None:
    before = Instruction(6, "flatten", DAY, "me", "so", STORED)
    with house.transaction() as tx:
        note(tx, KEY, [before])
    cancel(house, counter, "sent", "late")
    assert [row[0] for row in said(house)] == [6, 7, 8]
