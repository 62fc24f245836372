"""Market data that says what a test makes it say, and that a test may make say something else later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.tables import PRICES


class ScriptedMarketData:
    """Hands over the rows of `frame`, which has the columns of prices and may be changed at any time."""

    def __init__(self, frame: pd.DataFrame, source: str = "SCRIPTED") -> None:
        days = pd.to_datetime(frame["session"]).to_numpy().astype("datetime64[s]")
        self.frame = frame.assign(session=days, source=source)[list(PRICES.column_names)].reset_index(drop=True)
        self.source = source

    def bars(self, symbols: Sequence[str], sessions: SessionRange) -> pd.DataFrame:
        """Every row dated within the sessions or on the closed days before them, whatever its symbol."""
        before = previous_session(sessions.first) or sessions.first - timedelta(days=1)
        day = self.frame["session"].to_numpy()
        inside = (day > np.datetime64(before)) & (day <= np.datetime64(sessions.last))
        return self.frame[inside].reset_index(drop=True)

    def restate(self, session: date, symbol: str, **values: float) -> None:
        """From now on the bar has these values."""
        row = self._rows(session, symbol)
        assert row.any(), f"no bar of {symbol} on {session}"
        for name, value in values.items():
            self.frame.loc[row, name] = value

    def drop(self, session: date, symbol: str | None = None) -> None:
        """From now on there is no such bar; without a symbol, none of that session."""
        self.frame = self.frame[~self._rows(session, symbol)].reset_index(drop=True)

    def add(self, rows: pd.DataFrame) -> None:
        """From now on there are these rows, too."""
        added = ScriptedMarketData(rows, self.source).frame
        self.frame = pd.concat([self.frame, added], ignore_index=True)

    def scale_after(self, session: date, factor: float) -> None:
        """Change the future: all prices after `session` are `factor` times what they were."""
        later = self.frame["session"].to_numpy() > np.datetime64(session)
        for name in ("open", "high", "low", "close", "dividend"):
            self.frame.loc[later, name] = self.frame.loc[later, name] * factor

    def _rows(self, session: date, symbol: str | None) -> pd.Series:
        there = self.frame["session"] == np.datetime64(session, "s")
        return there if symbol is None else there & (self.frame["symbol"] == symbol)


def quiet_bars(symbols: Sequence[str], sessions: SessionRange, price: float = 100.0) -> pd.DataFrame:
    """Healthy bars that creep up by a thousandth a session: rows of prices for tests that need nothing particular."""
    rows = [
        {
            "session": session,
            "symbol": symbol,
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": 1_000_000.0 + place,
            "dividend": 0.0,
            "split_ratio": 1.0,
            "source": "SCRIPTED",
            "retrieved_at": pd.Timestamp(session) + pd.Timedelta(hours=21),
        }
        for place, session in enumerate(sessions)
        for offset, symbol in enumerate(symbols)
        for close in [(price + offset) * 1.001**place]
    ]
    return pd.DataFrame(rows, columns=list(PRICES.column_names)).astype({"retrieved_at": "datetime64[us]"})
