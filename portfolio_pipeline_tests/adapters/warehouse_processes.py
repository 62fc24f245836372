"""What other processes do to a warehouse in the tests: real ones, forked from a server that has done the imports."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline_tests import forked
from portfolio_pipeline_tests.adapters.warehouse_tables import opened, weights


def start(work: Callable[..., None], *arguments: object) -> ForkServerProcess:
    process = forked.context().Process(target=work, args=arguments)
    process.start()
    return process


def finish(*processes: ForkServerProcess) -> None:
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


@contextmanager
def holding(work: Callable[..., None], *arguments: object) -> Iterator[tuple[ForkServerProcess, Connection]]:
    """A process that has reported to hold something; it is killed at the end, if it still lives."""
    here, there = forked.context().Pipe()
    process = start(work, *arguments, there)
    there.close()
    try:
        assert here.recv() == "holding"
        yield process, here
    finally:
        process.kill()
        process.join(60)


def write_sessions(url: str, sessions: list[date]) -> None:
    warehouse = opened(url)
    for session in sessions:
        warehouse.replace("weights", SessionRange.single(session), weights(session, 0.5))


def count_up(url: str, times: int) -> None:
    """Read, add one, write back: loses counts if two transactions can be between reading and writing at once."""
    warehouse = opened(url)
    for _ in range(times):
        with warehouse.transaction() as transaction:
            n = transaction.read("events")["event"][0].as_py()
            transaction.execute("update events set event = $1", [n + 1])


def write_and_hang(url: str, session: date, weight: float, reports: Connection) -> None:
    with opened(url).transaction() as transaction:
        transaction.replace("weights", SessionRange.single(session), weights(session, weight))
        reports.send("holding")
        time.sleep(60)


def keep_open_and_hang(url: str, session: date, weight: float, reports: Connection) -> None:
    warehouse = opened(url)
    with warehouse.kept_open():
        warehouse.replace("weights", SessionRange.single(session), weights(session, weight))
        reports.send("holding")
        time.sleep(60)


def try_to_read(url: str, reports: Connection) -> None:
    reports.send("holding")
    try:
        opened(url, wait_seconds=0.3).read("weights")
        reports.send("read")
    except PortfolioError as refusal:
        reports.send(str(refusal))


def prepare(url: str) -> None:
    opened(url).prepare()


def read_until_told(url: str, reports: Connection) -> None:
    warehouse = opened(url)
    warehouse.read("weights")
    reports.send("holding")
    while not reports.poll():
        warehouse.read("weights")


def hold_duckdb_file(path: str, read_only: bool, reports: Connection) -> None:
    """What a notebook does: open the file outside the project's locks and keep it until told otherwise."""
    import duckdb

    with duckdb.connect(path, read_only=read_only):
        reports.send("holding")
        reports.recv()


def commit_and_die(path: str) -> None:
    """Killed after the commit, before DuckDB has moved it from its log into the file."""
    import duckdb

    connection = duckdb.connect(path)
    connection.execute("insert into weights values ('2024-01-02', 'trend', 'SPY', 0.25)")
    os.kill(os.getpid(), signal.SIGKILL)
