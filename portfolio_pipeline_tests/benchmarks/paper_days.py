"""PAPER mode day after day: `python -m portfolio_pipeline_tests.benchmarks.paper_days [SESSIONS] [SEED]`.

`portfolio up` on a new home, then `portfolio run` on so many evenings, each a process of its own, against a server with
partial fills in pieces, executions at parts of a cent, fees, dividends, splits and rejects. On every evening the stored
positions, cash, executions and books have to be the server's ledger, to the share and the cent.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

from portfolio_pipeline_tests.cli.paper_house import PaperHouse, ties
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

FIRST = date(2026, 3, 5)
RESEARCH = "300"


def main() -> None:
    sessions, seed = (*map(int, sys.argv[1:]), *(20, 1)[len(sys.argv) - 1 :])
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="paper-days-") as folder, AlpacaServer(evening(FIRST)) as server:
        server.ledger.fee = Decimal("0.03")
        house = PaperHouse(Path(folder) / "home", server, FIRST)
        _told(house, "up", "--no-ui", "--sessions", RESEARCH)
        for _ in range(sessions):
            shares = {symbol: draw.choice([1, 1, 1, 0.4]) for symbol in house.settings.symbols}
            rejected = frozenset(symbol for symbol in house.settings.symbols if draw.random() < 0.05)
            house.next_day(finer=True, filled_share=shares, pieces=draw.choice([1, 3]), rejected=rejected)
            _told(house, "run")
        posted = server.posts()
        assert set(posted.values()) == {1}
        print(f"{sessions} evenings, {len(posted)} orders, each posted once; the tables are the ledger")


def _told(house: PaperHouse, *command: str) -> None:
    started = time.monotonic()
    code, said = house.does_from_its_start(*command)
    if code:
        sys.exit(said)
    ties(house)
    orders, cash = len(house.server.ledger.orders), house.server.ledger.cash
    print(f"{house.session}: {time.monotonic() - started:.1f} s, {orders} orders so far, cash {cash}", flush=True)


if __name__ == "__main__":
    main()
