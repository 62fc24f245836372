"""Letting orders pass by hand: which wait, what is written of a decision, and what cannot be decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from portfolio_pipeline.adapters.acts.approving import decide, waiting_orders
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.errors import ConfigurationError, LimitError, PortfolioError
from portfolio_pipeline.core.execution.by_hand.approvals import Approvals, Decision, expiry
from portfolio_pipeline.core.execution.rows import submission_rows
from portfolio_pipeline.core.execution.settings import Approval
from portfolio_pipeline.core.execution.tickets import OrderReport, OrderState, Ticket
from portfolio_pipeline.ports import Warehouse

DAY = date(2026, 3, 5)
BEFORE = date(2026, 3, 4)
STORED = datetime.fromisoformat("2026-03-05T23:30:00")
NOW = STORED.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))
ALL = Approval(mode="all")
KEY = b"a secret"


def report(session: date, name: str, state: OrderState, error: str | None) -> OrderReport:
    return OrderReport(session, name, state, None, 0, STORED, error)


@pytest.fixture
def house(duckdb_warehouse: Warehouse) -> Warehouse:
    waits, canceled = "WAITS_FOR_APPROVAL: until=then", "CANCELED: by hand"
    for day, rows in {
        BEFORE: [report(BEFORE, "old", OrderState.HELD, waits)],
        DAY: [
            report(DAY, "one", OrderState.HELD, waits),
            report(DAY, "two", OrderState.HELD, waits),
            report(DAY, "gone", OrderState.HELD, canceled),
            report(DAY, "sent", OrderState.ACCEPTED, waits),
            report(DAY, "silent", OrderState.HELD, None),
        ],
    }.items():
        duckdb_warehouse.replace("submissions", SessionRange.single(day), submission_rows(rows))
    return duckdb_warehouse


def decided(house: Warehouse, *names: str, note: str = "fine", now: datetime = NOW) -> list[Decision]:
    return decide(house, ALL, names, "approved", note, "me", now, KEY)


def refused(house: Warehouse, *names: str, kind: type[PortfolioError] = ConfigurationError, **how: object) -> str:
    with pytest.raises(kind) as refusal:
        decided(house, *names, **how)  # type: ignore[arg-type]
    assert not len(house.read("approvals"))
    return str(refusal.value)


def test_only_what_is_held_for_approval_in_the_newest_session_waits(house: Warehouse) -> None:
    assert waiting_orders(house) == {"one": DAY, "two": DAY}


def test_where_nothing_was_ever_submitted_nothing_waits(duckdb_warehouse: Warehouse) -> None:
    assert waiting_orders(duckdb_warehouse) == {}
    assert "NOTHING_WAITS: found=no order that waits for approval" in refused(duckdb_warehouse)
    assert "NOTHING_WAITS: found=one, expected=an order that waits" in refused(duckdb_warehouse, "one")


def test_a_decision_is_stored_sealed_with_who_and_why(house: Warehouse) -> None:
    [one] = decided(house, "two", note=" looked at it\0")
    assert replace(one, seal="") == Decision(1, DAY, "two", "approved", "", "looked at it", "me", STORED)
    decide(house, ALL, [], "rejected", "no", " you\0", NOW, KEY)
    rows = sorted(house.read("approvals").to_pylist(), key=lambda row: row["approval_id"])
    assert [(row["approval_id"], row["client_order_id"], row["decision"], row["who"]) for row in rows] == [
        (1, "two", "approved", "me"),
        (2, "one", "rejected", "you"),
        (3, "two", "rejected", "you"),
    ]
    assert {row["decided_at"] for row in rows} == {STORED}
    assert [one.number for one in decided(house, "one")] == [4]


def test_an_order_that_is_named_twice_is_decided_once(house: Warehouse) -> None:
    assert [one.order for one in decided(house, "two", "one", "two")] == ["two", "one"]


@pytest.mark.parametrize("name", ["gone", "sent", "silent", "old", "onne"])
def test_what_does_not_wait_cannot_be_decided_nor_anything_beside_it(house: Warehouse, name: str) -> None:
    assert f"ORDER_DOES_NOT_WAIT: found={name}, expected=one of one, two" in refused(house, "one", name)


@pytest.mark.parametrize("note", ["", " \t"])
def test_without_a_reason_nothing_is_decided(house: Warehouse, note: str) -> None:
    assert "REASON_MISSING" in refused(house, "one", note=note)


def test_until_shortly_before_the_open_and_not_a_second_longer(house: Warehouse) -> None:
    until = expiry(DAY, ALL).replace(tzinfo=UTC)
    message = refused(house, "one", kind=LimitError, now=until)
    assert f"APPROVAL_EXPIRED: session={DAY}, found={next_session(DAY)} 14:25 UTC" in message
    assert decided(house, "one", now=until - timedelta(seconds=1))


@pytest.mark.parametrize("edit", [{"note": "well"}, {"who": "you"}, {"client_order_id": "one"}, {"seal": "f" * 32}])
def test_a_decision_that_was_not_written_here_lets_nothing_pass(house: Warehouse, edit: dict[str, str]) -> None:
    decided(house, "two")
    waiting = [ticket(name) for name in ("one", "two")]
    assert set(Approvals.of_rows(ALL, house.read("approvals").to_pylist(), KEY).waiting(waiting, 1)) == {"one"}
    with house.transaction() as tx:
        tx.execute(f"update approvals set {next(iter(edit))} = $1", [next(iter(edit.values()))])
    rows = house.read("approvals").to_pylist()
    found = Approvals.of_rows(ALL, rows, KEY).waiting(waiting, 1)
    meant = rows[0]["client_order_id"]
    assert set(found) == {"one", "two"}
    assert found[meant] == "APPROVAL_ALTERED: approvals 1 was not written here. portfolio approve."
    assert Approvals.of_rows(ALL, rows, b"another").altered == {1}


def test_what_an_altered_decision_holds_back_can_be_decided_again(house: Warehouse) -> None:
    altered = [report(DAY, "one", OrderState.HELD, "APPROVAL_ALTERED: approvals 1 was not written here.")]
    house.replace("submissions", SessionRange.single(DAY), submission_rows(altered))
    assert [one.order for one in decided(house, "one")] == ["one"]


def ticket(name: str) -> Ticket:
    return Ticket(DAY, name, "AAA", 5 * SHARE, 100.0, 0.1, "why")
