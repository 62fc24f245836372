"""Turns at one file: readers together, a writer alone, and a writer that waits is let in before later readers."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.warehouse.file_lock import LockTimeout, keep_turn, take_turn

SOON = 0.15


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "portfolio.duckdb"


@pytest.fixture
def turns() -> Iterator[ExitStack]:
    with ExitStack() as taken:
        yield taken


def turn(file: Path, *, exclusive: bool, within: float = SOON) -> Callable[[], None]:
    return take_turn(file, exclusive=exclusive, deadline=time.monotonic() + within)


def test_readers_have_the_file_together(file: Path, turns: ExitStack) -> None:
    for _ in range(3):
        turns.callback(turn(file, exclusive=False))


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True)])
def test_a_writer_is_alone_whoever_came_first(file: Path, turns: ExitStack, first: bool, second: bool) -> None:
    turns.callback(turn(file, exclusive=first))
    begun = time.monotonic()
    with pytest.raises(LockTimeout) as late:
        turn(file, exclusive=second)
    assert SOON <= time.monotonic() - begun < 20 * SOON
    assert late.value.holder == os.getpid()


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_turn_that_is_over_lets_the_next_one_in_who_waits(file: Path, turns: ExitStack, exclusive: bool) -> None:
    end = turn(file, exclusive=True)
    threading.Timer(SOON, end).start()
    turns.callback(turn(file, exclusive=exclusive, within=60))
    with pytest.raises(LockTimeout):
        turn(file, exclusive=True)


def test_a_waiting_writer_is_not_shut_out_by_readers_that_come_later(file: Path, turns: ExitStack) -> None:
    end_reading = turn(file, exclusive=False)
    order: list[str] = []

    def write() -> None:
        end = turn(file, exclusive=True, within=60)
        order.append("writer")
        end()

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(SOON)
    with pytest.raises(LockTimeout):  # it would be let in beside the first reader, were nobody waiting
        turn(file, exclusive=False)
    end_reading()
    writer.join(60)
    turns.callback(turn(file, exclusive=False))
    assert order == ["writer"]


def test_whoever_gives_up_leaves_nothing_taken(file: Path, turns: ExitStack) -> None:
    end = turn(file, exclusive=True)
    for _ in range(2):
        with pytest.raises(LockTimeout):
            turn(file, exclusive=False, within=0)
    end()
    turns.callback(turn(file, exclusive=True, within=60))


@pytest.mark.parametrize("content", ["", "by hand", "-1"])
def test_a_holder_that_is_not_written_down_is_not_known(file: Path, turns: ExitStack, content: str) -> None:
    turns.callback(turn(file, exclusive=True))
    lock = file.with_name(f"{file.name}.lock")
    lock.write_text(content)
    with pytest.raises(LockTimeout) as late:
        turn(file, exclusive=True, within=0)
    assert late.value.holder is None


def test_a_process_that_keeps_its_turn_shares_it_among_its_threads_one_at_a_time(file: Path) -> None:
    end_keeping = keep_turn(file, deadline=time.monotonic() + 60)
    end = turn(file, exclusive=False)
    begun = time.monotonic()
    with pytest.raises(LockTimeout) as late:
        turn(file, exclusive=False)
    assert late.value.holder == os.getpid()
    assert SOON <= time.monotonic() - begun < 20 * SOON
    with pytest.raises(LockTimeout):
        turn(file, exclusive=True, within=-1)
    end()
    turn(file, exclusive=True)()
    end_keeping()
    turn(file, exclusive=True)()


def test_the_file_is_the_same_one_by_whatever_path(file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    end_keeping = keep_turn(file, deadline=time.monotonic() + 60)
    turn(tmp_path / "link" / file.name, exclusive=True)()
    end_keeping()


def test_other_processes_wait_for_one_that_keeps_its_turn_its_own_children_too(file: Path) -> None:
    end_keeping = keep_turn(file, deadline=time.monotonic() + 60)
    assert not _lets_in_a_child(file, exclusive=False)
    assert not _lets_in_a_child(file, exclusive=True)
    end_keeping()
    assert _lets_in_a_child(file, exclusive=True)


def test_only_one_process_keeps_its_turn(file: Path, turns: ExitStack) -> None:
    turns.callback(turn(file, exclusive=False))
    with pytest.raises(LockTimeout):
        keep_turn(file, deadline=time.monotonic() + SOON)


def _lets_in_a_child(file: Path, *, exclusive: bool) -> bool:
    child = multiprocessing.get_context("fork").Process(target=_try, args=(file, exclusive))
    child.start()
    child.join(60)
    return child.exitcode == 0


def _try(file: Path, exclusive: bool) -> None:
    try:
        turn(file, exclusive=exclusive)()
    except LockTimeout:
        os._exit(7)
    os._exit(0)
