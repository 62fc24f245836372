"""Planning, sending and bookkeeping in PAPER mode, in this process: what the server refuses, splits and turns into
other shares.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import dagster as dg
import pandas as pd
import pytest

from portfolio_pipeline.adapters.acts.following import follow
from portfolio_pipeline.adapters.acts.reconciling import decide
from portfolio_pipeline.adapters.sealed_states import write_states
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.run import audit_rows, project_library
from portfolio_pipeline_tests.adapters.alpaca.desk import ServerClock, alpaca
from portfolio_pipeline_tests.defs.execution.paper_desk import PaperDesk
from portfolio_pipeline_tests.defs.execution.test_by_hand import ROOMY
from portfolio_pipeline_tests.defs.execution.test_execution import DAYS, failed_checks, unsent
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening, opening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer


@pytest.fixture
def desk(duckdb_warehouse: Warehouse) -> Iterator[PaperDesk]:
    with AlpacaServer(evening(DAYS[0])) as server:
        yield PaperDesk(duckdb_warehouse, ROOMY, server)


def by_hand(symbol: str, shares: int, session: date) -> Instruction:
    at = datetime.now(UTC).replace(tzinfo=None)
    return Instruction(1, "order", session, "me", "I say so", at, "alpha", symbol, shares * SHARE)


def short_of(desk: PaperDesk, symbol: str, part: float) -> int:
    """Buying power for all orders before that of the symbol, and for a part of it; says how much was planned."""
    assert desk.run(None, "orders").success
    ledger, planned = desk.server.ledger, desk.table("orders", session=DAYS[desk.place]).set_index("symbol")["quantity"]
    costs = {one: Decimal(str(planned[one])) * ledger.prices[one] * Decimal("1.03") for one in sorted(planned.index)}
    before = sum(cost for one, cost in costs.items() if one < symbol)
    assert symbol == max(costs)
    ledger.multiplier = (before + costs[symbol] * Decimal(str(part))) / ledger.equity
    return int(planned[symbol])


def words(desk: PaperDesk) -> list[tuple[str, float, str]]:
    rows = desk.table("order_instructions").sort_values("instruction_id")
    return list(zip(rows["client_order_id"], rows["quantity"], rows["who"], strict=True))


def test_what_is_refused_for_want_of_money_is_planned_again_smaller_under_a_name_of_its_own(desk: PaperDesk) -> None:
    planned = short_of(desk, "FFF", 0.85)
    assert "insufficient buying power" in unsent(desk.run())
    [(first, quantity, who)] = words(desk)
    assert (quantity, who) == (planned * 9 // 10, "orders.rejects")
    with desk.warehouse.transaction() as tx:
        tx.execute("delete from order_instructions")  # killed before it was written down
    assert desk.run(None, "submissions").success
    assert words(desk) == [(first, quantity, who)]
    unsent(desk.run(None, "orders", "submissions"))  # nine tenths are still too much
    last = planned * 9 // 10 * 9 // 10
    for _ in range(2):
        assert "every_order_was_sent" not in failed_checks(desk.run(None, "orders", "submissions"))
        [order] = desk.ordered("FFF")
        assert (int(order.quantity), order.open) == (last, True)
    assert len({name for name, *_ in words(desk)}) == len(words(desk)) == 2
    assert set(desk.server.posts().values()) == {1}
    assert all(one.open for one in desk.server.ledger.orders.values())  # nothing else was canceled for it
    [ticket] = desk.table("orders", session=DAYS[0], symbol="FFF").to_dict("records")
    assert ticket["client_order_id"] == order.client_order_id
    assert f"changed from {planned * 9 // 10} shares buying_power: BROKER_REFUSED" in ticket["reason"]
    assert desk.next_day().success
    desk.ties()
    assert desk.held()["FFF"] == last


def test_what_is_refused_again_and_again_is_given_up(desk: PaperDesk) -> None:
    short_of(desk, "FFF", 0.1)
    for _ in range(4):
        assert "insufficient buying power" in unsent(desk.run(None, "orders", "submissions"))
    assert len(words(desk)) == 3
    unsent(desk.run(None, "orders", "submissions"))
    assert (len(words(desk)), desk.ordered("FFF")) == (3, [])
    assert set(desk.server.posts().values()) == {1}


def test_an_accepted_split_is_known_to_what_was_ordered_by_hand(desk: PaperDesk) -> None:
    """What stays by a person's word is as many shares as there are after it: nothing of it is sold."""
    desk.say(by_hand("CCC", 37, DAYS[0]))
    assert desk.run().success
    assert desk.next_day().success
    before = desk.held("alpha")["CCC"]
    assert before > 30
    for order in list(desk.server.ledger.orders.values()):
        if order.open:
            desk.server.ledger.cancel(order)
    for symbol, held in desk.server.ledger.positions.items():
        held.quantity *= 2 if symbol == "CCC" else 1
    assert "nothing_is_open_with_the_broker" in failed_checks(desk.next_day())
    at = evening(DAYS[desk.place])
    assert decide(desk.warehouse, "accept", "CCC", "a split", "me", at, ROOMY.symbols) == ["CCC"]
    assert desk.run().success
    desk.ties()
    assert desk.held("alpha")["CCC"] == pytest.approx(2 * before, abs=1e-5)
    assert desk.next_day().success
    desk.ties()
    assert desk.held("alpha")["CCC"] == pytest.approx(2 * before, abs=1e-5)


