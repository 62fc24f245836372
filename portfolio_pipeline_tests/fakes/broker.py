"""A broker that remembers only what it was sent, and works everything else out anew whenever it is asked.

Slow, without a database and without state that could be stale: what the simulated broker has to agree with.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import pandas as pd
import pyarrow as pa

from portfolio_pipeline.core.books.book import Book, to_cents, to_currency, to_shares, to_units
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session, session_close, sessions_between
from portfolio_pipeline.core.execution.fill_model import MarketOrder, Outcome, play_session, session_open
from portfolio_pipeline.core.market.bars import bars_by_session
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import FILLS, SUBMISSIONS
from portfolio_pipeline.ports import AccountSnapshot, Holding


class FakeBroker:
    mode: Literal["SIMULATED"] = "SIMULATED"

    def __init__(self, settings: Settings, prices: pd.DataFrame) -> None:
        self._settings = settings
        self._bars = bars_by_session(pa.Table.from_pandas(prices, preserve_index=False))
        self._opened: date | None = None
        self._played: date | None = None
        self._sent: dict[date, dict[str, MarketOrder]] = {}
        self.calls: list[tuple[str, SessionRange]] = []

    def account(self, session: date) -> AccountSnapshot:
        self._reach(session)
        book, _ = self._replay(session)
        held = {
            symbol: Holding(to_shares(p.quantity), p.price, p.sessions_without_bar)
            for symbol, p in book.positions.items()
        }
        return AccountSnapshot(session, to_currency(book.cash), held)

    def submit(self, sessions: SessionRange, orders: pd.DataFrame) -> pd.DataFrame:
        self.calls.append(("submit", sessions))
        if self._opened is not None and sessions.first < self._opened:
            self._opened, self._played, self._sent = None, None, {}
        self._reach(sessions.first)
        new: dict[date, dict[str, MarketOrder]] = {session: {} for session in sessions}
        for row in orders.to_dict("records"):
            units = to_units(row["quantity"]) * (1 if row["side"] == "buy" else -1)
            limit = float(row["limit_price"]) if row["order_type"] == "limit" else None
            day = pd.Timestamp(row["session"]).date()
            new[day][row["client_order_id"]] = MarketOrder(row["client_order_id"], row["symbol"], units, limit)
        for session in sessions:
            if session <= self._latest and new[session] != self._sent.get(session, {}):
                self._sent = {day: sent for day, sent in self._sent.items() if day < session}
                self._played = session
                break
        self._sent |= new
        self._reach(sessions.last)
        return self.submissions(sessions)

    def submissions(self, sessions: SessionRange) -> pd.DataFrame:
        _, outcomes = self._replay(self._played) if self._played else (None, [])
        done = {outcome.order.client_order_id: (session, outcome) for session, outcome in outcomes}
        rows = []
        for session in sessions_between(sessions.first, sessions.last):
            for name, order in sorted(self._sent.get(session, {}).items()):
                row = [session, name, "accepted", f"SIM-{name}", 0.0, _close(session), None]
                if self._unknown(order.symbol):
                    row[2], row[6] = "refused", f"UNKNOWN_SYMBOL: found={order.symbol}"
                elif name in done:
                    played, outcome = done[name]
                    row[2], row[4] = outcome.state, to_shares(abs(outcome.quantity))
                    row[5] = session_open(played) if outcome.state == "filled" else _close(played)
                    row[6] = outcome.note
                rows.append(row)
        frame = pd.DataFrame(rows, columns=list(SUBMISSIONS.column_names))
        return frame.astype({"session": "datetime64[s]"})

    def fills(self, sessions: SessionRange) -> pd.DataFrame:
        if self._opened is not None:
            self._reach(sessions.last)
        _, outcomes = self._replay(self._played) if self._played else (None, [])
        rows = [
            (
                *(session, f"{o.order.client_order_id}/1", o.order.client_order_id, o.order.symbol),
                *("buy" if o.quantity > 0 else "sell", to_shares(abs(o.quantity)), o.price),
                *(to_currency(o.commission), session_open(session)),
            )
            for session, o in outcomes
            if o.quantity and sessions.first <= session <= sessions.last
        ]
        frame = pd.DataFrame(sorted(rows), columns=list(FILLS.column_names))
        return frame.astype({"session": "datetime64[s]"})

    @property
    def _latest(self) -> date:
        assert self._played is not None
        return self._played

    def _reach(self, session: date) -> None:
        self._opened = self._opened or session
        self._played = max(self._played or session, session)

    def _unknown(self, symbol: str) -> bool:
        return symbol not in self._settings.symbols and not any(symbol in bars for bars in self._bars.values())

    def _replay(self, until: date) -> tuple[Book, list[tuple[date, Outcome]]]:
        """The whole life of the account up to a close."""
        book = Book(to_cents(self._settings.simulated_broker.initial_cash))
        outcomes: list[tuple[date, Outcome]] = []
        assert self._opened is not None
        for session in sessions_between(self._opened, until)[1:]:
            before = previous_session(session)
            orders = [o for o in self._sent.get(before, {}).values() if not self._unknown(o.symbol)] if before else []
            market = self._settings.simulated_broker
            played = play_session(book, orders, self._bars[session], self._settings.costs, market)
            outcomes += [(session, outcome) for outcome in played]
        return book, outcomes


def _close(session: date) -> datetime:
    return session_close(session).replace(tzinfo=None)
