"""What people order by hand, through the execution half of the chain: planned, netted, judged, sent, and booked with
whom it was ordered for.
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest

from portfolio_pipeline.adapters.said import note
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.books.book import to_units
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction
from portfolio_pipeline.core.execution.settings import Approval
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.defs.execution.test_execution import DAYS, RANGE, TABLES, Desk, failure, single
from portfolio_pipeline_tests.trading import OPEN, settings

ROOMY = settings(
    limits=Limits(symbol=1.0, turnover=2.0, asset_class=OPEN, order_volume=1.0, order_equity=1.0),
    maximum_volume_share=1.0,
)


def said(
    number: int, kind: str, place: int, strategy: str = "alpha", symbol: str = "AAA", **more: object
) -> Instruction:
    if "quantity" in more:
        more["quantity"] = to_units(more["quantity"])  # type: ignore[arg-type]
    at = datetime.fromisoformat("2020-01-01")
    return Instruction(number, kind, DAYS[place], "me", "I say so", at, strategy, symbol, **more)  # type: ignore[arg-type]


@pytest.fixture
def desk(duckdb_warehouse: Warehouse) -> Desk:
    return Desk(duckdb_warehouse, ROOMY).filled_in()


def say(desk: Desk, *rows: Instruction) -> None:
    with desk.warehouse.transaction() as tx:
        note(tx, desk.plan_key, rows)


def held(desk: Desk, book: str, symbol: str) -> dict[object, float]:
    rows = desk.table("positions", book=book, symbol=symbol)
    return dict(zip(rows["session"], rows["quantity"], strict=True))


def test_what_is_ordered_by_hand_is_in_that_strategys_book_and_stays_there(warehouse: Warehouse) -> None:
    desk = Desk(warehouse, ROOMY).filled_in()
    say(desk, said(1, "order", 4, symbol="CCC", quantity=37))
    assert desk.run(RANGE).success
    own, splits = held(desk, "alpha", "CCC"), desk.table("prices", symbol="CCC").set_index("session")["split_ratio"]
    [ticket] = desk.table("orders", session=DAYS[4], symbol="CCC").to_dict("records")
    assert "alpha by hand: me, I say so" in ticket["reason"]
    before = own.get(DAYS[4], 0.0)
    kept = before
    for place in range(5, len(DAYS)):
        ratio = float(splits.get(DAYS[place], 1.0))
        kept = (kept + (37 if place == 5 else 0)) * ratio
        assert own[DAYS[place]] == pytest.approx(kept, abs=1e-5), place


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_range_with_instructions_is_day_by_day_to_the_bit(
    seed: int, duckdb_warehouse: Warehouse, another: Warehouse
) -> None:
    words = (
        said(1, "order", 2, symbol="CCC", quantity=37),
        said(2, "order", 3, "beta", "AAA", quantity=11),
        said(3, "sell_all", 5, "beta", "AAA"),
        said(4, "close", 6, "gamma", ""),
        said(5, "withdraw", 8, "", "", withdraws=4),
        said(6, "order", 8, "alpha", "CCC", quantity=-5),
        said(7, "flatten", 9, "", ""),
        said(8, "withdraw", 10, "", "", withdraws=7),
    )
    whole, daily = Desk(duckdb_warehouse, ROOMY).filled_in(seed), Desk(another, ROOMY).filled_in(seed)
    for desk in (whole, daily):
        say(desk, *words)
    assert whole.run(RANGE).success
    for place in range(len(DAYS)):
        assert daily.run(single(place)).success, place
    for name in TABLES:
        pd.testing.assert_frame_equal(whole.table(name), daily.table(name), check_exact=True, obj=name)


def test_a_closed_strategy_has_nothing_after_the_next_open_until_it_is_withdrawn(desk: Desk) -> None:
    say(desk, said(1, "close", 5, "beta", ""), said(2, "withdraw", 8, "", "", withdraws=1))
    assert desk.run(RANGE).success
    rows = desk.table("positions", book="beta")
    for place in (6, 7, 8):
        left = rows[rows["session"] == DAYS[place]]
        tradable = set(desk.table("prices", session=DAYS[place])["symbol"])
        assert (left[left["symbol"].isin(tradable)]["quantity"].abs() < 1).all(), place
    assert len(rows[rows["session"] == DAYS[10]])


def test_after_flatten_nobody_holds_anything_that_trades(desk: Desk) -> None:
    say(desk, said(1, "flatten", 5, "", ""))
    assert desk.run(RANGE).success
    rows = desk.table("positions", book="account")
    stuck = set(SessionRange(DAYS[9], DAYS[11]))
    assert set(rows[rows["session"].isin(stuck)]["symbol"]) <= {"FFF", "EEE"}
    assert not len(desk.table("orders", session=DAYS[10]))


@pytest.fixture
def another(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    other = open_warehouse(f"duckdb:///{tmp_path_factory.mktemp('another') / 'another.duckdb'}")
    other.prepare()
    return other


@pytest.mark.parametrize(
    "edit",
    [
        "update order_instructions set quantity = 999 where instruction_id = 1",
        "update order_instructions set kind = 'withdraw', withdraws = 1 where instruction_id = 2",
        "delete from order_instructions where instruction_id = 1",
        "insert into order_instructions select 3, 'flatten', session, '', '', null, null, '', null, 'x', 'me',"
        " recorded_at, seal from order_instructions where instruction_id = 2",
    ],
)
def test_a_word_that_was_edited_in_the_database_moves_no_money(edit: str, desk: Desk) -> None:
    """Planner, check and gate say the same, and so do the books; what is put back goes on."""
    say(desk, said(1, "order", 4, symbol="CCC", quantity=37), said(2, "close", 4, "beta", ""))
    assert desk.run(SessionRange(DAYS[0], DAYS[4])).success
    assert desk.run(single(5), "orders").success
    before = desk.table("order_instructions")
    with desk.warehouse.transaction() as tx:
        tx.execute(edit)
    for asset in ("orders", "submissions", "positions"):
        told = failure(desk.run(single(5), asset), asset)
        assert "INSTRUCTION_ALTERED: found=order_instructions" in told, asset
    assert desk.table("sim_orders", session=DAYS[5]).empty
    with desk.warehouse.transaction() as tx:
        tx.delete("order_instructions", None)
        tx.insert("order_instructions", before)
    assert desk.run(single(5)).success
    assert len(desk.table("sim_orders", session=DAYS[5]))


def test_what_waits_for_approval_is_not_sent_and_the_rest_is(duckdb_warehouse: Warehouse) -> None:
    house = ROOMY.model_copy(update={"approval": Approval(mode="above", above=0.10)})
    desk = Desk(duckdb_warehouse, house).filled_in()
    desk.run(RANGE)
    orders, told = desk.table("orders"), desk.table("submissions")
    sent = set(told[told["state"] != "held"]["client_order_id"])
    equity = desk.table("account", book="account").set_index("session")["equity"]
    large = orders["quantity"] * orders["reference_price"] > 0.10 * orders["session"].map(equity)
    assert large.any()
    assert not set(orders[large]["client_order_id"]) & sent
    assert sent
