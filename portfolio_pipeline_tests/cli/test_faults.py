"""Faults of the world: one message with what to do, no traceback, nothing lost; mended, the plain command goes on."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg2
import pytest

from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline_tests.chain import assert_same, read_tables
from portfolio_pipeline_tests.cli.conftest import LAST
from portfolio_pipeline_tests.cli.house import CLI, ROOT, House

NEXT = "2022-08-15"
RUN = ("run", "--session", NEXT)
NEW_CARD = ("strategy", "new", "abc", "--type", "momentum")
STORAGES = ("run/runs.db", "event_log/index.db", "schedule/schedules.db")
_MOUNTS = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
with_mounts = pytest.mark.skipif(not _MOUNTS, reason="file systems of one's own take root")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("storage", STORAGES)
def test_broken_run_storage_is_named_with_the_command_that_mends_it(lived_copy: House, storage: str) -> None:
    file = lived_copy.home / "dagster" / storage
    file.write_bytes(b"not what it was" * 1000)
    for beside in file.parent.glob(f"{file.name}-*"):
        beside.unlink()
    code, said = lived_copy.does(*RUN)
    assert (code, f"RUN_STORAGE_BROKEN: file={file}" in said) == (1, True), said
    mend = f"mv {file.parent} {file.parent}.broken"
    assert mend in said
    code, said = lived_copy.does("doctor")
    assert code == 1
    subprocess.run(mend.split(), check=True)
    code, said = lived_copy.does(*RUN)
    assert code == 0, said


@pytest.mark.timeout(300)
def test_run_storage_that_somebody_keeps_locked_is_told_and_nothing_was_begun(lived_copy: House) -> None:
    before = read_tables(lived_copy.wired.warehouse)
    with sqlite3.connect(lived_copy.home / "dagster" / STORAGES[0], isolation_level=None) as hand:
        hand.execute("begin exclusive")
        code, said = lived_copy.does(*RUN)
        hand.execute("rollback")
    assert (code, "STORAGE_LOCKED: found=database is locked" in said.splitlines()[-1]) == (1, True), said
    assert_same(read_tables(lived_copy.wired.warehouse), before)


def test_a_database_of_a_newer_version_is_left_alone(lived_copy: House) -> None:
    file = lived_copy.home / "portfolio.duckdb"
    with duckdb.connect(file) as hand:
        hand.execute("insert into schema_version select max(version) + 1, now() from schema_version")
    for typed in (RUN, ("status",), ("resume", "--reason", "why not")):
        code, said = lived_copy.does(*typed)
        assert (code, "DATABASE_NEWER_THAN_CODE" in said) == (1, True), said


@with_mounts
@pytest.mark.timeout(300)
def test_a_home_that_cannot_be_written_refuses_everything_in_one_message(lived_copy: House) -> None:
    home = lived_copy.home
    read_only = f"mount --bind {home} {home}; mount -o remount,bind,ro {home}"
    for code, said in in_a_file_system(lived_copy, read_only, [RUN, ("status",), NEW_CARD, ("halt",), ("doctor",)]):
        assert code == 1, said
        assert "Read-only file system" in " ".join(said.split()), said
        assert "Traceback" not in said, said


@with_mounts
@pytest.mark.timeout(300)
def test_a_full_disk_refuses_to_begin_but_halts(lived_copy: House) -> None:
    small = House(Path(f"{lived_copy.home}.small"))
    small.home.mkdir()
    full = f"{_small_copy(lived_copy, small)}; {_filled(small)}"
    halting = ("halt", "--reason", "the disk is full")
    given = [RUN, halting, ("doctor",), NEW_CARD]
    # A command that is refused may leave a little less than it found.
    run, halt, doctor, new = in_a_file_system(small, full, given, between=_filled(small))
    assert (run[0], doctor[0], new[0]) == (1, 1, 1)
    assert "DISK_NEARLY_FULL" in run[1]
    assert (halt[0], "Trading is HALTED: the disk is full." in halt[1]) == (0, True), halt[1]
    assert "DISK_FULL" in new[1]
    assert "Traceback" not in run[1] + halt[1] + doctor[1] + new[1]


@with_mounts
@pytest.mark.timeout(300)
def test_a_disk_that_fills_up_on_the_way_costs_only_what_was_not_finished(lived_copy: House) -> None:
    small = House(Path(f"{lived_copy.home}.small"))
    small.home.mkdir()
    waits = f"while ! [ -e {small.home}/portfolio.duckdb.locks/account ]; do sleep 0.05; done; sleep 1"
    full, again = in_a_file_system(
        small,
        _small_copy(lived_copy, small),
        [RUN, RUN],
        beside_the_first=f"{waits}; {_filled(small)}",
        between=f"rm {small.home}/filler",
    )
    assert (full[0], "DISK_FULL" in full[1].splitlines()[-1], "Traceback" in full[1]) == (1, True, False), full[1]
    assert again[0] == 0, again[1]


@pytest.mark.timeout(300)
def test_a_postgres_that_goes_away_in_the_middle_is_told_and_the_same_command_goes_on(
    tmp_path: Path, postgres_url: str
) -> None:
    house = House(tmp_path / "home", DATABASE_URL=postgres_url)
    typed = ("backfill", "--from", "2022-08-01", "--to", LAST)
    process = house.start(*typed)
    while not _has_prices(house):
        assert process.poll() is None
        time.sleep(0.05)
    with closing(psycopg2.connect(postgres_url)) as hand:
        hand.autocommit = True  # in a transaction the list of connections stays as it was at first
        while process.poll() is None:  # again and again: between two statements nobody would notice
            with hand.cursor() as cursor:
                cursor.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            time.sleep(0.02)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 1, said
    assert re.search("DATABASE_LOST|DATABASE_UNREACHABLE|ACCOUNT_LOCK_LOST", said.splitlines()[-1]), said
    code, said = house.does(*typed)
    assert code == 0, said


def _has_prices(house: House) -> bool:
    try:
        return house.wired.warehouse.oldest("prices") is not None
    except PortfolioError:  # there is no such table yet
        return False


def _small_copy(house: House, small: House) -> str:
    return f"mount -t tmpfs -o size=120m none {small.home}; cp -r {house.home}/. {small.home}"


def _filled(small: House) -> str:
    return f"dd if=/dev/zero of={small.home}/filler bs=1k count=200000 oflag=append conv=notrunc 2>/dev/null || true"


def in_a_file_system(
    house: House,
    prepared: str,
    commands: Sequence[Sequence[str]],
    *,
    beside_the_first: str = "true",
    between: str = "true",
) -> list[tuple[int, str]]:
    """Give the commands where only they see what is mounted; everything is gone again at the end."""
    results = house.home.with_name("results")
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    steps = [f"({beside_the_first}) & "]
    for n, command in enumerate(commands):
        quoted = " ".join(f"'{part}'" for part in (*CLI, *command))
        steps.append(f"{quoted} > {results}/{n} 2>&1; echo $? > {results}/{n}.code; wait; {between};")
    script = f"cd {ROOT}; set -e; {prepared}; set +e; {' '.join(steps)}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        env=house.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert (results / f"{len(commands) - 1}.code").exists(), done.stderr
    return [(int((results / f"{n}.code").read_text()), (results / str(n)).read_text()) for n in range(len(commands))]
