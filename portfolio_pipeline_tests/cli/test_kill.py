"""Killing the command on its way loses nothing, sends nothing twice, and leaves a house that goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import Chain, assert_same, read_tables

ROOT = Path(__file__).resolve().parents[2]
SESSIONS = SessionRange(date(2022, 1, 3), date(2022, 8, 12))  # long enough for strategies to begin trading
COMMAND = [
    *(sys.executable, "-m", "portfolio_pipeline.cli", "backfill"),
    *("--from", SESSIONS.first.isoformat(), "--to", SESSIONS.last.isoformat()),
]
# Between orders and submissions. Every further table here costs another start of the command.
MOMENTS = ("orders",)


@pytest.mark.timeout(600)
def test_a_house_killed_on_the_way_ends_as_one_that_was_never_killed(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "MARKET_DATA"}}
    environment |= {"DAGSTER_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    warehouse = wire(read_environment(environment)).warehouse
    warehouse.prepare()
    for table in MOMENTS:
        _kill_when_it_has_rows(warehouse, table, environment)
    done = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr

    untouched = open_warehouse(f"duckdb:///{tmp_path / 'untouched.duckdb'}")
    untouched.prepare()
    assert Chain.on(untouched, SESSIONS).materialise(SESSIONS).success
    found, expected = read_tables(warehouse), read_tables(untouched)
    for of_the_house_itself in ("session_origins", "order_seals"):  # its settings' fingerprint, its secret
        assert len(found.pop(of_the_house_itself)) == len(expected.pop(of_the_house_itself))
    assert len(expected["sim_orders"])
    assert found["sim_orders"]["client_order_id"].is_unique
    assert_same(found, expected)


def _kill_when_it_has_rows(warehouse: Warehouse, table: str, environment: dict[str, str]) -> None:
    """Start the command, and kill it with all its processes as soon as the table, empty before, has rows."""
    assert _rows(warehouse, table) == 0
    command = subprocess.Popen(
        COMMAND, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 240
        while _rows(warehouse, table) == 0:
            assert command.poll() is None, f"it ended with {command.returncode} before {table} had rows"
            assert time.monotonic() < deadline, f"{table} never had rows"
            time.sleep(0.1)
    finally:
        if command.poll() is None:
            os.killpg(command.pid, signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL


def _rows(warehouse: Warehouse, table: str) -> int:
    return int(warehouse.query(f"select count(*) as number from {table}")["number"][0].as_py())
