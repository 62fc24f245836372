"""Several processes at one warehouse: nothing is lost, nothing is half-written."""

from __future__ import annotations

import os
import signal
from datetime import date

import pyarrow as pa
import pytest

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.sessions import SessionRange, sessions_between
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.adapters import warehouse_processes as others

SESSIONS = sessions_between(date(2024, 1, 2), date(2024, 2, 29))
FIRST = SessionRange.single(SESSIONS[0])


def finish(processes: list[others.ForkServerProcess]) -> None:
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


def test_processes_that_write_different_sessions_lose_nothing(warehouse: Warehouse, database_url: str) -> None:
    shares = [list(SESSIONS[number::4]) for number in range(4)]
    finish([others.start(others.write_sessions, database_url, share) for share in shares])
    expected = pa.concat_tables(
        pa.Table.from_pandas(others.targets(session, 0.5), preserve_index=False) for session in SESSIONS
    )
    assert warehouse.read("strategy_targets").to_pydict() == expected.to_pydict()


def test_a_transaction_may_rely_on_what_it_has_read(warehouse: Warehouse, database_url: str) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("create table counted (name text primary key, n bigint)")
        transaction.execute("insert into counted values ('n', 0)")
    finish([others.start(others.count_up, database_url, 15) for _ in range(3)])
    assert warehouse.query("select n from counted")["n"].to_pylist() == [45]


def test_a_writer_killed_in_the_middle_leaves_the_old_rows_and_no_lock(warehouse: Warehouse, database_url: str) -> None:
    warehouse.replace("strategy_targets", FIRST, others.targets(SESSIONS[0], 0.5))
    before = warehouse.read("strategy_targets")
    here, there = others.pipe()
    writer = others.start(others.write_and_hang, database_url, SESSIONS[0], 0.9, there)
    assert here.recv() == "written, not committed"
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(60)
    assert warehouse.read("strategy_targets").equals(before)
    warehouse.replace("strategy_targets", FIRST, others.targets(SESSIONS[0], 0.7))
    assert set(warehouse.read("strategy_targets")["weight"].to_pylist()) == {0.7}


def test_readers_see_the_old_rows_or_wait_but_never_half(warehouse: Warehouse, database_url: str) -> None:
    """DuckDB makes readers wait for the writer, Postgres lets them see what was there before."""
    warehouse.replace("strategy_targets", FIRST, others.targets(SESSIONS[0], 0.5))
    here, there = others.pipe()
    writer = others.start(others.write_and_hang, database_url, SESSIONS[0], 0.9, there)
    assert here.recv() == "written, not committed"
    try:
        if warehouse.engine == "postgres":
            assert set(warehouse.read("strategy_targets")["weight"].to_pylist()) == {0.5}
    finally:
        writer.kill()
        writer.join(60)
    assert set(warehouse.read("strategy_targets")["weight"].to_pylist()) == {0.5}


def test_two_processes_may_prepare_at_once(database_url: str) -> None:
    finish([others.start(others.prepare, database_url) for _ in range(4)])
    assert len(open_warehouse(database_url).read("prices")) == 0
