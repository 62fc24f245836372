"""Whoever else acts in the account: nothing is sent before a person has said what of it is ours, from outside."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline_tests.cli.paper_house import PaperHouse, tables, ties
from portfolio_pipeline_tests.fakes.alpaca.ledger import Held, Taken
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening, opening

pytestmark = pytest.mark.timeout(600)


def run(house: PaperHouse) -> tuple[int, str]:
    return house.does("run")


def decides(house: PaperHouse, action: str, subject: str) -> str:
    code, said = house.does("reconcile", action, subject, "--reason", "so it is")
    assert code == 0, said
    return said


def refused(house: PaperHouse, *command: str) -> str:
    code, said = house.does(*command)
    assert (code, "Traceback" in said) == (1, False), said
    return said


def holds(house: PaperHouse, book: str) -> dict[str, float]:
    rows = tables(house).read("positions", SessionRange.single(house.session), where={"book": book}).to_pylist()
    return {row["symbol"]: row["quantity"] for row in rows}


def result(house: PaperHouse, book: str) -> tuple[float, float]:
    """Profit and transfer of the newest session."""
    [row] = tables(house).read("account", SessionRange.single(house.session), where={"book": book}).to_pylist()
    return row["profit_and_loss"], row["transfer"]


def traded(house: PaperHouse, symbol: str) -> bool:
    return any(
        order.symbol == symbol and "-account-" in order.client_order_id for order in house.server.ledger.orders.values()
    )


def test_what_was_bought_by_hand_is_left_alone_until_it_is_accepted_and_then_it_is_traded(
    paper_house: PaperHouse,
) -> None:
    house, ledger = paper_house, paper_house.server.ledger
    ledger.foreign("GLD", 7, 180.0)
    house.next_day()
    code, said = run(house)
    assert (code, "RECONCILIATION_OPEN: found=foreign_execution GLD" in said) == (1, True), said
    assert not house.server.posts()
    ties(house)
    assert holds(house, "unclaimed") == {"GLD": 7}
    assert "nothing is sent before they are decided" in house.does("reconcile")[1]
    decides(house, "accept", "GLD")
    code, said = run(house)
    assert code == 0, said
    ties(house)
    assert holds(house, "unclaimed") == {}
    assert holds(house, "reserve")["GLD"] == 7
    house.next_day()
    assert run(house)[0] == 0
    ties(house)
    assert "accepted by" in house.does("reconcile")[1]


def test_shares_that_were_moved_in_are_ignored_for_good_and_are_no_profit(paper_house: PaperHouse) -> None:
    """Of a symbol without prices: it cannot be accepted, and is never sold."""
    house, ledger = paper_house, paper_house.server.ledger
    ledger.prices["TSLA"] = Decimal(250)
    ledger.positions["TSLA"] = Held(Decimal(40), Decimal(180))
    house.next_day()
    assert "foreign_position TSLA" in run(house)[1]
    profit, came = result(house, "account")
    assert came == 10_000.0
    assert abs(profit) < 5_000.0
    assert "SYMBOL_NOT_IN_UNIVERSE: found=TSLA" in refused(house, "reconcile", "accept", "TSLA", "--reason", "mine")
    decides(house, "ignore", "TSLA")
    assert run(house)[0] == 0
    for _ in range(2):
        house.next_day()
        assert run(house)[0] == 0
        ties(house)
        assert holds(house, "unclaimed") == {"TSLA": 40}
    assert not traded(house, "TSLA")


def test_shares_that_are_gone_cannot_be_ignored(paper_house: PaperHouse) -> None:
    house, ledger = paper_house, paper_house.server.ledger
    house.next_day()
    assert run(house)[0] == 0
    symbol, held = max(ledger.positions.items(), key=lambda item: item[1].quantity)
    held.quantity -= 5
    house.next_day()
    said = run(house)[1]
    assert f"missing_shares {symbol}" in said, said
    ties(house)
    assert holds(house, "unclaimed") == {symbol: -5}
    assert "CANNOT_BE_IGNORED" in refused(house, "reconcile", "ignore", symbol, "--reason", "never mind")
    decides(house, "accept", symbol)
    assert run(house)[0] == 0
    ties(house)


def test_cash_that_nothing_explains_blocks_until_it_is_accepted(paper_house: PaperHouse) -> None:
    house, ledger = paper_house, paper_house.server.ledger
    ledger.cash += Decimal("123.45")
    house.next_day()
    assert "RECONCILIATION_OPEN: found=cash cash" in run(house)[1]
    ties(house)
    assert "CANNOT_BE_IGNORED" in refused(house, "reconcile", "ignore", "cash", "--reason", "never mind")
    decides(house, "accept", "all")
    assert run(house)[0] == 0
    ties(house)
    [flow] = [row for row in tables(house).read("cash_flows").to_pylist() if row["kind"] == "UNEXPLAINED"]
    assert (flow["amount"], flow["origin"]) == (123.45, "books")


def test_an_open_order_of_somebody_else_blocks_until_it_is_gone_or_ignored(paper_house: PaperHouse) -> None:
    house, ledger = paper_house, paper_house.server.ledger
    house.next_day()
    order = Taken("abc", "by-hand-1", "GLD", "buy", Decimal(3), "limit", Decimal(1), "gtc", ledger.clock.now())
    ledger.take(order)
    assert "RECONCILIATION_OPEN: found=foreign_order GLD" in run(house)[1]
    assert not house.server.posts()
    ledger.cancel(order)
    assert run(house)[0] == 0
    posts = sum(house.server.posts().values())
    ledger.take(Taken("abd", "by-hand-2", "GLD", "buy", Decimal(3), "limit", Decimal(1), "gtc", ledger.clock.now()))
    house.next_day()
    assert run(house)[0] == 1
    decides(house, "ignore", "by-hand-2")
    assert run(house)[0] == 0
    assert sum(house.server.posts().values()) >= posts
    house.next_day()
    assert run(house)[0] == 1  # a new evening, and it is still there: it is asked about again


def test_what_was_sent_is_not_canceled_while_nothing_may_be_sent_in_its_place(paper_house: PaperHouse) -> None:
    house, ledger = paper_house, paper_house.server.ledger
    ledger.take(Taken("abe", "by-hand-3", "GLD", "buy", Decimal(3), "limit", Decimal(1), "gtc", ledger.clock.now()))
    sent = [order for order in ledger.orders.values() if "-account-" in order.client_order_id]
    said = refused(house, "close-strategy", "trend_bonds", "--why", "its data is wrong")
    assert "RECONCILIATION_OPEN: found=foreign_order GLD" in said
    assert sent
    assert all(order.open for order in sent)


def test_a_split_that_prices_do_not_have_is_no_gift(paper_house: PaperHouse) -> None:
    house, ledger = paper_house, paper_house.server.ledger
    house.next_day()
    assert run(house)[0] == 0
    symbol, held = max(ledger.positions.items(), key=lambda item: item[1].quantity)
    held.quantity *= 2
    house.next_day()
    said = run(house)[1]
    assert f"corporate_action {symbol}" in said, said
    assert symbol not in holds(house, "unclaimed")
    house.set_clock(opening(next_session(house.session)))
    said = refused(house, "reconcile", "accept", symbol, "--reason", "a split")
    assert f"DECIDED_TOO_LATE: found=corporate_action {symbol} of {house.session}" in said
    house.set_clock(evening(house.session))
    decides(house, "accept", symbol)
    assert run(house)[0] == 0
    ties(house)
    assert result(house, "account")[1] == 0.0


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("accept", "SPY", "--reason", "x"), "SUBJECT_UNKNOWN: found=SPY"),
        (("accept", "all", "--reason", "x"), "NOTHING_IS_OPEN"),
        (("ignore", "IEF", "--reason", " "), "REASON_MISSING"),
        (("ignore", "IEF", "--reason", "x"), "NOTHING_IS_OPEN: found=IEF is decided"),
    ],
)
def test_what_cannot_be_decided_is_one_message(command: tuple[str, ...], why: str, paper_house: PaperHouse) -> None:
    assert why in refused(paper_house, "reconcile", *command)


def test_what_was_ignored_may_be_accepted_later(paper_house: PaperHouse) -> None:
    house, ledger = paper_house, paper_house.server.ledger
    ledger.foreign("GLD", 7, 180.0)
    house.next_day()
    assert run(house)[0] == 1
    decides(house, "ignore", "GLD")
    assert run(house)[0] == 0
    house.next_day()
    assert run(house)[0] == 0
    assert holds(house, "unclaimed") == {"GLD": 7}
    decides(house, "accept", "GLD")
    assert run(house)[0] == 0
    assert holds(house, "unclaimed") == {}
    ties(house)


def test_while_the_market_is_open_a_decision_waits_for_the_evening(paper_house: PaperHouse) -> None:
    house, ledger = paper_house, paper_house.server.ledger
    ledger.foreign("GLD", 7, 180.0)
    house.next_day()
    assert run(house)[0] == 1
    house.set_clock(ledger.clock.now() + timedelta(hours=1))
    decides(house, "accept", "GLD")
    house.next_day()
    assert run(house)[0] == 0
    ties(house)
    assert holds(house, "unclaimed") == {}


def test_a_decision_that_was_made_after_the_next_close_is_in_force_from_there_on(paper_house: PaperHouse) -> None:
    house, ledger = paper_house, paper_house.server.ledger
    ledger.foreign("GLD", 7, 180.0)
    blocked = house.next_day()
    assert run(house)[0] == 1
    house.next_day()
    decides(house, "accept", "GLD")
    code, said = house.does("run", "--session", str(blocked), "--only", "fills,positions")
    assert code == 0, said
    code, said = run(house)
    assert code == 0, said
    ties(house)
    assert holds(house, "unclaimed") == {}
