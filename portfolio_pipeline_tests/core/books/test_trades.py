"""Trades explain their books: shares, cash and profit come from them, however wishes, orders and sides meet."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents, to_units, value
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.positions import hold
from portfolio_pipeline.core.books.strategy_books import Ledger, advance
from portfolio_pipeline.core.books.trades import Received, trade_rows
from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline.core.market.bars import Bar, Bars
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.tables import TRADES
from portfolio_pipeline.core.tables.declare import RESERVE
from portfolio_pipeline.core.tables.rows import checked
from portfolio_pipeline_tests.core.books.test_positions import Year

DAY = date(2024, 1, 2)
OPENING = datetime(2024, 1, 2, 14, 30)  # noqa: DTZ001 as the tables hold it: UTC without a zone
FLAT: Bars = {"AAA": Bar(50.0, 50.0, 50.0, 50.0)}
NAMES = ("a", "b", "c", RESERVE)


def books(**held: int) -> Ledger:
    """Books with so many units, which had cost 40 each."""
    own = {name: Book(10**9, {"AAA": Position(held[name], 40.0, 50.0)} if held.get(name) else {}) for name in NAMES}
    total = sum(held.values())
    return Ledger(Book(4 * 10**9, {"AAA": Position(total, 40.0, 50.0)} if total else {}), own)


def fill(quantity: int, price: float = 50.0, commission: int = 0, order: str = "o", minutes: int = 0) -> Fill:
    at = OPENING + timedelta(minutes=minutes)
    return Fill(DAY, f"{order}/{minutes}", order, "AAA", quantity, price, commission, at)


def traded(ledger: Ledger, fills: list[Fill], wished: dict[str, int], bars: Bars = FLAT) -> pd.DataFrame:
    """The rows of a session; everything held before it has been held since the first session of the year before."""
    entries = {
        (name, symbol): date(2023, 1, 3)
        for name, book in {"account": ledger.account, **ledger.books}.items()
        for symbol in book.positions
    }
    received: list[Received] = []
    advance(ledger, bars, fills, {"AAA": wished}, None, 3, (), received=received)
    after = {"account": ledger.account, **ledger.books}

    def is_long(book: str, symbol: str) -> bool | None:
        quantity = after[book].quantity(symbol)
        return quantity > 0 if quantity else None

    rows = trade_rows(DAY, received, entries, is_long, lambda *_: "why")
    return checked(TRADES, pd.DataFrame(rows, columns=list(TRADES.column_names))).to_pandas()


def shares(row: dict[str, Any]) -> int:
    return to_units(row["quantity"]) * (1 if row["side"] == "buy" else -1)


def gross(row: dict[str, Any]) -> int:
    return to_cents(row["value"]) * (-1 if row["side"] == "buy" else 1)


def short(rows: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    known = rows[["book", *columns]].astype(object).where(rows[["book", *columns]].notna(), None)
    return [tuple(row) for row in known.itertuples(index=False)]


def test_every_book_has_its_part_of_every_order_and_of_its_costs() -> None:
    fills = [fill(3 * SHARE, 50.0, 3, "o1"), fill(3 * SHARE, 50.0, 3, "o2", 5), fill(3 * SHARE, 50.0, 3, "o2", 9)]
    rows = traded(books(), fills, {"a": 6 * SHARE, "b": 3 * SHARE})
    assert short(rows, "client_order_id", "quantity", "value", "cost") == [
        ("account", "o1", 3, 150, 0.03),
        ("account", "o2", 6, 300, 0.06),
        ("a", "o1", 2, 100, 0.02),
        ("a", "o2", 4, 200, 0.04),
        ("b", "o1", 1, 50, 0.01),
        ("b", "o2", 2, 100, 0.02),
    ]
    assert rows["effect"].tolist() == ["opens", "adds"] * 3
    assert set(rows["entry_session"]) == {DAY}
    assert rows["traded_at"].max() == OPENING + timedelta(minutes=9)
    assert rows["number"].tolist() == [1, 2] * 3


def test_what_crosses_inside_is_told_apart_from_the_order() -> None:
    ledger = books(b=10 * SHARE)
    rows = traded(ledger, [fill(4 * SHARE, 51.0, 10)], {"a": 10 * SHARE, "b": -6 * SHARE})
    assert short(rows, "side", "quantity", "crossed", "client_order_id", "realised_pnl", "cost") == [
        ("account", "buy", 4, False, "o", 0, 0.1),
        ("a", "buy", 4, False, "o", 0, 0.1),
        ("a", "buy", 6, True, None, 0, 0),
        ("b", "sell", 6, True, None, 66, 0),
    ]


def test_what_nobody_wished_for_is_the_reserves() -> None:
    rows = traded(books(), [fill(5 * SHARE)], {"a": 2 * SHARE})
    assert short(rows, "quantity")[1:] == [("a", 2), (RESERVE, 3)]


def test_a_position_that_ends_says_for_how_many_sessions_it_was_held() -> None:
    rows = traded(books(a=10 * SHARE), [fill(-10 * SHARE, 45.0)], {"a": -10 * SHARE})
    assert short(rows, "effect", "entry_session", "sessions_held", "realised_pnl") == [
        ("account", "closes", date(2023, 1, 3), 250, 50),
        ("a", "closes", date(2023, 1, 3), 250, 50),
    ]


def test_a_book_that_changes_sides_closes_one_position_and_opens_the_next() -> None:
    rows = traded(books(a=10 * SHARE), [fill(-14 * SHARE, 45.0, 14)], {"a": -14 * SHARE})
    assert short(rows, "effect", "quantity", "value", "cost", "realised_pnl", "entry_session")[2:] == [
        ("a", "closes", 10, 450, 0.1, 50, date(2023, 1, 3)),
        ("a", "opens", 4, 180, 0.04, 0, DAY),
    ]
    assert rows["sessions_held"].notna().tolist() == [True, False] * 2


def test_what_is_added_after_a_change_of_sides_belongs_to_the_new_position() -> None:
    rows = traded(books(a=10 * SHARE, b=10 * SHARE), [fill(-5 * SHARE)], {"a": -30 * SHARE, "b": 10 * SHARE})
    mine = rows[rows["book"] == "a"]
    assert short(mine, "effect", "quantity", "crossed", "entry_session") == [
        ("a", "reduces", 5, False, date(2023, 1, 3)),
        ("a", "closes", 5, True, date(2023, 1, 3)),
        ("a", "opens", 5, True, DAY),
    ]
    both = traded(books(a=2 * SHARE, b=10 * SHARE), [fill(-5 * SHARE)], {"a": -30 * SHARE, "b": 10 * SHARE})
    assert short(both[both["book"] == "a"], "effect", "quantity", "crossed", "entry_session") == [
        ("a", "closes", 2, False, date(2023, 1, 3)),
        ("a", "opens", 3, False, DAY),
        ("a", "adds", 10, True, DAY),
    ]


def test_what_is_no_longer_traded_becomes_cash_by_a_trade_of_its_own() -> None:
    ledger = books(a=3 * SHARE, b=SHARE)
    for book in (ledger.account, *ledger.books.values()):
        for position in book.positions.values():
            position.sessions_without_bar = 2
    rows = traded(ledger, [], {}, {})
    assert short(rows, "side", "quantity", "value", "realised_pnl", "client_order_id", "crossed") == [
        ("account", "sell", 4, 200, 40, None, False),
        ("a", "sell", 3, 150, 30, None, False),
        ("b", "sell", 1, 50, 10, None, False),
    ]
    assert set(rows["effect"]) == {"closes"}


def test_executions_that_cancel_each_other_leave_a_profit_without_shares() -> None:
    rows = traded(books(), [fill(5 * SHARE, 50.0, 7, "o1"), fill(-5 * SHARE, 51.0, 7, "o2")], {})
    assert short(rows[rows["book"] == RESERVE], "side", "quantity", "value", "cost", "realised_pnl") == [
        (RESERVE, "sell", 0, 5, 0.14, 5)
    ]


def test_who_sells_to_the_market_and_to_another_book_is_paid_by_each_for_what_it_took() -> None:
    rows = traded(books(a=10 * SHARE), [fill(-6 * SHARE, 45.0, 12)], {"a": -10 * SHARE, "b": 4 * SHARE})
    assert short(rows, "side", "quantity", "crossed", "value", "price", "realised_pnl", "effect") == [
        ("account", "sell", 6, False, 270, 45, 30, "reduces"),
        ("a", "sell", 6, False, 270, 45, 30, "reduces"),
        ("a", "sell", 4, True, 180, 45, 20, "closes"),
        ("b", "buy", 4, True, 180, 45, 0, "opens"),
    ]


def test_an_order_that_was_executed_at_several_prices_has_their_average() -> None:
    fills = [fill(SHARE, 50.0), fill(2 * SHARE, 53.0, 0, "o", 5)]
    for held, effect in ((0, "opens"), (SHARE, "adds")):
        rows = traded(books(a=held), fills, {"a": 3 * SHARE})
        assert short(rows, "quantity", "price", "value", "effect") == [
            ("account", 3, 52, 156, effect),
            ("a", 3, 52, 156, effect),
        ]


@pytest.mark.parametrize(("paid", "realised"), [(1_000, 0), (997, 0), (1_003, 0), (996, 4), (1_004, -4)])
def test_a_few_cents_of_rounding_are_no_profit_of_who_begins_a_position(paid: int, realised: int) -> None:
    received = Received("a", "AAA", "o", False, SHARE, 10.0, -paid, 0, OPENING, 0, 0.0)
    [row] = trade_rows(DAY, [received], {}, lambda *_: True, lambda *_: "why")
    assert to_cents(row[list(TRADES.column_names).index("realised_pnl")]) == realised


@examples(max_examples=300, deadline=None)
@given(data=st.data())
def test_for_any_wishes_and_executions_trades_explain_shares_cash_and_profit(data: st.DataObject) -> None:
    size = st.integers(-(10**9), 10**9)
    held = {name: data.draw(st.one_of(st.just(0), size), label=f"held {name}") for name in NAMES}
    wished = {name: data.draw(size, label=f"wish {name}") for name in NAMES}
    one_side = data.draw(st.booleans(), label="all on one side")
    fills = [
        fill(
            abs(quantity) if one_side else quantity,
            data.draw(st.floats(0.5, 900).map(lambda price: round(price, 6))),
            data.draw(st.integers(0, 5_000)),
            data.draw(st.sampled_from(["o1", "o2", "o3"])),
            minutes,
        )
        for minutes, quantity in enumerate(data.draw(st.lists(size.filter(bool), max_size=4), label="fills"))
    ]
    ledger = books(**held)
    before = {name: Book(book.cash, dict(book.positions)) for name, book in _all(ledger).items()}
    paid = {name: _paid(book) for name, book in before.items()}
    quantities = {name: book.quantity("AAA") for name, book in before.items()}
    rows = traded(ledger, fills, wished).to_dict("records")

    for name, book in _all(ledger).items():
        own = [row for row in rows if row["book"] == name]
        assert book.quantity("AAA") - quantities[name] == sum(map(shares, own))
        assert book.cash - before[name].cash == sum(gross(row) - to_cents(row["cost"]) for row in own)
        realised = sum(to_cents(row["realised_pnl"]) for row in own)
        assert abs(_paid(book) - paid[name] + sum(map(gross, own)) - realised) <= 1 + 4 * len(own)
        ends = [row for row in own if row["effect"] == "closes"]
        if one_side or name != "account":  # which may open and close within the session
            assert len(ends) == (quantities[name] * book.quantity("AAA") <= 0 and quantities[name] != 0)
    for what in (shares, gross, lambda row: to_cents(row["cost"])):
        whole = sum(what(row) for row in rows if row["book"] == "account")
        assert sum(what(row) for row in rows if row["book"] != "account") == whole
    assert sum(shares(row) for row in rows if row["crossed"]) == 0
    if one_side:
        for order in {one.client_order_id for one in fills}:
            ordered = sum(one.quantity for one in fills if one.client_order_id == order)
            for account in (True, False):
                mine = [row for row in rows if row["client_order_id"] == order]
                assert sum(shares(row) for row in mine if (row["book"] == "account") == account) == ordered
        assert all(row["value"] >= 0 for row in rows)


def _all(ledger: Ledger) -> dict[str, Book]:
    return {"account": ledger.account, **ledger.books}


def _paid(book: Book) -> int:
    position = book.positions.get("AAA")
    return value(position.quantity, position.average_cost) if position else 0


@examples(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), short_too=st.booleans(), fractional=st.booleans())
def test_over_many_sessions_trades_add_up_to_what_is_held_and_to_the_executions(
    seed: int, short_too: bool, fractional: bool
) -> None:
    year = Year(seed, short=short_too, fractional=fractional)
    held = year.held(year.days)
    trades = held.trades.assign(signed=[shares(row) for row in held.trades.to_dict("records")])
    executed = sum(map(len, year.fills.values()))
    assert len(trades[(trades["book"] == "account") & trades["client_order_id"].notna()]) >= executed > 0
    for (book, symbol), rows in trades.groupby(["book", "symbol"]):
        quantity = 0
        for day in year.days:
            bar = year.bars[day].get(str(symbol)) or year.bars[day].actions.get(str(symbol))
            quantity = round(quantity * (bar.split_ratio if bar else 1.0)) + sum(rows[rows["session"] == day]["signed"])
            at_close = held.positions[
                (held.positions["session"] == day)
                & (held.positions["book"] == book)
                & (held.positions["symbol"] == symbol)
            ]
            now = to_units(at_close["quantity"].sum())
            assert abs(now - quantity) <= 1
            quantity = now


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (SessionTargets({"AAA": 0.3}, {"AAA": 0.3}, {}, {"a": {"AAA": 0.3}}), "want 30.00% of the account's equity"),
        (
            SessionTargets({"AAA": 0.2}, {"AAA": 0.4}, {"AAA": "symbol limit 0.2"}, {"a": {"AAA": 0.4}}),
            "want 20.00% of the account's equity (cut: symbol limit 0.2)",
        ),
        (SessionTargets({"AAA": 0.0}, {"AAA": 0.0}), "what no strategy wished for"),
    ],
)
def test_a_trade_says_what_its_book_was_sized_to(targets: SessionTargets, told: str) -> None:
    next_day = next_session(DAY)
    executed = Fill(next_day, "o/1", "o", "AAA", 10 * SHARE, 50.0, 0, OPENING)
    held = hold(
        [DAY, next_day],
        None,
        None,
        {next_day: [executed]},
        {DAY: FLAT, next_day: FLAT},
        {DAY: targets},
        {DAY: {"a": 1.0}},
        opening=Book(10**6),
        cash_buffer=0.0,
        delist_after_sessions=3,
    )
    [account, book] = held.trades.to_dict("records")
    assert account["reason"].startswith(f"want {targets.weights['AAA']:.2%} of equity")
    assert (book["book"], book["reason"]) == ("a" if targets.contributions else RESERVE, told)
