"""A home whose prices come from Alpaca: the server that tells them knows the made-up market, and its own time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline_tests.cli.paper_house import PaperHouse
from portfolio_pipeline_tests.fakes.alpaca.data_server import AlpacaDataServer
from portfolio_pipeline_tests.fakes.alpaca.market_hours import opening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

Servers = tuple[AlpacaServer, AlpacaDataServer]


class VendorHouse(PaperHouse):
    def __init__(self, home: Path, servers: Servers, session: date, **variables: str) -> None:
        server, self.data = servers
        super().__init__(home, server, session)
        self.environment |= {"MARKET_DATA": "alpaca", **self.data.environment, **variables}

    def set_clock(self, moment: datetime) -> None:
        super().set_clock(moment)
        self.data.clock.set(moment, running=True)

    def opens(self, session: date, after: timedelta) -> None:
        """The market has opened so long ago, and what was sent is executed. Everything is quoted where it opened."""
        self.server.ledger.open_session(session, self.quotes(session))
        self.set_clock(opening(session) + after)
        for symbol, price in self.server.ledger.prices.items():
            self.data.vendor.quote(symbol, float(price) - 0.01, float(price) + 0.01)

    @property
    def known(self) -> SessionRange:
        """What the vendor knows of: years up to now, and some sessions to come."""
        return SessionRange(date(2023, 3, 1), date(2026, 3, 31))

    def asked_for_bars(self) -> list[tuple[date, date]]:
        """First and last day of every question for bars that was answered."""
        return [
            (date.fromisoformat(query["start"][:10]), date.fromisoformat(query["end"][:10]))
            for path, query in self.data.asked
            if path == "/v2/stocks/bars"
        ]


def know(house: VendorHouse) -> None:
    """The vendor learns what happens in the house's market, before and after."""
    house.data.vendor.know(house.market.bars(house.settings.symbols, house.known))
