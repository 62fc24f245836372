"""What stands in the place of a broker that this version cannot reach: it refuses whatever is asked, in plain words."""

from __future__ import annotations

from datetime import date
from typing import Literal, NoReturn

import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import BrokerError


class UnavailableBroker:
    """Lets the definitions load and everything up to orders be looked at; no account is ever reached."""

    def __init__(self, mode: Literal["PAPER", "LIVE"]) -> None:
        self.mode: Literal["PAPER", "LIVE"] = mode

    def account(self, session: date) -> NoReturn:
        self._refuse()

    def submit(self, sessions: SessionRange, orders: pd.DataFrame) -> NoReturn:
        self._refuse()

    def submissions(self, sessions: SessionRange) -> NoReturn:
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
