"""The execution half of the chain in PAPER mode, in this process: quiet prices and made-up targets, a broker that is a
server, evening after evening.
"""

from __future__ import annotations

from decimal import Decimal

import dagster as dg
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange, session_close
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.adapters.alpaca.desk import ServerClock, alpaca
from portfolio_pipeline_tests.chain import materialise
from portfolio_pipeline_tests.defs.execution.test_execution import DAYS, PARTS, RANGE, Desk
from portfolio_pipeline_tests.fakes.alpaca.ledger import Quote, Taken
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.fakes.market_data import ScriptedMarketData, quiet_bars


def calm_prices(symbols: tuple[str, ...]) -> pd.DataFrame:
    """Rows of the prices table: each symbol rises a little every session, from 20, 30, 40 …"""
    rows = []
    for place, symbol in enumerate(symbols):
        for number, session in enumerate(RANGE):
            price = round((20.0 + 10 * place) * 1.002**number, 2)
            at = session_close(session).replace(tzinfo=None)
            bar = {"open": price, "high": price, "low": price, "close": price, "volume": 1e7}
            actions = {"dividend": 0.0, "split_ratio": 1.0, "source": "SIMULATED", "retrieved_at": at}
            rows.append({"session": session, "symbol": symbol, **bar, **actions})
    return pd.DataFrame(rows)


class PaperDesk(Desk):
    """`place` is the number of the session whose evening it is; `run` runs it."""

    def __init__(self, warehouse: Warehouse, house: Settings, server: AlpacaServer) -> None:
        super().__init__(warehouse, house)
        self.server, self.place = server, 0
        self.filled_in()
        self.prices = calm_prices(house.symbols)
        warehouse.replace("prices", RANGE, self.prices)
        server.ledger.prices |= {symbol: quote.open for symbol, quote in self.quotes(0).items()}
        server.clock.set(evening(DAYS[0]))

    def quotes(self, place: int) -> dict[str, Quote]:
        rows = self.prices[self.prices["session"] == DAYS[place]]
        return {row["symbol"]: Quote(Decimal(str(row["open"]))) for row in rows.to_dict("records")}

    def run(self, sessions: SessionRange | None = None, *assets: str) -> dg.ExecuteInProcessResult:
        return materialise(
            PARTS,
            sessions or SessionRange.single(DAYS[self.place]),
            warehouse=self.warehouse,
            selection=assets,
            raise_on_error=False,
            broker=alpaca(self.server, self.warehouse),
            settings=self.house,
            origin=self.origin,
            halt_switch=self.switch,
            plan_key=self.plan_key,
            clock=ServerClock(self.server),
            market_data=ScriptedMarketData(quiet_bars(self.house.symbols, RANGE)),
        )

    def next_day(self) -> dg.ExecuteInProcessResult:
        """The next session is traded, and it is its evening, and everything of it is run."""
        self.place += 1
        self.server.ledger.play(DAYS[self.place], self.quotes(self.place))
        return self.run()

    def say(self, *said: Instruction) -> None:
        from portfolio_pipeline.adapters.said import note

        with self.warehouse.transaction() as tx:
            note(tx, self.plan_key, said)

    def held(self, book: str = "account") -> dict[str, float]:
        rows = self.table("positions", session=DAYS[self.place], book=book)
        return dict(zip(rows["symbol"], rows["quantity"], strict=True))

    def ordered(self, symbol: str) -> list[Taken]:
        """The orders of ours that the broker has or had, in the order it took them."""
        return [one for one in self.server.ledger.orders.values() if one.symbol == symbol]

    def ties(self) -> None:
        """Every share and cent is the ledger's."""
        ledger = self.server.ledger
        held = {symbol: Decimal(repr(quantity)) for symbol, quantity in self.held().items()}
        assert held == ledger.shares()
        [cash] = self.table("account", session=DAYS[self.place], book="account")["cash"]
        assert round(cash * 100) == round(ledger.cash * 100)
