"""The emergency switch: thrown in any weather, and thrown if in doubt."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.halt_file import HaltFile
from portfolio_pipeline.core.errors import PortfolioError

NOON = datetime(2024, 1, 3, 12, tzinfo=UTC)


def test_a_switch_that_was_never_thrown_does_not_halt(tmp_path: Path) -> None:
    assert not HaltFile(tmp_path).state().halted
    assert not HaltFile(tmp_path / "no such folder").state().halted


def test_the_first_reason_stays_until_it_is_lifted(tmp_path: Path) -> None:
    switch = HaltFile(tmp_path)
    switch.throw("fire", NOON)
    switch.throw("and smoke", NOON)
    state = switch.state()
    assert (state.halted, state.reason, state.since) == (True, "fire", NOON)
    switch.lift()
    switch.lift()
    assert not switch.state().halted


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b"[1]", b'{"reason": "x", "since": "yesterday"}'])
def test_what_cannot_be_read_counts_as_halted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "HALTED").write_bytes(content)
    assert HaltFile(tmp_path).state().halted


def test_a_folder_or_a_link_to_nothing_in_its_place_counts_as_halted(tmp_path: Path) -> None:
    (tmp_path / "HALTED").mkdir()
    assert HaltFile(tmp_path).state().halted
    (tmp_path / "HALTED").rmdir()
    (tmp_path / "HALTED").symlink_to(tmp_path / "nowhere")
    assert HaltFile(tmp_path).state().halted


def test_a_place_that_cannot_be_looked_into_counts_as_halted_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    state = HaltFile(tmp_path / "home").state()
    assert state.halted
    assert state.reason == f"{tmp_path / 'home' / 'HALTED'} cannot be looked for: Not a directory"


def test_a_home_that_is_not_there_yet_is_made_and_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "not" / "yet"
    HaltFile(home).throw("fïre", NOON)
    assert HaltFile(home).state().reason == "fïre"
    assert (home / "HALTED").stat().st_mode & 0o777 == 0o600


def test_a_home_that_is_a_file_is_one_message_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(PortfolioError, match=r"HALT_FILE_UNUSABLE.*stop `portfolio up`"):
        HaltFile(tmp_path / "home").throw("fire", NOON)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_halts_as_well(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode:
        pytest.skip("this machine does not allow mounting")
    try:
        with (disk / "full").open("wb", buffering=0) as filler:
            while True:
                try:
                    if not filler.write(b"0" * 4096):
                        break
                except OSError:
                    break
        HaltFile(disk).throw("the disk is full", NOON)
        assert HaltFile(disk).state().halted
    finally:
        subprocess.run(["umount", disk], check=True)


def test_the_command_halts_within_a_second_and_imports_no_dagster(tmp_path: Path) -> None:
    watched = (
        "import sys; from portfolio_pipeline.adapters.halt_file import HaltFile; throw = HaltFile.throw\n"
        "def thrown(*given):\n"
        "    assert not {'dagster', 'duckdb', 'pandas', 'sqlalchemy'} & set(sys.modules), 'too much is imported'\n"
        "    throw(*given)\n"
        "HaltFile.throw = thrown\n"
        "sys.argv = ['portfolio', 'halt']; from portfolio_pipeline.cli import main; main()\n"
    )
    started = time.monotonic()
    halting = subprocess.Popen([sys.executable, "-c", watched], env={**os.environ, "DAGSTER_HOME": str(tmp_path)})
    try:
        while not (tmp_path / "HALTED").exists():
            assert time.monotonic() - started < 30, "it was never halted"
            assert halting.poll() in (None, 0)
            time.sleep(0.01)
    finally:
        assert halting.wait(60) == 0
