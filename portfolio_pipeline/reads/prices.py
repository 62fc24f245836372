"""Stored prices as a panel, for assets that look at the whole history.

Whatever range an asset is asked for, it gets the history from the first stored session on, so that running sums start
at the same place and every value has the same bits. Computing with it is the core's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days, sessions_between
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader

_COLUMNS = ("session", "symbol", "open", "high", "low", "close", "volume", "dividend", "split_ratio")


def price_history(reader: Reader, symbols: Sequence[str], last: date) -> PricePanel:
    """Bars of the symbols from the first stored session to `last`; refused when a session in between is not stored."""
    stored = reader.query(
        "select min(session) as first, max(session) as last, count(distinct session) as sessions"
        " from prices where session <= $1",
        [last],
    ).to_pylist()[0]
    if stored["first"] is None or stored["last"] != last:
        raise DataError(
            "PRICES_MISSING",
            found=stored["last"] or "none",
            expected=last,
            remedy="Materialise prices for these sessions first: portfolio backfill.",
        )
    sessions = sessions_between(stored["first"], last)
    if stored["sessions"] != len(sessions):
        there = set(
            reader.query("select distinct session from prices where session <= $1", [last])["session"].to_pylist()
        )
        missing = [session for session in sessions if session not in there]
        raise DataError(
            "PRICES_INCOMPLETE",
            missing_sessions=len(missing),
            first_missing=missing[0],
            remedy=f"Run portfolio backfill --from {missing[0]} --to {missing[-1]}.",
        )
    rows = reader.read("prices", SessionRange(stored["first"], last), columns=_COLUMNS, where={"symbol": list(symbols)})
    return PricePanel.from_prices(frame(rows), as_days(sessions), tuple(symbols))
