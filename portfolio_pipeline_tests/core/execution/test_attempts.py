"""Notes on orders on their way: the newest counts, and on its way is not known."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.execution.attempts import IN_DOUBT, OVER, Attempt, newest
from portfolio_pipeline.core.execution.orders import client_order_id, session_of
from portfolio_pipeline.core.execution.rows import attempt_rows, attempts_of
from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState
from portfolio_pipeline.ports import Warehouse

DAY = date(2026, 3, 5)
NOON = datetime.fromisoformat("2026-03-05T12:00:00")
ORDER = Order(DAY, "one", "SPY", -5 * SHARE, 12.5)


def life() -> list[Attempt]:
    planned = Attempt.planned(ORDER, NOON)
    marked = planned.then(OrderState.SUBMITTING, NOON + timedelta(seconds=1))
    report = OrderReport(DAY, "one", OrderState.PARTIALLY_FILLED, "7f", 2 * SHARE, NOON + timedelta(hours=1))
    told = marked.told(report)
    return [planned, marked, told, told.then(OrderState.UNKNOWN, NOON, "why")]


def test_notes_are_numbered_and_what_the_broker_told_stays() -> None:
    notes = life()
    assert [note.number for note in notes] == [1, 2, 3, 4]
    assert (notes[-1].broker_order_id, notes[-1].filled_quantity, notes[-1].error) == ("7f", 2 * SHARE, "why")


def test_the_newest_note_counts_in_whatever_order_they_come() -> None:
    other = Attempt.planned(Order(DAY, "another", "TLT", SHARE), NOON)
    assert newest([*reversed(life()), other]) == {"another": other, "one": life()[-1]}
    assert list(newest([*life(), other])) == ["another", "one"]


def test_who_asks_is_told_that_on_its_way_is_unknown() -> None:
    assert [note.report.state for note in life()] == ["planned", "unknown", "partially_filled", "unknown"]
    assert not IN_DOUBT & OVER


def test_notes_come_back_from_the_table(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        tx.insert("order_attempts", attempt_rows(life()))
    assert attempts_of(warehouse.read("order_attempts")) == life()


@pytest.mark.parametrize("mode", ["PAPER", "LIVE"])
def test_a_name_says_which_session_it_was_planned_in(mode: str) -> None:
    name = client_order_id(mode, DAY, "BRK.B", SHARE)
    assert session_of(mode, name) == DAY
    assert len(name) <= 128
    for other in ("SIMULATED", f"{mode}X"):
        assert session_of(other, name) is None
    for stranger in ("", "904f5d2e-8cfa", f"{mode}-account-20261399-SPY", f"{mode}-account-2026", f"x{name}"):
        assert session_of(mode, stranger) is None
