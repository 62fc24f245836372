"""What people decide of differences: which of them are meant, what is written, and what cannot be decided so."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest

from portfolio_pipeline.adapters.acts.reconciling import decide, standing
from portfolio_pipeline.core.books.book import SHARE, to_cents
from portfolio_pipeline.core.books.reconciliation import Difference, Kind
from portfolio_pipeline.core.books.reconciliation_rows import difference_rows
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, UNCLAIMED
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.adapters.test_orders_by_hand import position_row

DAY = date(2026, 3, 5)
BEFORE, LATER = date(2026, 3, 4), date(2026, 3, 6)
STORED = datetime.fromisoformat("2026-03-05T23:30:00")
NOW = STORED.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))
SYMBOLS = ("GLD", "SPY")
SHARES = Difference(DAY, "GLD/1", Kind.FOREIGN_POSITION, "GLD", 7 * SHARE)
ORDER = Difference(DAY, "their-order", Kind.FOREIGN_ORDER, "SPY")
MONEY = Difference(BEFORE, "cash/1", Kind.CASH, "cash", amount=to_cents(12.5))
FEWER = Difference(DAY, "SPY/2", Kind.MISSING_SHARES, "SPY", -3 * SHARE)
STRANGE = Difference(DAY, "XYZ/1", Kind.FOREIGN_EXECUTION, "XYZ", 2 * SHARE)
SPLIT = Difference(DAY, "GLD/3", Kind.CORPORATE_ACTION, "GLD", 7 * SHARE, ratio=2.0)


def found(warehouse: Warehouse, *differences: Difference) -> Warehouse:
    for day in sorted({one.session for one in differences}):
        rows = difference_rows([one for one in differences if one.session == day])
        warehouse.replace("reconciliation", SessionRange.single(day), rows)
    return warehouse


def held(warehouse: Warehouse, book: str, symbol: str, quantity: float) -> None:
    """At the close before."""
    rows = pd.DataFrame([position_row(BEFORE, name, symbol, quantity, 10.0) for name in sorted({book, ACCOUNT_BOOK})])
    warehouse.replace("positions", SessionRange.single(BEFORE), rows)


def decided(warehouse: Warehouse, action: str, subject: str, reason: str = "so it is", who: str = "me") -> list[str]:
    return decide(warehouse, action, subject, reason, who, NOW, SYMBOLS)


def refused(warehouse: Warehouse, action: str, subject: str, reason: str = "so it is") -> str:
    before = len(warehouse.read("reconciliation_decisions"))
    with pytest.raises(ConfigurationError) as refusal:
        decided(warehouse, action, subject, reason)
    assert len(warehouse.read("reconciliation_decisions")) == before
    return str(refusal.value)


def rows(warehouse: Warehouse) -> list[tuple[object, ...]]:
    read = warehouse.read("reconciliation_decisions").to_pylist()
    return [(row["decision_id"], row["session"], row["subject"], row["action"]) for row in read]


def open_(warehouse: Warehouse) -> list[str]:
    return [one.item for one in standing(warehouse).open]


def test_a_decision_is_numbered_and_stored_with_who_and_why(duckdb_warehouse: Warehouse) -> None:
    found(duckdb_warehouse, SHARES, MONEY)
    assert decided(duckdb_warehouse, "ignore", "GLD", " not ours\0", " me\0") == ["GLD"]
    [row] = duckdb_warehouse.read("reconciliation_decisions").to_pylist()
    assert row == {
        **{"decision_id": 1, "session": DAY, "subject": "GLD", "action": "ignore", "reason": "not ours"},
        **{"who": "me", "made_at": STORED},
    }
    assert open_(duckdb_warehouse) == ["cash/1"]
    assert decided(duckdb_warehouse, "accept", "cash") == ["cash"]
    assert rows(duckdb_warehouse)[1:] == [(2, BEFORE, "cash", "accept")]
    assert (open_(duckdb_warehouse), len(standing(duckdb_warehouse).decisions)) == ([], 2)


def test_a_decision_is_in_force_from_the_newest_close_that_is_stored(duckdb_warehouse: Warehouse) -> None:
    found(duckdb_warehouse, SHARES)
    account = dict.fromkeys(("equity", "cash", "gross_exposure", "net_exposure", "profit_and_loss", "transfer"), 0.0)
    table = pd.DataFrame([{"session": LATER, "book": "account", **account}])
    duckdb_warehouse.replace("account", SessionRange.single(LATER), table)
    decided(duckdb_warehouse, "accept", "GLD")
    assert rows(duckdb_warehouse) == [(1, LATER, "GLD", "accept")]


def test_all_are_decided_at_once_each_by_its_own_name_and_only_those_that_are_open(duckdb_warehouse: Warehouse) -> None:
    found(duckdb_warehouse, SHARES, MONEY, ORDER)
    decided(duckdb_warehouse, "accept", "GLD")
    assert decided(duckdb_warehouse, "accept", "all") == ["cash", "their-order"]
    assert rows(duckdb_warehouse)[1:] == [(2, BEFORE, "cash", "accept"), (3, DAY, "their-order", "accept")]
    assert "NOTHING_IS_OPEN" in refused(duckdb_warehouse, "accept", "all")


@pytest.mark.parametrize(
    ("typed", "name"), [("gld", "GLD"), ("GLD/1", "GLD"), ("CASH", "cash"), ("Their-Order", "their-order")]
)
def test_a_subject_is_found_by_its_name_or_the_items_in_any_case(
    duckdb_warehouse: Warehouse, typed: str, name: str
) -> None:
    found(duckdb_warehouse, SHARES, MONEY, ORDER)
    assert decided(duckdb_warehouse, "accept", typed) == [name]


def test_what_nothing_differs_in_is_named_with_what_does(duckdb_warehouse: Warehouse) -> None:
    assert "SUBJECT_UNKNOWN: found=GLD, expected=something that differs; nothing does" in refused(
        duckdb_warehouse, "accept", "GLD"
    )
    found(duckdb_warehouse, SHARES, ORDER)
    message = refused(duckdb_warehouse, "accept", "GLB")
    assert "GLD" in message
    assert "their-order" in message


@pytest.mark.parametrize("reason", ["", " \n"])
def test_without_a_reason_or_a_known_action_nothing_is_decided(duckdb_warehouse: Warehouse, reason: str) -> None:
    found(duckdb_warehouse, SHARES)
    assert "REASON_MISSING" in refused(duckdb_warehouse, "accept", "GLD", reason)
    assert "ACTION_UNKNOWN: found=acept" in refused(duckdb_warehouse, "acept", "GLD")


@pytest.mark.parametrize("one", [MONEY, FEWER, SPLIT], ids=lambda one: str(one.kind))
def test_what_the_books_cannot_go_on_without_is_not_ignored(duckdb_warehouse: Warehouse, one: Difference) -> None:
    held(duckdb_warehouse, ACCOUNT_BOOK, "SPY", 10.0)
    found(duckdb_warehouse, one)
    assert f"CANNOT_BE_IGNORED: found={one.kind} {one.subject}" in refused(duckdb_warehouse, "ignore", one.subject)
    assert decided(duckdb_warehouse, "accept", one.subject) == [one.subject]


def test_shares_without_prices_of_their_own_are_not_accepted_but_may_be_ignored(duckdb_warehouse: Warehouse) -> None:
    found(duckdb_warehouse, STRANGE)
    assert "SYMBOL_NOT_IN_UNIVERSE: found=XYZ" in refused(duckdb_warehouse, "accept", "XYZ")
    assert decided(duckdb_warehouse, "ignore", "XYZ") == ["XYZ"]


def test_others_shares_that_are_all_sold_and_orders_are_accepted_whatever_their_symbol(
    duckdb_warehouse: Warehouse,
) -> None:
    held(duckdb_warehouse, UNCLAIMED, "XYZ", 2.0)
    gone = Difference(DAY, "XYZ/2", Kind.FOREIGN_EXECUTION, "XYZ", -2 * SHARE)
    found(duckdb_warehouse, gone, Difference(DAY, "an order", Kind.FOREIGN_ORDER, "XYZ"))
    assert decided(duckdb_warehouse, "accept", "all") == ["XYZ", "an order"]


def test_what_was_ignored_can_still_be_accepted_and_not_the_other_way_round(duckdb_warehouse: Warehouse) -> None:
    found(duckdb_warehouse, SHARES)
    decided(duckdb_warehouse, "ignore", "GLD")
    assert "NOTHING_IS_OPEN: found=GLD is decided" in refused(duckdb_warehouse, "ignore", "GLD")
    assert decided(duckdb_warehouse, "accept", "GLD") == ["GLD"]
    for action in ("accept", "ignore"):
        assert "NOTHING_IS_OPEN: found=GLD is decided" in refused(duckdb_warehouse, action, "GLD")


def test_what_is_found_later_has_to_be_decided_on_its_own(duckdb_warehouse: Warehouse) -> None:
    found(duckdb_warehouse, SHARES)
    decided(duckdb_warehouse, "ignore", "GLD")
    more = Difference(LATER, "GLD/9", Kind.FOREIGN_EXECUTION, "GLD", SHARE)
    found(duckdb_warehouse, more)
    assert open_(duckdb_warehouse) == ["GLD/9"]
    assert decided(duckdb_warehouse, "accept", "GLD") == ["GLD"]
    assert rows(duckdb_warehouse)[1:] == [(2, LATER, "GLD", "accept")]


def position(session: date, book: str, quantity: float) -> dict[str, object]:
    money = {"average_cost": 1.0, "price": 2.0, "market_value": 2 * quantity, "unrealized_pnl": quantity}
    return {"session": session, "book": book, "symbol": "GLD", "quantity": quantity, **money, "sessions_without_bar": 0}


def test_what_lies_unclaimed_is_that_of_the_newest_close_alone(duckdb_warehouse: Warehouse) -> None:
    assert standing(duckdb_warehouse).unclaimed == {}
    old = pd.DataFrame([position(DAY, UNCLAIMED, 7.0), position(DAY, "account", 9.0)])
    duckdb_warehouse.replace("positions", SessionRange.single(DAY), old)
    assert standing(duckdb_warehouse).unclaimed == {"GLD": 7.0}
    duckdb_warehouse.replace("positions", SessionRange.single(LATER), pd.DataFrame([position(LATER, "account", 9.0)]))
    assert standing(duckdb_warehouse).unclaimed == {}
