"""Orders by hand in PAPER mode, from the outside: commands, and what the server's own ledger says of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline_tests.cli.conftest import DAY, PAPER_SESSIONS
from portfolio_pipeline_tests.cli.paper_house import SETTINGS, PaperHouse, tables, ties
from portfolio_pipeline_tests.cli.test_paper import refused, run
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.ledger import Taken
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening, opening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer, Asked

pytestmark = pytest.mark.timeout(600)
# Strategies with cash in their books.
UNSCALED = SETTINGS.replace("volatility_target: 0.10", "volatility_target: null")
WHY = ("--why", "a test")
MINE = ("--strategy", "trend_bonds", "--symbol", "GLD")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperHouse]:
    with AlpacaServer(evening(DAY)) as server:
        house = PaperHouse(tmp_path_factory.mktemp("hands") / "home", server, DAY, UNSCALED)
        server.ledger.cash = Decimal("200000.37")
        code, said = house.does("up", "--no-ui", "--sessions", str(PAPER_SESSIONS))
        assert code == 0, said
        house.next_day()
        run(house)
        yield house


@pytest.fixture
def house(begun: PaperHouse, tmp_path: Path) -> Iterator[PaperHouse]:
    """A copy of that home on its second evening, its orders sent, and a server that has lived through the same."""
    before = begun.server.ledger
    shutil.copytree(begun.home, tmp_path / "home")
    with AlpacaServer(evening(begun.session)) as server:
        house = PaperHouse(tmp_path / "home", server, begun.session)
        server.ledger.__dict__.update(
            {
                **before.__dict__,
                "clock": server.clock,
                "positions": {symbol: replace(held) for symbol, held in before.positions.items()},
                "orders": {name: replace(order) for name, order in before.orders.items()},
                "activities": list(before.activities),
                "prices": dict(before.prices),
            }
        )
        yield house


def does(house: PaperHouse, *command: str) -> str:
    code, said = house.does(*command)
    assert code == 0, said
    return said


def open_orders(house: PaperHouse) -> dict[str, Taken]:
    return {order.symbol: order for order in house.server.ledger.orders.values() if order.open}


def price(house: PaperHouse, symbol: str) -> float:
    rows = tables(house).read("prices", where={"symbol": symbol}).to_pandas()
    return float(rows.sort_values("session")["close"].iloc[-1])


def held(house: PaperHouse, book: str, symbol: str) -> float:
    rows = tables(house).read("positions", where={"book": book, "symbol": symbol}).to_pandas()
    newest = rows[rows["session"] == rows["session"].max()] if len(rows) else rows
    own = newest[newest["session"].astype(str) == str(house.session)]
    return float(own["quantity"].sum())


def test_what_is_ordered_by_hand_is_at_the_broker_once_and_in_the_books_of_its_strategy(house: PaperHouse) -> None:
    before = {order.client_order_id for order in house.server.ledger.orders.values()}
    said = does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    assert "trend_bonds buys 7 GLD" in said
    order = open_orders(house)["GLD"]
    assert order.client_order_id not in before
    assert set(house.server.posts().values()) == {1}
    [ticket] = tables(house).read("orders", where={"client_order_id": order.client_order_id}).to_pylist()
    assert "trend_bonds by hand" in ticket["reason"]
    was = held(house, "trend_bonds", "GLD")
    for _ in range(3):
        house.next_day()
        run(house)
        ties(house)
        assert held(house, "trend_bonds", "GLD") == was + 7
    does(house, "order", "sell-all", *MINE, *WHY)
    house.next_day()
    run(house)
    ties(house)
    assert held(house, "trend_bonds", "GLD") < 1


def test_another_order_for_the_same_symbol_is_one_order_in_place_of_the_first(house: PaperHouse) -> None:
    """The first is canceled, and once that is confirmed both are one: netted, with another identifier."""
    does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    first = open_orders(house)["GLD"].client_order_id
    other = ("--strategy", "trend_commodities", "--symbol", "GLD")
    does(house, "order", "place", *other, "--side", "buy", "--quantity", "5", *WHY)
    now = open_orders(house)["GLD"]
    assert (now.quantity, now.client_order_id != first) == (Decimal(12), True)
    [canceled] = [one for one in house.server.ledger.orders.values() if one.client_order_id == first]
    assert canceled.status == "canceled"
    house.next_day()
    run(house)
    ties(house)
    assert (held(house, "trend_bonds", "GLD"), held(house, "trend_commodities", "GLD")) == (7, 5)


def test_an_order_that_cannot_be_canceled_in_time_keeps_the_plan_as_it_was(house: PaperHouse) -> None:
    does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    first = open_orders(house)["GLD"].client_order_id
    house.server.faults.append(Fault("500 before", method="DELETE", path="/v2/orders", times=99))
    other = ("--strategy", "trend_commodities", "--symbol", "GLD")
    said = refused(house, "order", "place", *other, "--side", "buy", "--quantity", "5", *WHY)
    assert "NOT_CANCELED" in said
    assert open_orders(house)["GLD"].client_order_id == first
    house.server.faults.clear()
    run(house, "--only", "orders,submissions")
    assert open_orders(house)["GLD"].quantity == 12
    house.next_day()
    run(house)
    ties(house)


def test_an_order_is_canceled_and_stays_canceled(house: PaperHouse) -> None:
    does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    name = open_orders(house)["GLD"].client_order_id
    assert f"{name}: canceled" in does(house, "order", "cancel", name, *WHY)
    run(house)
    assert "GLD" not in open_orders(house)
    assert "ORDER_IS_OVER" in refused(house, "order", "cancel", name, *WHY)
    house.next_day()
    run(house)
    ties(house)
    assert held(house, "trend_bonds", "GLD") == 0
    [outcome] = tables(house).read("order_outcomes", where={"client_order_id": name}).to_pylist()
    assert (outcome["state"], outcome["filled_quantity"]) == ("canceled", 0)


def test_a_fill_that_is_faster_than_a_cancel_is_in_the_books(house: PaperHouse) -> None:
    does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    name = open_orders(house)["GLD"].client_order_id
    tomorrow = next_session(house.session)
    house.set_clock(opening(tomorrow) + timedelta(minutes=1))
    quotes = house.quotes(tomorrow)

    def fill_first(asked: Asked) -> None:
        if asked.method == "DELETE":
            house.server.before_each = lambda asked: None
            house.server.ledger.open_session(tomorrow, quotes)

    house.server.before_each = fill_first
    assert f"{name}: filled" in does(house, "order", "cancel", name, *WHY)
    house.server.ledger.close_session(tomorrow, quotes)
    house.session = tomorrow
    house.set_clock(evening(tomorrow))
    run(house)
    ties(house)
    assert held(house, "trend_bonds", "GLD") == 7


def test_a_modified_order_is_another_one_in_its_place(house: PaperHouse) -> None:
    does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    name, limit = open_orders(house)["GLD"].client_order_id, str(round(price(house, "GLD") * 1.02, 2))
    assert "is canceled" in does(house, "order", "modify", name, "--quantity", "3", "--limit", limit, *WHY)
    now = open_orders(house)["GLD"]
    assert (now.quantity, now.type, str(now.limit_price)) == (Decimal(3), "limit", limit)
    assert now.client_order_id != name
    assert "QUANTITY_IMPOSSIBLE" in refused(house, "order", "modify", now.client_order_id, "--quantity", "8", *WHY)
    house.next_day()
    run(house)
    ties(house)
    assert held(house, "trend_bonds", "GLD") == 3


def test_halt_cancel_halts_and_cancels_and_halts_without_a_broker_too(house: PaperHouse) -> None:
    does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    said = does(house, "halt", "--cancel", "--reason", "a test")
    assert said.index("HALTED") < said.index(": canceled")
    assert not open_orders(house)
    does(house, "resume", "--reason", "on")
    run(house)
    assert not open_orders(house)
    other = ("--strategy", "trend_commodities", "--symbol", "SLV")
    does(house, "order", "place", *other, "--side", "buy", "--quantity", "6", *WHY)
    house.environment["ALPACA_BASE_URL"] = "http://127.0.0.1:9"
    said = refused(house, "halt", "--cancel", "--reason", "again")
    assert "Trading is HALTED: again" in said
    assert "BROKER_UNREACHABLE" in said
    assert (house.home / "HALTED").exists()


def test_flatten_sells_everything_and_nothing_is_bought_until_it_is_withdrawn(house: PaperHouse) -> None:
    assert "--yes" in house.does("flatten", *WHY)[1]
    said = does(house, "flatten", "--yes", *WHY)
    assert "everything is sold" in said
    for _ in range(2):
        house.next_day()
        run(house)
        ties(house)
        assert not house.server.ledger.shares()
    assert not open_orders(house)
    assert "EVERYTHING_IS_FLAT" in refused(house, "order", "place", *MINE, "--side", "buy", "--quantity", "1", *WHY)
    does(house, "order", "withdraw", "1", *WHY)
    assert open_orders(house)


def test_a_closed_strategy_is_sold_and_the_others_go_on(house: PaperHouse) -> None:
    does(house, "close-strategy", "trend_bonds", *WHY)
    house.next_day()
    run(house)
    ties(house)
    rows = tables(house).read("positions", where={"book": "trend_bonds"}).to_pandas()
    assert (rows[rows["session"].astype(str) == str(house.session)]["quantity"].abs() < 1).all()


def test_halted_trading_plans_what_is_ordered_by_hand_and_sends_nothing(house: PaperHouse) -> None:
    does(house, "halt", "--reason", "a test")
    said = refused(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    assert "trend_bonds buys 7 GLD" in said
    assert "TRADING_HALTED" in said
    assert not open_orders(house)
    does(house, "resume", "--reason", "on")
    run(house)
    assert open_orders(house)["GLD"].quantity == 7


def test_what_needs_approval_waits_for_it_and_is_sent_then(house: PaperHouse) -> None:
    settings = house.home / "portfolio.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("mode: auto", "mode: all"), encoding="utf-8")
    does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    assert "GLD" not in open_orders(house)
    waiting = json.loads(does(house, "order", "list", "--json"))["orders"]
    [name] = [row["name"] for row in waiting if row["symbol"] == "GLD" and row["state"] == "held"]
    assert "wait for approval" in house.does("status")[1]
    does(house, "approve", name, *WHY)
    assert open_orders(house)["GLD"].quantity == 7
    assert "NOTHING_WAITS" in refused(house, "approve", "--all", *WHY)
    other = ("--strategy", "trend_commodities", "--symbol", "SLV")
    does(house, "order", "place", *other, "--side", "buy", "--quantity", "9", *WHY)
    does(house, "reject", "--all", *WHY)
    run(house)
    assert set(open_orders(house)) == {"GLD"}
    house.set_clock(opening(next_session(house.session)) - timedelta(minutes=4))
    assert "NOTHING_WAITS" in refused(house, "approve", "--all", *WHY)


def test_careless_hands_get_one_message_and_nothing_is_written(house: PaperHouse) -> None:
    place = ("order", "place", "--side", "buy", "--quantity", "7")
    close = price(house, "GLD")
    for command, reason in (
        ((*place, "--strategy", "trend_bnds", "--symbol", "GLD", *WHY), "STRATEGY_UNKNOWN: found=trend_bnds"),
        ((*place, "--strategy", "trend_bonds", "--symbol", "GLDD", *WHY), "SYMBOL_UNKNOWN: found=GLDD"),
        ((*place, *MINE, "--limit", str(round(close * 2, 2)), *WHY), "PRICE_FAR_OFF"),
        ((*place, *MINE, "--session", str(DAY), *WHY), "SESSION_DECIDED"),
        ((*place, *MINE, "--why", " "), "REASON_MISSING"),
        (("order", "place", *MINE, "--side", "buy", "--quantity", "100000", *WHY), "BUDGET_TOO_SMALL"),
        (("order", "place", *MINE, "--side", "buy", "--quantity", "0.5", *WHY), "FRACTION_NOT_TRADED"),
        (("order", "place", *MINE, "--side", "sell", "--quantity", "5", *WHY), "SELLS_MORE_THAN_HELD"),
        (("order", "sell-all", *MINE, *WHY), "NOTHING_HELD"),
        (("order", "cancel", "nobody", *WHY), "ORDER_UNKNOWN: found=nobody"),
        (("order", "modify", "nobody", "--limit", "9", *WHY), "ORDER_UNKNOWN: found=nobody"),
        (("order", "withdraw", "3", *WHY), "NOTHING_TO_WITHDRAW: found=3"),
        (("approve", "nobody", *WHY), "NOTHING_WAITS"),
    ):
        said = refused(house, *command)
        assert reason in said, said
        assert "Traceback" not in said
    assert not len(tables(house).read("order_instructions"))
    assert not house.server.posts()
    does(house, *place, *MINE, *WHY)
    assert "ALREADY_SAID: found=order 1" in refused(house, *place, *MINE, *WHY)
    assert sum(house.server.posts().values()) == 1


def test_after_the_open_an_order_by_hand_is_for_the_next_close(house: PaperHouse) -> None:
    tomorrow = next_session(house.session)
    house.server.ledger.open_session(tomorrow, house.quotes(tomorrow))
    house.set_clock(opening(tomorrow) + timedelta(hours=1))
    said = does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "7", *WHY)
    assert f"Planned with the orders of {tomorrow}" in said
    assert not open_orders(house)
    house.server.ledger.close_session(tomorrow, house.quotes(tomorrow))
    house.session = tomorrow
    house.set_clock(evening(tomorrow))
    run(house)
    assert open_orders(house)["GLD"].quantity == 7


def short_of_money(house: PaperHouse, quantity: int, part: float) -> None:
    """Buying power for that part of an order of GLD, as the broker counts it."""
    ledger = house.server.ledger
    gross = sum(abs(ledger.value(symbol)) for symbol in ledger.positions)
    cost = quantity * ledger.prices["GLD"] * Decimal("1.03") * Decimal(str(part))
    ledger.multiplier = (gross + ledger.reserved + cost) / ledger.equity


def at_the_broker_once(house: PaperHouse, quantity: int) -> None:
    """One order of GLD, and every identifier was taken once at most."""
    gold = [one for one in house.server.ledger.orders.values() if one.symbol == "GLD"]
    assert [(one.quantity, one.open) for one in gold] == [(Decimal(quantity), True)]


def test_an_order_that_is_refused_for_want_of_money_goes_out_smaller_under_a_name_of_its_own(house: PaperHouse) -> None:
    short_of_money(house, 20, 0.85)
    said = does(house, "order", "place", *MINE, "--side", "buy", "--quantity", "20", *WHY)
    assert "planned once more" in said
    at_the_broker_once(house, 16)  # of 20 nine tenths, of 18 nine tenths, in whole shares
    assert sorted(house.server.posts().values()) == [1, 1, 1]
    words = tables(house).read("order_instructions", where={"kind": "modify"}).to_pylist()
    assert [(row["quantity"], row["who"]) for row in words] == [(18.0, "orders.rejects"), (16.0, "orders.rejects")]
    assert all("insufficient buying power" in row["reason"] for row in words)
    [ticket] = tables(house).read("orders", where={"symbol": "GLD", "session": house.session}).to_pylist()
    assert "changed from 18 shares buying_power" in ticket["reason"]
    run(house)
    at_the_broker_once(house, 16)
    house.next_day()
    run(house)
    ties(house)
    assert held(house, "trend_bonds", "GLD") == 16
