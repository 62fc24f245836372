"""Every order exactly once: `python -m portfolio_pipeline_tests.benchmarks.orders_once [LIVES] [SEED] [--matrix]`.

Lives of an account over many sessions, drawn from seeds: faults in the answers, processes killed at any step, partial
fills, rejects, splits, dividends, fees and trades by hand; after each session the broker's words, added up, have to be
the ledger of the server. With `--matrix` also every kind of fault x a kill around every write and every request x both
orders in which a broker may look for duplicates. Ends with 1 as soon as something does not hold, and names it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from portfolio_pipeline_tests.adapters.alpaca.histories import TROUBLES, live
from portfolio_pipeline_tests.adapters.alpaca.proofs import DAY, ORDERS, PRICES, killed_at_every_step
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

SESSIONS = 12


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    lives, first = (*numbers, *(100, 1)[len(numbers) :])[:2]
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


def _matrix(server: AlpacaServer, folder: Path) -> None:
    for duplicates_first in (True, False):
        for kind in (None, *TROUBLES):
            server.ledger.duplicates_first = duplicates_first
            died = killed_at_every_step(server, folder, kind, ORDERS[:2])
            looks = "duplicates first" if duplicates_first else "money first"
            print(f"{looks}, {kind or 'no fault'}: killed at {died} steps, and each order is there once")


if __name__ == "__main__":
    main()
