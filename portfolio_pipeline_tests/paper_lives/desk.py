"""The execution half of a house in PAPER mode, over a database in which prices and targets are there already.

An evening is what the assets do, in their order, without Dagster around them: that takes half the time.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from portfolio_pipeline.adapters.acts.following import Followed, follow
from portfolio_pipeline.adapters.acts.reconciling import decide, standing
from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.broker.alpaca.broker import AlpacaBroker
from portfolio_pipeline.adapters.broker.guarded import GuardedBroker
from portfolio_pipeline.adapters.halt_file import HaltFile
from portfolio_pipeline.adapters.locks import open_locks
from portfolio_pipeline.adapters.sealed_states import write_states
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.components.declared_warehouse import DeclaredWarehouse
from portfolio_pipeline.core.calendar.beginnings import Beginnings
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.rows import state_rows
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.dagster_home.at_work import at_work, require_account
from portfolio_pipeline.defs.execution.fills import fills
from portfolio_pipeline.defs.execution.orders import orders
from portfolio_pipeline.defs.execution.positions import positions
from portfolio_pipeline.defs.execution.submissions import submissions
from portfolio_pipeline.ports import Broker, Warehouse
from portfolio_pipeline_tests.adapters.alpaca.desk import HASTY
from portfolio_pipeline_tests.adapters.alpaca.lives import Death, deadly, lived
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts
from portfolio_pipeline_tests.fakes.alpaca.ledger import Quote
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData, quiet_bars
from portfolio_pipeline_tests.trading import PLAN_KEY, ROOMY, TEST_ORIGIN, first_sessions, market, settings, wanted

LONGEST = 24
RANGE = first_sessions(LONGEST)
DAYS = tuple(RANGE)
_LIMITS = Limits(symbol=0.6, turnover=2.0, asset_class=ROOMY)
HOUSES: Mapping[str, Settings] = {
    "at market": settings(limits=_LIMITS),
    "with limits": settings(limits=_LIMITS, orders=Orders(type="limit", collar=0.02)),
    "in fractions": settings(limits=_LIMITS, orders=Orders(fractional=True)),
    "at the opening": settings(limits=_LIMITS, orders=Orders(type="opening", fractional=True)),
    "at the close": settings(limits=_LIMITS, orders=Orders(type="closing")),
}
MARKETS = 8


def bars_of(number: int) -> pd.DataFrame:
    """Rows of prices as a broker may have executed at them: four digits."""
    rows = market(number, RANGE)
    return rows.assign(**{name: rows[name].round(4) for name in ("open", "high", "low", "close")})


def quotes(bars: pd.DataFrame, session: date) -> dict[str, Quote]:
    names = ("open", "close", "dividend", "split_ratio", "low", "high")
    return {
        str(row["symbol"]): Quote(*(Decimal(repr(float(row[name]))) for name in names))
        for row in bars[bars["session"] == session].to_dict("records")
    }


@dataclass
class Desk:
    """One home at the server. It can be handed over to another process."""

    access: AlpacaAccess
    folder: Path
    house: str
    moment: datetime
    """What the clock says that hangs in the house."""

    @classmethod
    def begun(cls, server: AlpacaServer, folder: Path, name: str, house: str, number: int) -> Desk:
        """A home of its own for this market."""
        prepared, home = folder / f"market-{number}-{house}.duckdb", folder / name
        if not prepared.exists():
            _prepare(prepared, HOUSES[house], number)
        home.mkdir()
        shutil.copy(prepared, home / "portfolio.duckdb")
        access = AlpacaAccess(server.key, server.secret, server.url)
        return cls(access, home, house, server.clock.now())

    @property
    def settings(self) -> Settings:
        return HOUSES[self.house]

    @property
    def url(self) -> str:
        return f"duckdb:///{self.folder / 'portfolio.duckdb'}"

    @property
    def clock(self) -> FixedClock:
        return FixedClock(self.moment)

    @property
    def switch(self) -> HaltFile:
        return HaltFile(self.folder)

    def warehouse(self) -> Warehouse:
        return open_warehouse(self.url)

    def broker(self, warehouse: Warehouse) -> AlpacaBroker:
        return AlpacaBroker("PAPER", self.access, warehouse, self.clock, HASTY)

    def evening(self, session: date, death: Death | None = None) -> None:
        """What `portfolio run` does with the account: all that is missing up to the session, or the session again."""
        warehouse = self.warehouse()
        told = warehouse if death is None else deadly(warehouse, death)
        with at_work(open_locks(self.url), "evening", wait=print), warehouse.kept_open():
            recorded = warehouse.newest("account")
            first = session if recorded is None or recorded >= session else next_session(recorded)
            given = {
                "broker": GuardedBroker(self.broker(told), require_account),
                "settings": self.settings,
                "origin": TEST_ORIGIN,
                "halt_switch": self.switch,
                "plan_key": PLAN_KEY,
                "clock": self.clock,
                "market_data": ScriptedMarketData(quiet_bars(self.settings.symbols, RANGE)),
            }
            for asset in (orders, submissions, fills, positions):
                _compute(asset, SessionRange(first, session), told, given)

    def in_a_process(
        self, server: AlpacaServer, session: date, death: Death | None = None, *, twice: bool = False
    ) -> int:
        """The same in a process of its own, that may be killed; or in two at once. Says how the first has ended."""
        return lived(server, _evening, (self, session), death, times=2 if twice else 1)

    def follow(self) -> Followed:
        warehouse = self.warehouse()
        broker: Broker = self.broker(warehouse)
        return follow(broker, warehouse, self.clock, RecordedAlerts(), self.settings)

    def decide(self, action: str, subject: str) -> None:
        decide(self.warehouse(), action, subject, "so it is", "me", self.moment, self.settings.symbols)

    def open_differences(self) -> tuple[Any, ...]:
        with self.warehouse().reading() as reader:
            return standing(reader).open


def _compute(
    asset: dg.AssetsDefinition, sessions: SessionRange, warehouse: Warehouse, given: Mapping[str, Any]
) -> None:
    """What the function of a session asset does, with its declared tables and without its step."""
    step = asset.op.compute_fn.decorated_fn  # type: ignore[union-attr]
    [declared] = inspect.getclosurevars(step).nonlocals["assets"]
    asked, function = declared.work.args
    mine = {**given, "sessions": sessions, "warehouse": DeclaredWarehouse(warehouse, asked.declaration())}
    function(**{name: mine[name] for name in inspect.signature(function).parameters})


def _evening(desk: Desk, session: date, death: Death | None) -> None:
    try:
        desk.evening(session, death)
    except PortfolioError:
        raise SystemExit(1) from None


def _prepare(path: Path, house: Settings, number: int) -> None:
    warehouse = open_warehouse(f"duckdb:///{path}")
    warehouse.prepare()
    warehouse.replace("prices", RANGE, bars_of(number))
    for table, rows in wanted(number, RANGE, house).items():
        warehouse.replace(table, RANGE, rows)
    measured = {"scope": PORTFOLIO, "metric": "gross_exposure", "value": 0.5, "limit_value": 1.0}
    warehouse.replace("risk_metrics", RANGE, pd.DataFrame([{"session": day, **measured} for day in RANGE]))
    calm = state_rows([(day, PORTFOLIO, Standing()) for day in RANGE], "portfolio")
    with warehouse.transaction() as tx:
        write_states(tx, PLAN_KEY, RANGE, "portfolio", calm)
        tx.insert("beginnings", Beginnings(DAYS[0], DAYS[0], DAYS[0]).rows().to_pandas())
