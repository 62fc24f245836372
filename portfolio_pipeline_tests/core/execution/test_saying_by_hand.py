"""What people may say about orders, what row it becomes, and the one message of what cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction, Instructions
from portfolio_pipeline.core.execution.by_hand.saying import Asked, Known, in_words, instruction
from portfolio_pipeline.core.execution.by_hand.sizing import Money
from portfolio_pipeline.core.execution.orders import client_order_id
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline_tests.trading import OPEN, settings

DAY, NOW = date(2026, 3, 5), datetime.fromisoformat("2026-03-05T22:00:00")
BEFORE, LATER = date(2026, 3, 4), date(2026, 3, 6)
LIMITS = Limits(symbol=1.0, turnover=2.0, asset_class=OPEN, order_volume=1.0, order_equity=1.0, price_collar=0.125)
TERMS = settings(limits=LIMITS)
NAME = client_order_id("PAPER", DAY, "AAA", -10 * SHARE)
PLANNED = Ticket(DAY, NAME, "AAA", -10 * SHARE, 100.0, 0.1, "why")
ALPHA = Book(to_cents(5_000.0), {"AAA": Position(30 * SHARE, 90.0, 100.0)})
KNOWN = Known(
    DAY,
    NOW,
    TERMS,
    Instructions(),
    ("alpha", "beta"),
    closes={"AAA": 100.0, "BBB": 40.0},
    books={"alpha": ALPHA},
    money={"alpha": Money(to_cents(10_000.0), to_cents(3_000.0), to_cents(5_000.0), to_cents(6_000.0))},
    tickets={NAME: PLANNED},
)
"""alpha may spend its 5,000 in cash, and holds 30 AAA."""


def asked(kind: str, strategy: str = "alpha", symbol: str = "AAA", **more: Any) -> Asked:
    return Asked(kind, more.pop("why", "so"), more.pop("who", "me"), strategy, symbol, **more)  # type: ignore[arg-type]


def said(number: int, kind: str, session: date = DAY, strategy: str = "", symbol: str = "", **more: Any) -> Instruction:
    return Instruction(number, kind, session, "you", "before", NOW, strategy, symbol, **more)  # type: ignore[arg-type]


def after(*before: Instruction) -> Known:
    return replace(KNOWN, said=Instructions(before))


def refused(one: Asked, known: Known = KNOWN) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        instruction(one, known)
    return str(refusal.value)


def test_the_row_holds_what_was_said_cleaned_and_numbered_after_what_was_said_before() -> None:
    word = asked("order", quantity=3 * SHARE, price=101.0, why=" a hunch\0 ", who=" me\0", session=LATER)
    assert instruction(word, after(said(7, "close", strategy="beta"))) == Instruction(
        8, "order", LATER, "me", "a hunch", NOW, "alpha", "AAA", 3 * SHARE, 101.0
    )
    assert instruction(asked("close", symbol=""), KNOWN) == Instruction(1, "close", DAY, "me", "so", NOW, "alpha", "")
    held = instruction(asked("withdraw", strategy="", symbol="", withdraws=4), after(said(4, "flatten")))
    assert (held.withdraws, held.number, held.strategy) == (4, 5, "")
    ticket = instruction(asked("cancel", strategy="", symbol="", order=NAME), KNOWN)
    assert (ticket.order, ticket.kind, ticket.session) == (NAME, "cancel", DAY)


@pytest.mark.parametrize("why", ["", "  ", "\t\n"])
def test_without_a_reason_nothing_is_written(why: str) -> None:
    assert "REASON_MISSING" in refused(asked("flatten", why=why))


def test_what_is_decided_stays_and_the_open_session_is_the_first() -> None:
    assert f"SESSION_DECIDED: found={BEFORE}, expected={DAY} or later" in refused(asked("flatten", session=BEFORE))
    assert instruction(asked("flatten", session=DAY), KNOWN).session == DAY


@pytest.mark.parametrize("kind", ["order", "sell_all", "close"])
def test_a_strategy_has_to_be_one_and_to_have_a_book(kind: str) -> None:
    assert "STRATEGY_UNKNOWN: found=alhpa, expected=alpha, beta" in refused(asked(kind, "alhpa"))
    assert "did you mean alpha?" in refused(asked(kind, "alhpa"))
    assert "STRATEGY_UNKNOWN: found=nothing" in refused(asked(kind, ""))
    assert "NO_BOOK: strategy=beta" in refused(asked(kind, "beta"))


@pytest.mark.parametrize("kind", ["order", "sell_all"])
def test_a_symbol_has_to_be_in_the_universe_and_to_have_a_price(kind: str) -> None:
    assert "SYMBOL_UNKNOWN: found=AAB" in refused(asked(kind, symbol="AAB"))
    assert "SYMBOL_UNKNOWN: found=nothing" in refused(asked(kind, symbol=""))
    assert "NO_PRICE: symbol=CCC" in refused(asked(kind, symbol="CCC"))


@pytest.mark.parametrize(
    ("price", "fine"), [(112.5, True), (87.5, True), (112.6, False), (87.4, False), (float("nan"), False)]
)
def test_a_limit_lies_within_the_collar_around_the_close(price: float, fine: bool) -> None:
    word = asked("order", quantity=SHARE, price=price)
    if fine:
        assert instruction(word, KNOWN).limit_price == price
    else:
        assert f"PRICE_FAR_OFF: found={price:g}, close=100, limit=12%" in refused(word)


def test_no_quantity_means_as_many_as_the_money_buys_at_the_limit_or_the_close() -> None:
    assert instruction(asked("order", symbol="BBB"), KNOWN).quantity == 124 * SHARE  # 125 cost 5,000 and a commission
    assert instruction(asked("order", symbol="BBB", price=41.0), KNOWN).quantity == 121 * SHARE
    assert instruction(asked("order"), KNOWN).quantity == 49 * SHARE


@pytest.mark.parametrize("quantity", [50 * SHARE, 0])
def test_more_than_the_money_buys_and_nothing_at_all_are_refused_with_what_there_is(quantity: int) -> None:
    message = refused(asked("order", quantity=quantity))
    assert "BUDGET_TOO_SMALL: strategy=alpha" in message
    assert "budget=5,000.00, expected=at most 49 shares" in message
    assert "allocated 10,000.00, held 3,000.00, cash 5,000.00, buying power 6,000.00" in message
    assert ("50 shares at 100" if quantity else "nothing to spend at 100") in message
    assert instruction(asked("order", quantity=49 * SHARE), KNOWN).quantity == 49 * SHARE


def test_who_has_nothing_to_spend_buys_nothing() -> None:
    poor = replace(KNOWN, money={"alpha": Money(0, 0, 0, 0)})
    assert "BUDGET_TOO_SMALL" in refused(asked("order"), poor)


def test_fractions_are_ordered_only_where_they_are_traded() -> None:
    assert "FRACTION_NOT_TRADED: found=0.5" in refused(asked("order", quantity=SHARE // 2))
    fractional = replace(KNOWN, terms=settings(limits=LIMITS, orders=Orders(fractional=True)))
    assert instruction(asked("order", quantity=SHARE // 2), fractional).quantity == SHARE // 2


def test_no_more_is_sold_than_there_is_unless_the_settings_allow_it() -> None:
    assert instruction(asked("order", quantity=-30 * SHARE), KNOWN).quantity == -30 * SHARE
    assert "SELLS_MORE_THAN_HELD: strategy=alpha, found=31 AAA, expected=at most 30" in refused(
        asked("order", quantity=-31 * SHARE)
    )
    assert "SELLS_MORE_THAN_HELD" in refused(asked("order", symbol="BBB", quantity=-SHARE))
    short = replace(KNOWN, terms=settings(limits=LIMITS.model_copy(update={"short": 0.3})))
    assert instruction(asked("order", quantity=-31 * SHARE), short).quantity == -31 * SHARE


def test_what_was_sold_short_may_be_bought_back() -> None:
    owing = replace(KNOWN, books={"alpha": Book(to_cents(5_000.0), {"AAA": Position(-30 * SHARE, 90.0, 100.0)})})
    assert instruction(asked("order", quantity=10 * SHARE), owing).quantity == 10 * SHARE


def test_all_of_nothing_is_not_sold() -> None:
    assert instruction(asked("sell_all"), KNOWN).quantity is None
    assert "NOTHING_HELD: strategy=alpha, symbol=BBB" in refused(asked("sell_all", symbol="BBB"))


def test_nothing_is_ordered_for_who_is_closed_or_while_everything_is_flat_but_all_may_be_sold() -> None:
    closed, flat = after(said(3, "close", strategy="alpha")), after(said(3, "flatten"))
    assert "STRATEGY_CLOSED: found=order 3, by hand: you, before" in refused(asked("order", quantity=SHARE), closed)
    assert "EVERYTHING_IS_FLAT: found=order 3" in refused(asked("order", quantity=SHARE), flat)
    assert "EVERYTHING_IS_FLAT" in refused(asked("close", symbol=""), flat)
    for known in (closed, flat):
        assert instruction(asked("sell_all"), known).kind == "sell_all"
    other = after(said(3, "close", strategy="beta"))
    assert instruction(asked("order", quantity=SHARE), other).quantity == SHARE
    over = after(said(3, "flatten"), said(4, "withdraw", withdraws=3))
    assert instruction(asked("order", quantity=SHARE), over).quantity == SHARE


def test_what_begins_later_does_not_stand_in_the_way_of_today() -> None:
    tomorrow = after(said(3, "flatten", LATER))
    assert instruction(asked("order", quantity=SHARE), tomorrow).session == DAY
    assert "EVERYTHING_IS_FLAT" in refused(asked("order", quantity=SHARE, session=LATER), tomorrow)


def test_only_what_is_in_force_is_withdrawn() -> None:
    word = asked("withdraw", strategy="", symbol="", withdraws=4)
    assert "NOTHING_TO_WITHDRAW: found=4, expected=nothing is in force" in refused(word)
    assert "NOTHING_TO_WITHDRAW: found=4, expected=3, 5" in refused(word, after(said(3, "flatten"), said(5, "flatten")))
    assert "NOTHING_TO_WITHDRAW" in refused(word, after(said(4, "cancel", order=NAME)))
    twice = after(said(4, "flatten"), said(5, "withdraw", withdraws=4))
    assert "NOTHING_TO_WITHDRAW" in refused(word, twice)


@pytest.mark.parametrize("kind", ["cancel", "modify"])
def test_only_an_order_of_the_session_is_canceled_or_changed(kind: str) -> None:
    message = refused(asked(kind, strategy="", symbol="", order=NAME[:-1], quantity=SHARE))
    assert f"ORDER_UNKNOWN: found={NAME[:-1]}, expected=an order of {DAY}" in message


def changed(**more: Any) -> Asked:
    return asked("modify", strategy="", symbol="", order=NAME, **more)


def test_an_order_is_made_smaller_or_given_another_limit() -> None:
    assert instruction(changed(quantity=4 * SHARE), KNOWN).quantity == 4 * SHARE
    assert instruction(changed(quantity=1), KNOWN).quantity == 1
    assert instruction(changed(price=99.0), KNOWN).limit_price == 99.0
    whole = instruction(changed(quantity=10 * SHARE, price=99.0), KNOWN)
    assert (whole.quantity, whole.limit_price) == (10 * SHARE, 99.0)


@pytest.mark.parametrize("quantity", [0, -SHARE, 10 * SHARE + 1])
def test_an_order_is_not_made_larger_nor_nothing(quantity: int) -> None:
    assert "QUANTITY_IMPOSSIBLE" in refused(changed(quantity=quantity))


def test_a_change_that_changes_nothing_is_a_slip() -> None:
    assert "NOTHING_CHANGED" in refused(changed(quantity=10 * SHARE))
    assert "NOTHING_CHANGED" in refused(changed())
    limited = replace(KNOWN, tickets={NAME: replace(PLANNED, limit_price=99.0)})
    assert "NOTHING_CHANGED" in refused(changed(price=99.0), limited)
    assert instruction(changed(price=98.0), limited).limit_price == 98.0


def test_another_limit_lies_within_the_collar_of_the_orders_symbol() -> None:
    assert "PRICE_FAR_OFF: found=42, close=100" in refused(changed(price=42.0))


REPEATED = [
    (asked("order", quantity=SHARE), said(1, "order", DAY, "alpha", "AAA", quantity=SHARE)),
    (asked("sell_all"), said(1, "sell_all", DAY, "alpha", "AAA")),
    (asked("cancel", strategy="", symbol="", order=NAME), said(1, "cancel", order=NAME)),
]


@pytest.mark.parametrize(("word", "before"), REPEATED, ids=lambda one: getattr(one, "kind", ""))
def test_the_same_said_twice_is_a_slip_of_the_hand(word: Asked, before: Instruction) -> None:
    assert "ALREADY_SAID: found=order 1, by hand: you, before" in refused(word, after(before))
    others = [replace(before, session=LATER), replace(before, strategy="gamma", symbol="BBB", order="another")]
    for other in others:
        assert instruction(word, after(other)).number == 2


def test_what_was_withdrawn_may_be_said_again_and_what_was_canceled_may_not() -> None:
    over = said(2, "withdraw", withdraws=1)
    again = after(said(1, "order", DAY, "alpha", "AAA", quantity=SHARE), over)
    assert instruction(asked("order", quantity=SHARE), again).number == 3
    assert "order 1 first" not in refused(
        asked("cancel", strategy="", symbol="", order=NAME), after(said(1, "cancel", order=NAME))
    )
    two = after(said(1, "flatten"), said(2, "flatten", LATER), said(3, "withdraw", withdraws=1))
    assert instruction(asked("withdraw", strategy="", symbol="", withdraws=2), two).withdraws == 2


def words(one: Asked, known: Known = KNOWN) -> str:
    return in_words(instruction(one, known), known)


def test_what_will_be_done_is_said_in_words() -> None:
    bought = words(asked("order", quantity=3 * SHARE, price=101.0))
    assert "alpha buys 3 AAA at 101 or better, worth 303.00, and has 4,697.00 left" in bought
    assert f"Planned with the orders of {DAY}" in bought
    sold = words(asked("order", quantity=-3 * SHARE))
    assert "alpha sells 3 AAA, worth 300.00. Planned" in sold
    assert "sells all it has of AAA, 30 shares now" in words(asked("sell_all"))
    assert "has nothing until `portfolio order withdraw 1`" in words(asked("close", symbol=""))
    assert "everything is sold" in words(asked("flatten", strategy="", symbol=""))
    withdrawn = asked("withdraw", strategy="", symbol="", withdraws=4, session=LATER)
    assert words(withdrawn, after(said(4, "flatten"))) == f"Order 4 is withdrawn from {LATER} on."
    assert "the rest is ordered anew: 4 shares at 99 or better" in words(changed(quantity=4 * SHARE, price=99.0))
    assert words(asked("cancel", strategy="", symbol="", order=NAME)).startswith(f"{NAME} is to be canceled")
