"""What stands in the place of a broker that this version cannot reach: it refuses whatever is asked, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NoReturn

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import BrokerError
from portfolio_pipeline.core.execution.tickets import Order
from portfolio_pipeline.ports import TradingMode


class UnavailableBroker:
    """Lets the definitions load and everything up to orders be looked at; no account is ever reached."""

    def __init__(self, mode: TradingMode) -> None:
        self.mode = mode

    def account(self, session: date) -> NoReturn:
        self._refuse()

    def submit(self, sessions: SessionRange, orders: Sequence[Order]) -> NoReturn:
        self._refuse()

    def reports(self, sessions: SessionRange) -> NoReturn:
        self._refuse()

    def fills(self, sessions: SessionRange) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise BrokerError(
            "TRADING_MODE_NOT_AVAILABLE",
            found=self.mode,
            expected="SIMULATED",
            remedy="Paper and live trading come with a later version: unset TRADING_MODE or set it to SIMULATED.",
        )
