"""Killing the command on its way loses nothing, sends nothing twice, and leaves a house that goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import SEALS, assert_same, read_tables
from portfolio_pipeline_tests.cli.conftest import FIRST, LAST
from portfolio_pipeline_tests.cli.house import CLI, ROOT, House

COMMAND = ("backfill", "--from", FIRST, "--to", LAST)
# Between orders and submissions. Every further table here costs another start of the command.
MOMENTS = ("orders",)


@pytest.mark.timeout(600)
def test_a_house_killed_on_the_way_ends_as_one_that_was_never_killed(lived: House, tmp_path: Path) -> None:
    house = House(tmp_path / "home")
    warehouse = house.wired.warehouse
    warehouse.prepare()
    for table in MOMENTS:
        _kill_when_it_has_rows(warehouse, table, house)
    code, said = house.does(*COMMAND)
    assert code == 0, said
    found, expected = read_tables(warehouse), read_tables(lived.wired.warehouse)
    for name in SEALS:
        assert len(found.pop(name)) == len(expected.pop(name)) > 0
    assert len(expected["sim_orders"])
    assert found["sim_orders"]["client_order_id"].is_unique
    assert_same(found, expected)


def _kill_when_it_has_rows(warehouse: Warehouse, table: str, house: House) -> None:
    """Start the command, and kill it with all its processes as soon as the table, empty before, has rows."""
    assert _rows(warehouse, table) == 0
    command = subprocess.Popen(
        [*CLI, *COMMAND],
        cwd=ROOT,
        env=house.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
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
