"""The adapter at the server that stands in for Alpaca: its clock is the server's, and it hardly waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.alpaca.client import Patience
from portfolio_pipeline.adapters.broker.alpaca.broker import AlpacaBroker
from portfolio_pipeline.ports import TradingMode, Warehouse
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

HASTY = Patience(connect=2.0, answer=0.5, questions=(0.01, 0.01), lookups=(0.01, 0.01, 0.01))


class ServerClock:
    """The time as the server has it, or so much later."""

    def __init__(self, server: AlpacaServer, seconds: float = 0.0) -> None:
        self._server, self._ahead = server, timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._server.clock.now() + self._ahead


def alpaca(
    server: AlpacaServer,
    warehouse: Warehouse,
    *,
    mode: TradingMode = "PAPER",
    live_account: str = "",
    patience: Patience = HASTY,
    ahead: float = 0.0,
) -> AlpacaBroker:
    access = AlpacaAccess(server.key, server.secret, server.url, live_account)
    return AlpacaBroker(mode, access, warehouse, ServerClock(server, ahead), patience)
