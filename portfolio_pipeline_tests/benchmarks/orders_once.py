"""Every order exactly once: `python -m portfolio_pipeline_tests.benchmarks.orders_once [LIVES] [SEED]`.

Lives of an account over many sessions, drawn from seeds: faults in the answers, processes killed at any step, partial
fills, rejects, splits, dividends, fees and trades by hand; after each session the broker's words, added up, have to be
the ledger of the server. With `--matrix` also every kind of fault x a kill around every write and every request x both
orders in which a broker may look for duplicates.

With `--tables` the lives are those of `paper_lives`: planned, sent, followed and booked as in a home, with two
processes at once, with what others do in the account and what people decide about it; every evening each intent is one
order of the server, and executions, trades, positions, cash and what is unclaimed are in the tables as in its ledger.

Ends with 1 as soon as something does not hold, and names the seed.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline_tests import forked
from portfolio_pipeline_tests.adapters.alpaca.histories import TROUBLES, live
from portfolio_pipeline_tests.adapters.alpaca.proofs import DAY, ORDERS, PRICES, killed_at_every_step
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.paper_lives.desk import DAYS
from portfolio_pipeline_tests.paper_lives.life import Life

SESSIONS = 12
TABLE_SESSIONS = 4


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    lives, first = (*numbers, *(100, 1)[len(numbers) :])[:2]
    if "--tables" in sys.argv:
        return _with_tables(lives, first)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="orders-once-") as folder, AlpacaServer(evening(DAY)) as server:
        server.ledger.prices |= PRICES
        orders = executions = 0
        for seed in range(first, first + lives):
            ledger = live(server, seed, Path(folder), sessions=SESSIONS, deaths=True)
            orders += len(ledger.orders)
            executions += sum(one.kind == "FILL" for one in ledger.activities)
            (Path(folder) / f"{seed}.duckdb").unlink()
            print(f"\r{seed - first + 1} of {lives} lives, {orders:,} orders, {executions:,} executions", end="")
        print(f": each order once, all books the ledger's ({time.monotonic() - started:,.0f} s)")
        if "--matrix" in sys.argv:
            _matrix(server, Path(folder))


def _with_tables(lives: int, first: int) -> None:
    logging.disable(logging.WARNING)
    forked.IMPORTED.append("portfolio_pipeline_tests.paper_lives.desk")
    started, happened, failed = time.monotonic(), Counter[str](), []
    orders = executions = 0
    with tempfile.TemporaryDirectory(prefix="orders-once-") as folder, AlpacaServer(evening(DAYS[0])) as server:
        for seed in range(first, first + lives):
            life = Life(server, seed, Path(folder))
            try:
                life.lived(TABLE_SESSIONS)
            except (AssertionError, PortfolioError) as error:
                failed.append(seed)
                print(f"\nseed {seed}, {life.scene.session}: {type(error).__name__}: {error}", flush=True)
            orders += len(server.ledger.orders)
            executions += sum(one.kind == "FILL" for one in server.ledger.activities)
            happened += life.happened
            shutil.rmtree(Path(folder) / str(seed))
            seconds = time.monotonic() - started
            told = f"{seed - first + 1} of {lives} lives, {orders:,} orders, {executions:,} executions"
            print(f"\r{told}, {seconds:,.0f} s", end="", flush=True)
    print("".join(f"\n{count:>6,} {what.replace('_', ' ')}" for what, count in happened.most_common()))
    if failed:
        sys.exit(f"It does not hold in the lives {failed}.")
    print("Each intent is one order, and the tables are the ledger's.")


def _matrix(server: AlpacaServer, folder: Path) -> None:
    for duplicates_first in (True, False):
        for kind in (None, *TROUBLES):
            server.ledger.duplicates_first = duplicates_first
            died = killed_at_every_step(server, folder, kind, ORDERS[:2])
            looks = "duplicates first" if duplicates_first else "money first"
            print(f"{looks}, {kind or 'no fault'}: killed at {died} steps, and each order is there once")


if __name__ == "__main__":
    main()
