"""What is DuckDB's own: the file, its lock, and whoever else holds it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from threading import Timer

import duckdb
import pytest

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.adapters.warehouse.duckdb import DuckDBWarehouse
from portfolio_pipeline.adapters.warehouse.tables import TableWarehouse
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import ConfigurationError, PortfolioError
from portfolio_pipeline_tests.adapters import warehouse_processes as others
from portfolio_pipeline_tests.adapters.warehouse_tables import opened, weights

SESSION = SessionRange.single(date(2024, 1, 2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "portfolio.duckdb"


@pytest.fixture
def impatient(path: Path) -> TableWarehouse:
    warehouse = opened(f"duckdb:///{path}", wait_seconds=0.3)
    warehouse.prepare()
    return warehouse


@pytest.mark.parametrize("read_only", [False, True])
def test_a_stranger_that_holds_the_file_is_named_with_its_pid(
    impatient: TableWarehouse, path: Path, read_only: bool
) -> None:
    with others.holding(others.hold_duckdb_file, str(path), read_only) as (stranger, _):
        with pytest.raises(PortfolioError, match=rf"DATABASE_LOCKED.*held_by=process {stranger.pid}, waited=0.3 s"):
            impatient.replace("weights", SESSION, weights(SESSION.first, 0.5))
        if read_only:
            assert len(impatient.read("weights")) == 0
    impatient.replace("weights", SESSION, weights(SESSION.first, 0.5))


def test_a_stranger_that_lets_go_in_time_is_waited_for(path: Path) -> None:
    patient = opened(f"duckdb:///{path}", wait_seconds=30)
    patient.prepare()
    with others.holding(others.hold_duckdb_file, str(path), False) as (_, stranger):
        Timer(0.5, stranger.send, ["close"]).start()
        assert len(patient.read("weights")) == 0


def test_one_of_our_own_that_holds_the_file_is_named_with_its_pid(impatient: TableWarehouse, path: Path) -> None:
    with (
        others.holding(others.write_and_hang, f"duckdb:///{path}", SESSION.first, 0.9) as (writer, _),
        pytest.raises(PortfolioError, match=rf"DATABASE_LOCKED.*held_by=process {writer.pid}"),
    ):
        impatient.read("weights")


def test_a_connection_left_open_in_this_process_is_named_too(impatient: TableWarehouse, path: Path) -> None:
    with (
        duckdb.connect(path, read_only=True),
        pytest.raises(PortfolioError, match=rf"DATABASE_LOCKED.*held_by=process {os.getpid()} \(this one\)"),
    ):
        impatient.replace("weights", SESSION, weights(SESSION.first, 0.5))


def test_nothing_holds_the_file_between_calls(impatient: TableWarehouse, path: Path) -> None:
    impatient.replace("weights", SESSION, weights(SESSION.first, 0.5))
    rows = impatient.query("select * from weights")
    with duckdb.connect(path) as stranger:
        assert stranger.execute("select count(*) from weights").fetchall() == [(len(rows),)]


def test_while_it_is_kept_open_each_call_is_stored_by_itself_and_others_are_shut_out_until_the_end(
    impatient: TableWarehouse, path: Path
) -> None:
    again = opened(f"duckdb:///{path}", wait_seconds=0.3)
    with pytest.raises(ZeroDivisionError), impatient.kept_open():  # noqa: PT012
        impatient.replace("weights", SESSION, weights(SESSION.first, 0.5))
        with pytest.raises(KeyError), again.transaction() as transaction:  # noqa: PT012
            transaction.delete("weights", None)
            raise KeyError
        assert len(again.read("weights")) == 20
        with others.holding(others.try_to_read, f"duckdb:///{path}") as (_, other):
            assert f"held_by=process {os.getpid()}" in other.recv()
        raise ZeroDivisionError
    with duckdb.connect(path) as stranger:
        assert stranger.execute("select count(*) from weights").fetchall() == [(20,)]


def test_threads_take_turns_while_the_file_is_kept_open(path: Path) -> None:
    shared = opened(f"duckdb:///{path}")
    shared.prepare()
    with shared.kept_open(), ThreadPoolExecutor(4) as threads:
        days = [date(2024, 1, 1 + n) for n in range(1, 6)]
        list(threads.map(lambda day: shared.replace("weights", SessionRange.single(day), weights(day, 0.5)), days))
        assert [len(rows) for rows in threads.map(lambda _: shared.read("weights"), days)] == [100] * 5


def test_a_process_that_is_killed_while_it_keeps_the_file_open_leaves_what_it_had_stored(
    impatient: TableWarehouse, path: Path
) -> None:
    with others.holding(others.keep_open_and_hang, f"duckdb:///{path}", SESSION.first, 0.9) as (writer, _):
        writer.kill()
        writer.join(60)
        assert impatient.read("weights")["weight"].to_pylist() == [0.9] * 20
    impatient.replace("weights", SESSION, weights(SESSION.first, 0.5))
    assert impatient.read("weights")["weight"].to_pylist() == [0.5] * 20


def test_after_a_failure_nothing_holds_the_file_either(impatient: TableWarehouse, path: Path) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), impatient.transaction():
            raise ZeroDivisionError
        with pytest.raises(ZeroDivisionError), impatient.reading() as reader:  # noqa: PT012
            reader.read("weights")
            raise ZeroDivisionError
        with pytest.raises(PortfolioError, match="SQL_REFUSED"):
            impatient.query("select nonsense")
    with others.holding(others.hold_duckdb_file, str(path), False) as (_, stranger):
        stranger.send("close")
    assert not path.with_name(path.name + ".wal").exists()


def test_threads_that_read_and_write_at_once_see_whole_transactions(path: Path) -> None:
    shared = opened(f"duckdb:///{path}")
    shared.prepare()
    shared.replace("weights", SESSION, weights(SESSION.first, 0.0))

    def write(number: int) -> None:
        shared.replace("weights", SESSION, weights(SESSION.first, float(number)))

    def read(number: int) -> None:
        with shared.reading() as reader:
            first, again = reader.read("weights"), reader.read("weights")
        assert first.equals(again)
        assert len(set(first["weight"].to_pylist())) == 1
        assert len(first) == 20

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(write if number % 4 == 0 else read, number) for number in range(120)]:
            done.result()
    with duckdb.connect(path) as stranger:
        assert stranger.execute("select count(*) from weights").fetchall() == [(20,)]


@pytest.mark.parametrize("begun", [b"", b"\0" * 4096, (b"checksum" + b"DUCK").ljust(8192, b"\0")])
def test_a_file_that_was_killed_at_its_birth_is_made_anew(path: Path, begun: bytes) -> None:
    path.write_bytes(begun)
    path.with_name(path.name + ".new").write_bytes(b"left by a start that was killed")
    reborn = opened(f"duckdb:///{path}")
    with pytest.raises(PortfolioError, match="DATABASE_NOT_PREPARED"):
        reborn.read("weights")
    reborn.prepare()
    reborn.replace("weights", SESSION, weights(SESSION.first, 0.5))
    assert [file.name for file in path.parent.glob("*.new*")] == []


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"something of somebody's")
    before = path.read_bytes()
    with pytest.raises(PortfolioError, match="DATABASE_FILE_UNUSABLE"):
        opened(f"duckdb:///{path}", wait_seconds=0.3).prepare()
    assert path.read_bytes() == before


def test_several_files_are_open_at_once_and_none_sees_the_other(tmp_path: Path) -> None:
    one, other = (opened(f"duckdb:///{tmp_path / name / 'portfolio.duckdb'}") for name in ("one", "other"))
    one.prepare()
    other.prepare()
    one.replace("weights", SESSION, weights(SESSION.first, 0.1))
    with one.transaction() as first, other.transaction() as second:
        second.replace("weights", SESSION, first.read("weights"))
        first.delete("weights", None)
    assert (len(one.read("weights")), len(other.read("weights"))) == (0, 20)


def test_a_forked_child_opens_the_file_with_an_engine_of_its_own(impatient: TableWarehouse, path: Path) -> None:
    impatient.replace("weights", SESSION, weights(SESSION.first, 0.5))
    child = os.fork()
    if child == 0:
        os._exit(len(impatient.read("weights")))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 20


def test_a_stream_of_readers_does_not_shut_a_writer_out(impatient: TableWarehouse, path: Path) -> None:
    impatient.replace("weights", SESSION, weights(SESSION.first, 0.5, symbols=2_000))
    writer = opened(f"duckdb:///{path}", wait_seconds=20)
    with ExitStack() as readers:
        for _ in range(3):
            readers.enter_context(others.holding(others.read_until_told, f"duckdb:///{path}"))
        for weight in (0.1, 0.2, 0.3):
            writer.replace("weights", SESSION, weights(SESSION.first, weight))
    assert set(writer.read("weights")["weight"].to_pylist()) == {0.3}


def test_a_commit_still_in_the_log_when_its_writer_was_killed_is_read(impatient: TableWarehouse, path: Path) -> None:
    victim = others.start(others.commit_and_die, str(path))
    victim.join(60)
    assert path.with_name(path.name + ".wal").exists()
    assert impatient.read("weights")["weight"].to_pylist() == [0.25]


def test_a_folder_that_cannot_be_made_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PortfolioError, match=r"DATABASE_FILE_UNUSABLE: file=.*portfolio.duckdb.*DATABASE_URL"):
        DuckDBWarehouse(tmp_path / "file" / "portfolio.duckdb").prepare()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_one_clear_message(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PortfolioError, match="DATABASE_FILE_UNUSABLE"):
            DuckDBWarehouse(tmp_path / "portfolio.duckdb").prepare()
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("content", ["this is no database " * 500, None])
def test_a_file_that_is_no_database_is_one_clear_message(path: Path, content: str | None) -> None:
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    with pytest.raises(PortfolioError, match="DATABASE_FILE_UNUSABLE"):
        DuckDBWarehouse(path).prepare()
    assert content is None or path.read_text() == content


def test_the_address_is_a_path(tmp_path: Path) -> None:
    opened = open_warehouse(f"duckdb:///{tmp_path / 'a.duckdb'}")
    assert (opened.engine, opened.location) == ("duckdb", f"duckdb:///{tmp_path}/a.duckdb")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["sqlite:///x", "duckdb:///", "duckdb:///:memory:", "mysql://u:secret@host/x", "x"])
def test_other_addresses_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL_UNKNOWN") as refusal:
        open_warehouse(url)
    assert "secret" not in str(refusal.value)


def test_a_mistyped_table_does_not_find_a_variable(impatient: TableWarehouse) -> None:
    weight = impatient.read("weights")
    assert len(weight) == 0
    with pytest.raises(PortfolioError, match=r"(?s)SQL_REFUSED.*weight "):
        impatient.query("select * from weight")
