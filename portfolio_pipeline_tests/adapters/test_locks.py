"""A lock is held by one, told of to all, and ends with its process: on both engines."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.locks import open_locks
from portfolio_pipeline.adapters.locks.files import FileLocks
from portfolio_pipeline.adapters.locks.postgres import PostgresLocks
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline_tests.adapters import lock_processes as others
from portfolio_pipeline_tests.adapters.warehouse_processes import holding

MINUTE = timedelta(minutes=1)


def test_one_holds_a_lock_and_everybody_learns_who_and_since_when(database_url: str) -> None:
    locks = open_locks(database_url)
    assert locks.holder("account") is None
    held = locks.take("account", "portfolio run, process 1")
    assert held is not None
    assert held.is_held()
    assert locks.take("account", "another") is None
    assert locks.take("run-1", "another name is another lock") is not None
    holder = locks.holder("account")
    assert holder is not None
    assert holder.who == "portfolio run, process 1"
    assert str(holder).startswith("portfolio run, process 1, since 20")


def test_what_is_released_may_be_taken_again(database_url: str) -> None:
    locks = open_locks(database_url)
    for n in range(3):
        held = locks.take("account", f"number {n}")
        assert held is not None
        held.release()
        assert not held.is_held()
        assert locks.holder("account") is None


def test_the_lock_of_a_killed_process_is_free_at_once(database_url: str) -> None:
    locks = open_locks(database_url)
    with holding(others.hold, database_url, "account", "doomed") as (holder, _):
        assert locks.take("account", "me") is None
        assert "doomed" in str(locks.holder("account"))
        holder.kill()
        holder.join(60)
        deadline = time.monotonic() + 10
        while (held := locks.take("account", "me")) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert held is not None


def test_of_many_that_try_in_the_same_moment_one_gets_it(database_url: str) -> None:
    with ExitStack() as stack:
        start = time.time() + 3
        racers = [stack.enter_context(holding(others.race, database_url, "account", start)) for _ in range(6)]
        got = [channel.recv() for _, channel in racers]
        assert sorted(got) == [False] * 5 + [True]


def test_asking_for_the_holder_never_takes_the_lock_away_from_whoever_wants_it(database_url: str) -> None:
    locks, over = open_locks(database_url), threading.Event()

    def ask() -> None:
        while not over.is_set():
            locks.holder("account")

    with ThreadPoolExecutor(1) as asking:
        asked = asking.submit(ask)
        try:
            for _ in range(50):
                held = locks.take("account", "me")
                assert held is not None
                held.release()
        finally:
            over.set()
        asked.result()


def test_whoever_asks_is_not_taken_for_the_holder_by_others_that_ask(tmp_path: Path) -> None:
    """Who asks has the file shared for a moment: others may share it, and only a lock of one's own is refused."""
    locks, file = FileLocks(tmp_path), tmp_path / "account"
    file.touch()
    with file.open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert locks.holder("account") is None
        assert locks.take("account", "me") is None
    held = locks.take("account", "me")
    assert held is not None
    with file.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_whoever_wants_the_lock_waits_for_a_moment_until_others_have_asked(tmp_path: Path) -> None:
    file = tmp_path / "account"
    file.touch()
    asking = file.open()
    fcntl.flock(asking, fcntl.LOCK_SH)
    threading.Timer(0.01, asking.close).start()
    assert FileLocks(tmp_path).take("account", "me") is not None


def test_what_stands_in_the_file_of_a_lock_is_for_its_owner_and_for_people(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "not" / "yet")
    held = locks.take("account", "me")
    assert held is not None
    file = tmp_path / "not" / "yet" / "account"
    assert file.stat().st_mode & 0o777 == 0o600
    for written in ("", "no JSON", "[]", '{"who": "me"}'):
        file.write_text(written)
        assert str(locks.holder("account")) == "another process, since just now"
    held.release()
    assert not file.exists()


def test_a_longer_name_of_an_earlier_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path)
    (tmp_path / "account").write_text("x" * 200)
    assert locks.take("account", "me") is not None
    holder = locks.holder("account")
    assert holder is not None
    assert holder.who == "me"
    assert datetime.fromisoformat(holder.since) <= datetime.now(UTC) < datetime.fromisoformat(holder.since) + MINUTE


def test_a_lock_that_somebody_else_has_made_anew_is_left_to_them(tmp_path: Path) -> None:
    locks, file = FileLocks(tmp_path), tmp_path / "account"
    mine = locks.take("account", "me")
    file.unlink()
    theirs = locks.take("account", "them")
    assert mine is not None
    assert theirs is not None
    assert not mine.is_held()
    mine.release()
    assert file.exists()
    assert theirs.is_held()


def test_a_lock_whose_file_was_deleted_is_no_longer_held(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    held = locks.take("account", "me")
    assert held is not None
    shutil.rmtree(tmp_path / "locks")
    assert not held.is_held()
    assert locks.take("account", "another") is not None


def test_a_lock_whose_connection_was_ended_is_no_longer_held(postgres_url: str) -> None:
    from adbc_driver_postgresql import dbapi

    held = PostgresLocks(postgres_url).take("account", "me")
    assert held is not None
    with dbapi.connect(postgres_url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'me'")
    assert not held.is_held()


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file where the folder should be")
    with pytest.raises(PortfolioError, match="LOCK_UNUSABLE"):
        FileLocks(tmp_path / "locks").take("account", "me")


@pytest.mark.skipif(os.geteuid() != 0, reason="other process namespaces need root")
def test_a_holder_in_another_container_is_seen_though_its_process_number_means_nothing_here(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'portfolio.duckdb'}"
    code = (
        "import sys, time; from portfolio_pipeline.adapters.locks import open_locks; import os;"
        f"lock = open_locks({url!r}).take('account', f'process {{os.getpid()}}'); print('holding', flush=True);"
        "time.sleep(60)"
    )
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as container:
        try:
            assert container.stdout is not None
            if container.stdout.readline().strip() != "holding":
                pytest.skip("this machine does not allow other process namespaces")
            locks = open_locks(url)
            holder = locks.holder("account")
            assert holder is not None
            assert holder.who == "process 1"
            assert locks.take("account", "me") is None
        finally:
            container.kill()
            container.wait(30)
    assert open_locks(url).take("account", "me") is not None


def test_a_server_that_cannot_be_reached_is_one_message_without_the_password() -> None:
    with pytest.raises(PortfolioError, match="DATABASE_UNREACHABLE") as refused:
        PostgresLocks("postgresql://u:s3cr3t-word@127.0.0.1:1/x").take("account", "me")
    assert "s3cr3t" not in str(refused.value)
