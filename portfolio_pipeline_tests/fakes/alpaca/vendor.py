"""What a vendor of Alpaca's kind knows: bars, corporate actions and quotes; and what it tells of them at a moment.

Rows of prices go in. The bar of a session that is open is still forming, one that has just closed is not yet final, and
a late one is not there before its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pandas as pd

from portfolio_pipeline.core.calendar.sessions import NEW_YORK, session_close
from portfolio_pipeline_tests.fakes.alpaca.market_hours import MarketClock, opening

SETTLES_AFTER = timedelta(minutes=15)
PAID_AFTER = timedelta(days=20)


@dataclass
class Vendor:
    clock: MarketClock
    bars: dict[str, dict[date, dict[str, float]]] = field(default_factory=dict)
    """By symbol and session: open, high, low, close, volume."""
    actions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By kind, in the words of the API."""
    quotes: dict[str, dict[str, Any]] = field(default_factory=dict)
    late: dict[tuple[str, date], datetime] = field(default_factory=dict)
    """From when on a bar is there."""
    malformed: frozenset[str] = frozenset()
    """Symbols that are refused as none."""
    pays_for_sip: bool = False

    def know(self, rows: pd.DataFrame) -> None:
        """Take over rows of prices: raw bars, and their actions as announcements of their own."""
        for row in rows.to_dict("records"):
            session, symbol = pd.Timestamp(row["session"]).date(), str(row["symbol"])
            self.bars.setdefault(symbol, {})[session] = {
                name: float(row[name]) for name in ("open", "high", "low", "close", "volume")
            }
            if row["dividend"]:
                self.pay(symbol, session, float(row["dividend"]))
            if row["split_ratio"] != 1:
                self.split(symbol, session, float(row["split_ratio"]))

    def pay(self, symbol: str, session: date, rate: float, **more: object) -> None:
        paid = session + PAID_AFTER
        told: dict[str, object] = {"symbol": symbol, "rate": rate, "special": False, "foreign": False, **more}
        self._note("cash_dividends", session, paid, **told)

    def split(self, symbol: str, session: date, ratio: float) -> None:
        kind = "forward_splits" if ratio > 1 else "reverse_splits"
        old, new = (1.0, ratio) if ratio > 1 else (1 / ratio, 1.0)
        self._note(kind, session, session, symbol=symbol, old_rate=old, new_rate=new)

    def quote(self, symbol: str, bid: float, ask: float, at: datetime | None = None) -> None:
        given = at or self.clock.now()
        moment = f"{given.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"
        self.quotes[symbol] = {
            **{"ap": ask, "as": 1, "ax": "V", "bp": bid, "bs": 1, "bx": "V", "c": ["R"]},
            **{"t": moment, "z": "B"},
        }

    def note(self, kind: str, session: date, **what: object) -> None:
        """Anything else that can happen to a symbol."""
        self._note(kind, session, session, **what)

    def _note(self, kind: str, ex_date: date, process_date: date, **what: object) -> None:
        rows = self.actions.setdefault(kind, [])
        told = {"id": f"{kind}-{len(rows)}", "ex_date": f"{ex_date}", "process_date": f"{process_date}"}
        rows.append({**told, **what})

    def told_bars(self, symbols: Iterable[str], first: datetime, last: datetime) -> list[tuple[str, dict[str, Any]]]:
        """Symbol by symbol, oldest first, as they are known now."""
        now = self.clock.now()
        return [
            (symbol, _bar(session, self._as_known(bar, session, now)))
            for symbol in sorted(symbols)
            for session, bar in sorted(self.bars.get(symbol, {}).items())
            if first <= _midnight(session) <= last
            and opening(session) <= now
            and self.late.get((symbol, session), now) <= now
        ]

    def told_actions(
        self, symbols: Iterable[str], kinds: Iterable[str], first: date, last: date
    ) -> list[tuple[str, dict[str, Any]]]:
        """Kind and row, by the day they are processed."""
        wanted, chosen = set(symbols), set(kinds)
        found = [
            (kind, row)
            for kind, rows in self.actions.items()
            for row in rows
            if first <= date.fromisoformat(row["process_date"]) <= last
            and (not chosen or kind.removesuffix("s") in chosen)
            and (not wanted or wanted & {value for name, value in row.items() if name.endswith("symbol")})
        ]
        return sorted(found, key=lambda one: (one[1]["process_date"], one[1]["id"]))

    @staticmethod
    def _as_known(bar: Mapping[str, float], session: date, now: datetime) -> Mapping[str, float]:
        close = session_close(session)
        if now < close:
            last = (bar["high"] + bar["low"]) / 2
            return {**bar, "close": last, "volume": bar["volume"] // 2}
        if now < close + SETTLES_AFTER:
            return {**bar, "volume": bar["volume"] - 1}
        return bar


def _midnight(session: date) -> datetime:
    return datetime.combine(session, time(), NEW_YORK).astimezone(UTC)


def _bar(session: date, bar: Mapping[str, float]) -> dict[str, Any]:
    volume = int(bar["volume"])
    average = round((bar["high"] + bar["low"] + bar["close"]) / 3, 6)
    return {
        "c": bar["close"],
        "h": bar["high"],
        "l": bar["low"],
        "n": max(volume // 100, 1),
        "o": bar["open"],
        "t": f"{_midnight(session):%Y-%m-%dT%H:%M:%SZ}",
        "v": volume,
        "vw": average,
    }
