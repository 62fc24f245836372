"""What other processes do to a warehouse in the tests: real processes, forked from a server that has the imports done."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess

import pandas as pd

from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.schemas import Column, Table
from portfolio_pipeline.core.sessions import SessionRange

COUNTED = Table("counted", "one row", "A counter.", ("name",), (Column("name", "text", ""), Column("n", "bigint", "")))


def start(work: Callable[..., None], *arguments: object) -> ForkServerProcess:
    process = _context().Process(target=work, args=arguments)
    process.start()
    return process


def pipe() -> tuple[Connection, Connection]:
    return _context().Pipe()


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "duckdb", "adbc_driver_postgresql.dbapi", "pandera.pandas"])
    return context


def targets(session: date, weight: float, symbols: int = 20) -> pd.DataFrame:
    names = [f"S{number:03}" for number in range(symbols)]
    return pd.DataFrame({"session": session, "strategy": "trend", "symbol": names, "weight": weight})


def write_sessions(url: str, sessions: list[date]) -> None:
    warehouse = open_warehouse(url)
    for session in sessions:
        warehouse.replace("strategy_targets", SessionRange.single(session), targets(session, 0.5))


def count_up(url: str, times: int) -> None:
    """Read, add one, write back: loses counts if two transactions can be between reading and writing at once."""
    warehouse = open_warehouse(url)
    for _ in range(times):
        with warehouse.transaction() as transaction:
            n = transaction.query("select n from counted where name = 'n'")["n"][0].as_py()
            transaction.execute("update counted set n = $1 where name = 'n'", [n + 1])


def write_and_hang(url: str, session: date, weight: float, reports: Connection) -> None:
    with open_warehouse(url).transaction() as transaction:
        transaction.replace("strategy_targets", SessionRange.single(session), targets(session, weight))
        reports.send("written, not committed")
        time.sleep(60)


def prepare(url: str) -> None:
    open_warehouse(url).prepare()


def read_for(url: str, seconds: float) -> None:
    warehouse = open_warehouse(url)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        warehouse.read("strategy_targets")


def hold_duckdb_file(path: str, read_only: bool, reports: Connection) -> None:
    """What a notebook does: open the file outside the project's locks and keep it."""
    import duckdb

    with duckdb.connect(path, read_only=read_only):
        reports.send("open")
        reports.recv()


def commit_and_die(path: str) -> None:
    """Killed after the commit, before DuckDB has moved it from its log into the file."""
    import duckdb

    connection = duckdb.connect(path)
    connection.execute("insert into strategy_targets values ('2024-01-02', 'trend', 'SPY', 0.25)")
    os.kill(os.getpid(), signal.SIGKILL)
