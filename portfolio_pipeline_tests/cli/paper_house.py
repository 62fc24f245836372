"""A home in PAPER mode, day after day: commands given at a moment of the past, and a server that keeps the account.

The commands' clock is moved by an extension of the home, and the server's stands at the same moment. They ask as often
as any, and wait a tenth as long in between. The market is the made-up one: the server executes at its opens.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.books.positions import books_that_do_not_add_up
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.cli.house import SMALL_SETTINGS, House
from portfolio_pipeline_tests.fakes.alpaca.ledger import Ledger, Quote
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

MOVED_CLOCK = """
import os
from datetime import UTC, datetime, timedelta
from functools import partial
from portfolio_pipeline.adapters.alpaca import client
from portfolio_pipeline.adapters.clock import SystemClock

moved = timedelta(seconds=float(os.environ["CLOCK_MOVED_BY"]))
SystemClock.now = lambda self: datetime.now(UTC) + moved
usual = client.Patience()
pauses = {name: tuple(0.1 * pause for pause in getattr(usual, name)) for name in ("questions", "lookups")}
client.Patience = partial(client.Patience, **pauses)
"""


# Two strategies that trade on most days.
SETTINGS = SMALL_SETTINGS.replace("[trend_bonds]", "[trend_bonds, trend_commodities]")


class PaperHouse(House):
    """With its server. `session` is the newest that has closed."""

    def __init__(self, home: Path, server: AlpacaServer, session: date, settings: str = SETTINGS) -> None:
        super().__init__(home, TRADING_MODE="PAPER", **server.environment)
        self.server, self.session = server, session
        if not home.exists():
            (home / "extensions").mkdir(mode=0o700, parents=True)
            (home / "extensions" / "moved_clock.py").write_text(MOVED_CLOCK, encoding="utf-8")
            (home / "portfolio.yaml").write_text(settings, encoding="utf-8")
            (home / "portfolio.yaml").chmod(0o600)
            home.chmod(0o700)
        self.settings = load_settings(home / "portfolio.yaml")
        self.market = SimulatedMarketData(self.settings.universe, self.settings.simulated_market.seed)
        server.ledger.prices |= dict.fromkeys(self.settings.symbols, Decimal(100))
        self.set_clock(evening(session))

    def set_clock(self, moment: datetime) -> None:
        """The server's, and that of the commands to come."""
        self.server.clock.set(moment, running=True)
        self.environment["CLOCK_MOVED_BY"] = str((moment - datetime.now(UTC)).total_seconds())

    def quotes(self, session: date, *, finer: bool = False) -> dict[str, Quote]:
        """The session's opens and closes; `finer` than whole cents, as executions may be."""
        bars = self.market.bars(self.settings.symbols, SessionRange.single(session))
        return {
            row["symbol"]: Quote(
                Decimal(str(row["open"])) + (Decimal("0.0037") if finer else 0),
                *(Decimal(str(row[name])) for name in ("close", "dividend", "split_ratio")),
            )
            for row in bars.to_dict("records")
        }

    def next_day(self, *, finer: bool = False, **how: object) -> date:
        """The next session is traded, and it is its evening."""
        self.session = next_session(self.session)
        self.server.ledger.play(self.session, self.quotes(self.session, finer=finer), **how)
        self.set_clock(evening(self.session))
        return self.session


def tables(house: PaperHouse) -> Warehouse:
    return open_warehouse(f"duckdb:///{house.home / 'portfolio.duckdb'}")


def ties(house: PaperHouse) -> None:
    """What is stored of the newest session is what the ledger says; and so is every execution and every booking."""
    tables_are_the_ledger(tables(house), house.server.ledger, house.session)


def tables_are_the_ledger(warehouse: Warehouse, ledger: Ledger, session: date) -> None:
    """After `session`, which is the newest."""
    single = SessionRange.single(session)
    held = warehouse.read("positions", single).to_pandas()
    account = warehouse.read("account", single).to_pandas()
    mine = held[held["book"] == "account"]
    shares = [Decimal(repr(quantity)) for quantity in mine["quantity"].tolist()]
    assert dict(zip(mine["symbol"], shares, strict=True)) == ledger.shares()
    [cash] = account.loc[account["book"] == "account", "cash"]
    assert round(cash * 100) == round(ledger.cash * 100)
    assert books_that_do_not_add_up(held, account).empty
    fills = warehouse.read("fills").to_pandas()
    told = [one for one in ledger.activities if one.kind == "FILL"]
    assert sorted(fills["fill_id"]) == sorted(one.id for one in told)
    assert sum(Decimal(repr(one)) for one in fills["quantity"].tolist()) == sum(one.quantity for one in told)
    known = {order.client_order_id for order in ledger.orders.values()}
    assert set(fills["client_order_id"]) <= known


@contextmanager
def paper_home(home: Path, day: date, sessions: int) -> Iterator[PaperHouse]:
    """A home after `portfolio up`, and its server. The account holds cash alone."""
    with AlpacaServer(evening(day)) as server:
        house = PaperHouse(home, server, day)
        server.ledger.cash = Decimal("200000.37")
        code, said = house.does("up", "--no-ui", "--sessions", str(sessions))
        assert code == 0, said
        yield house


@contextmanager
def copy_of(house: PaperHouse, home: Path) -> Iterator[PaperHouse]:
    """A copy of that home, and a server of its own that has lived through the same."""
    before = house.server.ledger
    shutil.copytree(house.home, home)
    with AlpacaServer(house.server.clock.now()) as server:
        copied, ledger = PaperHouse(home, server, house.session), server.ledger
        ledger.cash, ledger.prices = before.cash, dict(before.prices)
        ledger.positions = {symbol: replace(held) for symbol, held in before.positions.items()}
        ledger.orders = {name: replace(order) for name, order in before.orders.items()}
        yield copied
