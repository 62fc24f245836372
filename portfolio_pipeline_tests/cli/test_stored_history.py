"""Which sessions a start has to compute, from what the tables hold."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pandas as pd
import pytest

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.core.calendar.beginnings import Beginnings
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import Column, Table
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.complete import EVERY_SESSION, EVERY_SESSION_AND_STRATEGY, missing_sessions

LAST = date(2026, 11, 20)
EVENING = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
STRATEGIES = tuple(card.name for card in load_cards())


def store(warehouse: Warehouse, table: Table, session: date, **values: object) -> None:
    """One row that passes the door; nothing of it matters but the session and `values`."""
    row = {column.name: values.get(column.name, _any(column, session)) for column in table.columns}
    warehouse.replace(table.name, SessionRange.single(session), pd.DataFrame([row]), where=values or None)


def complete(warehouse: Warehouse, session: date, strategies: tuple[str, ...] = STRATEGIES) -> None:
    for table in EVERY_SESSION:
        store(warehouse, table, session)
    for table in EVERY_SESSION_AND_STRATEGY:
        for strategy in strategies:
            store(warehouse, table, session, strategy=strategy)


def _any(column: Column, session: date) -> object:
    if column.one_of:
        return column.one_of[0]
    return {
        "date": session,
        "text": "x",
        "double": 1.0,
        "bigint": 1,
        "boolean": False,
        "timestamp": datetime(2026, 11, 20, 21),  # noqa: DTZ001
    }[column.type]


def test_a_house_that_was_never_begun_misses_nothing_yet(duckdb_warehouse: Warehouse) -> None:
    assert missing_sessions(duckdb_warehouse, EVENING) is None


def test_a_complete_house_misses_nothing(duckdb_warehouse: Warehouse) -> None:
    complete(duckdb_warehouse, LAST)
    assert missing_sessions(duckdb_warehouse, EVENING) is None


def test_only_the_sessions_after_the_complete_ones_are_missing(duckdb_warehouse: Warehouse) -> None:
    complete(duckdb_warehouse, date(2026, 11, 18))
    assert missing_sessions(duckdb_warehouse, EVENING) == SessionRange(date(2026, 11, 19), LAST)


@pytest.mark.parametrize("table", EVERY_SESSION, ids=lambda table: table.name)
def test_a_session_that_was_cut_off_at_any_table_is_computed_again(duckdb_warehouse: Warehouse, table: Table) -> None:
    for session in (date(2026, 11, 18), date(2026, 11, 19)):
        complete(duckdb_warehouse, session)
    duckdb_warehouse.replace(
        table.name, SessionRange.single(date(2026, 11, 19)), duckdb_warehouse.read(table.name).slice(0, 0)
    )
    assert missing_sessions(duckdb_warehouse, EVENING) == SessionRange(date(2026, 11, 19), LAST)


def test_a_first_load_that_was_cut_off_begins_again_where_it_began(duckdb_warehouse: Warehouse) -> None:
    store(duckdb_warehouse, EVERY_SESSION[0], date(2026, 11, 17))
    store(duckdb_warehouse, EVERY_SESSION[0], date(2026, 11, 18))
    assert missing_sessions(duckdb_warehouse, EVENING) == SessionRange(date(2026, 11, 17), LAST)


@pytest.mark.parametrize("stored", [None, date(2026, 11, 18)])
def test_a_first_load_begins_where_it_was_decided_whatever_is_stored_of_it(
    duckdb_warehouse: Warehouse, stored: date | None
) -> None:
    begun = Beginnings(date(2026, 11, 9), date(2026, 11, 11), date(2026, 11, 18))
    with duckdb_warehouse.transaction() as transaction:
        transaction.insert("beginnings", begun.rows())
    if stored is not None:
        store(duckdb_warehouse, EVERY_SESSION[0], stored)
    assert missing_sessions(duckdb_warehouse, EVENING) == SessionRange(date(2026, 11, 9), LAST)
    complete(duckdb_warehouse, date(2026, 11, 18))
    assert missing_sessions(duckdb_warehouse, EVENING) == SessionRange(date(2026, 11, 19), LAST)


def test_one_strategy_left_behind_is_caught_up_with(duckdb_warehouse: Warehouse) -> None:
    complete(duckdb_warehouse, date(2026, 11, 18))
    complete(duckdb_warehouse, LAST, STRATEGIES[1:])
    assert missing_sessions(duckdb_warehouse, EVENING) == SessionRange(date(2026, 11, 19), LAST)


def test_a_new_card_and_a_card_taken_away_change_nothing_about_the_past(duckdb_warehouse: Warehouse) -> None:
    complete(duckdb_warehouse, date(2026, 11, 18), (*STRATEGIES[1:], "taken_away"))
    complete(duckdb_warehouse, LAST, STRATEGIES[1:])
    assert missing_sessions(duckdb_warehouse, EVENING) is None