def test_who_was_followed_by_day_and_left_alone_in_the_evening_is_booked_whole_with_the_next_session(
    desk: PaperDesk,
) -> None:
    """What the follower had written of a session under way gives way to what the session brought."""
    assert desk.run().success
    ledger, tomorrow = desk.server.ledger, DAYS[1]
    ledger.open_session(tomorrow, desk.quotes(1), filled_share=dict.fromkeys(ROOMY.symbols, 0.5), pieces=1)
    seen = follow(
        alpaca(desk.server, desk.warehouse), desk.warehouse, ServerClock(desk.server), RecordedAlerts(), ROOMY
    )
    assert seen.new_executions == len(desk.table("trades", session=tomorrow, book="account")) > 1
    for order in [one for one in ledger.orders.values() if one.open]:
        ledger.execute(order, order.left, ledger.prices[order.symbol])
    ledger.close_session(tomorrow, desk.quotes(1))
    ledger.play(DAYS[2], desk.quotes(2))
    desk.place = 2
    explained(desk, desk.run(SessionRange(tomorrow, DAYS[2])))
    fills, trades = desk.table("fills", session=tomorrow), desk.table("trades", session=tomorrow, book="account")
    bought = fills.groupby("symbol")["quantity"].sum()
    pd.testing.assert_series_equal(trades.groupby("symbol")["quantity"].sum(), bought)


@pytest.mark.parametrize("sent", ["everything", "a part"])
def test_money_that_comes_after_sending_and_before_booking_stops_nobody(desk: PaperDesk, sent: str) -> None:
    """Planned with it the orders would be others: what was sent stands, and nothing is sent beside it."""
    assert desk.run().success
    desk.place, ledger, today = 1, desk.server.ledger, DAYS[1]
    ledger.play(today, desk.quotes(1), filled_share={"BBB": 0})
    assert desk.run(None, "orders").success
    planned = set(desk.table("orders", session=today)["client_order_id"])
    if sent == "a part":
        desk.server.faults.append(Fault("500 before", skip=1, times=1000))
    desk.run(None, "submissions")
    desk.server.faults.clear()
    there = planned & {order.client_order_id for order in ledger.orders.values()}
    assert (there == planned) == (sent == "everything")
    assert there
    ledger.note("CSD", amount=Decimal("250000"))
    for _ in range(2):
        result = desk.run()
        assert result.success
        assert ("every_order_was_sent" in failed_checks(result)) == (sent == "a part")
        desk.ties()
    assert set(desk.table("orders", session=today)["client_order_id"]) == planned
    assert planned & {order.client_order_id for order in ledger.orders.values()} == there
    states = desk.table("submissions", session=today).set_index("client_order_id")["state"]
    assert {name for name, state in states.items() if state == "accepted"} == there
    assert {name for name, state in states.items() if state != "accepted"} == planned - there
    assert desk.next_day().success
    desk.ties()


@pytest.mark.parametrize("missed", [1, 2])
def test_what_was_ordered_by_hand_stays_over_sessions_in_which_nobody_was_at_work(desk: PaperDesk, missed: int) -> None:
    desk.say(by_hand("CCC", 37, DAYS[0]))
    assert desk.run().success
    for _ in range(missed + 1):
        desk.place += 1
        desk.server.ledger.play(DAYS[desk.place], desk.quotes(desk.place))
    explained(desk, desk.run(SessionRange(DAYS[1], DAYS[desk.place])))
    before = desk.held("alpha")["CCC"]
    assert before == pytest.approx(37, abs=0.1)
    assert desk.next_day().success
    desk.ties()
    assert desk.held("alpha")["CCC"] == before


