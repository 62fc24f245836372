"""Several processes at one warehouse: nothing is lost, nothing is half-written."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from portfolio_pipeline.adapters.warehouse.tables import TableWarehouse
from portfolio_pipeline.core.calendar.sessions import SessionRange, sessions_between
from portfolio_pipeline_tests.adapters import warehouse_processes as others
from portfolio_pipeline_tests.adapters.warehouse_tables import opened, weights

SESSIONS = sessions_between(date(2024, 1, 2), date(2024, 1, 31))
FIRST = SessionRange.single(SESSIONS[0])


@pytest.fixture
def warehouse(database_url: str) -> TableWarehouse:
    prepared = opened(database_url)
    prepared.prepare()
    return prepared


def test_processes_that_write_different_sessions_lose_nothing(warehouse: TableWarehouse, database_url: str) -> None:
    shares = [list(SESSIONS[number::3]) for number in range(3)]
    others.finish(*(others.start(others.write_sessions, database_url, share) for share in shares))
    expected = pa.concat_tables(
        pa.Table.from_pandas(weights(session, 0.5), preserve_index=False) for session in SESSIONS
    )
    assert warehouse.read("weights").to_pydict() == expected.to_pydict()


def test_a_transaction_may_rely_on_what_it_has_read(warehouse: TableWarehouse, database_url: str) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert("events", pa.table({"event": [0]}))
    others.finish(*(others.start(others.count_up, database_url, 15) for _ in range(3)))
    assert warehouse.read("events")["event"].to_pylist() == [45]


def test_a_writer_killed_in_the_middle_leaves_the_old_rows_and_no_lock(
    warehouse: TableWarehouse, database_url: str
) -> None:
    warehouse.replace("weights", FIRST, weights(SESSIONS[0], 0.5))
    before = warehouse.read("weights")
    with others.holding(others.write_and_hang, database_url, SESSIONS[0], 0.9):
        # Postgres lets readers see what was there before; DuckDB makes them wait for the writer.
        if warehouse.engine == "postgres":
            assert warehouse.read("weights").equals(before)
    assert warehouse.read("weights").equals(before)
    warehouse.replace("weights", FIRST, weights(SESSIONS[0], 0.7))
    assert set(warehouse.read("weights")["weight"].to_pylist()) == {0.7}


def test_several_processes_may_prepare_at_once(database_url: str) -> None:
    others.finish(*(others.start(others.prepare, database_url) for _ in range(3)))
    assert len(opened(database_url).read("weights")) == 0