def test_an_account_stands_where_it_stood_when_somebody_was_last_at_work(desk: PaperDesk) -> None:
    """What it has lost is not forgotten over sessions that were missed."""
    assert desk.run().success
    first = SessionRange.single(DAYS[0])
    with desk.warehouse.transaction() as tx:
        tx.execute("update risk_states set peak = 10 * peak where scope = 'account'")
        rows = tx.read("risk_states", first, where={"level": "account"})
        write_states(tx, desk.plan_key, first, "account", rows.to_pandas())
    [peak] = desk.table("risk_states", session=DAYS[0], scope="account")["peak"]
    desk.place = 2
    for place in (1, 2):
        desk.server.ledger.play(DAYS[place], desk.quotes(place))
    desk.run(SessionRange(DAYS[1], DAYS[2]))
    [now] = desk.table("risk_states", session=DAYS[2], scope="account").to_dict("records")
    assert now["peak"] == peak


def quiet(desk: PaperDesk) -> None:
    """Two sessions lived through; from now on nothing is traded."""
    assert desk.run().success
    assert desk.next_day().success
    for order in list(desk.server.ledger.orders.values()):
        if order.open:
            desk.server.ledger.cancel(order)
    desk.switch.throw("a test", datetime.now(UTC))


def explained(desk: PaperDesk, result: dg.ExecuteInProcessResult) -> None:
    """The books are the server's, nothing is open with it, and every share and cent of the session is explained."""
    assert result.success
    assert not failed_checks(result).keys() & {"nothing_is_open_with_the_broker", "positions_tie_to_broker"}
    desk.ties()
    sessions = SessionRange(DAYS[0], DAYS[desk.place])
    found = audit_rows(desk.warehouse, project_library(), "assert_trades_explain_the_books", sessions)
    assert not found.to_pylist()


def test_mergers_and_other_names_are_followed_as_the_broker_books_them(desk: PaperDesk) -> None:
    quiet(desk)
    ledger, books = desk.server.ledger, ("alpha", "beta", "gamma", "reserve")
    before = {book: desk.held(book) for book in books}
    paid = desk.table("positions", session=DAYS[1], book="account").set_index("symbol")["average_cost"]

    assert "EEE" not in desk.held()
    ledger.turn("MA", "AAA", "EEE", ratio="0.5", cash="0.25", at=opening(DAYS[2]))
    explained(desk, desk.next_day())
    for book in books:
        assert desk.held(book).get("EEE", 0.0) == pytest.approx(before[book].get("AAA", 0.0) / 2, abs=2e-6)
    now = desk.table("positions", session=DAYS[2], book="account").set_index("symbol")["average_cost"]
    assert now["EEE"] == pytest.approx(2 * paid["AAA"])

    ledger.turn("MA", "BBB", cash="33.33", at=opening(DAYS[3]))
    explained(desk, desk.next_day())
    assert not any("BBB" in desk.held(book) for book in books)
    sold = desk.table("trades", session=DAYS[3], symbol="BBB")
    account = sold[sold["book"] == "account"].iloc[0]
    assert account["realised_pnl"] == pytest.approx(account["quantity"] * (33.33 - paid["BBB"]), abs=0.01)
    assert set(sold["reason"]) == {"turned into cash by the broker: MA"}
    assert sold[sold["book"] != "account"]["value"].sum() == pytest.approx(account["value"])
    assert desk.table("account", session=DAYS[3], book="account")["transfer"].tolist() == [0.0]
    turned = desk.table("share_exchanges").set_index("symbol")
    assert turned["into_symbol"].fillna("").to_dict() == {"AAA": "EEE", "BBB": ""}

    shares = ledger.shares()["CCC"]
    ledger.turn("NC", "CCC", "YYY", at=opening(DAYS[4]))
    [check] = [one for one in desk.next_day().get_asset_check_evaluations() if one.check_name == "orders_within_limits"]
    assert not check.passed
    assert "MISSING_TARGET: symbol=YYY" in str(check.metadata["offending rows"].value)
    assert "not in the universe: put it there" in str(check.metadata["offending rows"].value)
    explained(desk, desk.run(None, "fills", "positions"))
    assert (desk.held().get("CCC"), desk.held()["YYY"]) == (None, float(shares))


def test_a_spin_off_waits_for_a_person_and_says_what_to_decide(desk: PaperDesk) -> None:
    quiet(desk)
    ledger = desk.server.ledger
    ledger.move("EEE", Decimal(4), Decimal(0))
    ledger.note("SPIN", at=opening(DAYS[2]), symbol="EEE", quantity=Decimal(4))
    assert "nothing_is_open_with_the_broker" in failed_checks(desk.next_day())
    [row] = desk.table("reconciliation").to_dict("records")
    assert (row["kind"], row["subject"], row["quantity"]) == ("foreign_position", "EEE", 4.0)
    assert "the broker has booked SPIN +4. accept: they are the reserve's, at the close, as paid in" in row["told"]
    decide(desk.warehouse, "accept", "EEE", "of DDD", "me", evening(DAYS[2]), ROOMY.symbols)
    explained(desk, desk.run())
    assert desk.held("reserve")["EEE"] >= 4
