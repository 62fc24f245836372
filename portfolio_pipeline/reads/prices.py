"""Stored prices as a panel, for assets that look at the whole history.

Whatever range an asset is asked for, it gets the history from the first stored session on, so that running sums start
at the same place and every value has the same bits. Computing with it is the core's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from portfolio_pipeline.core.calendar.sessions import FIRST_SESSION, SessionRange, as_days, sessions_between
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader

_COLUMNS = ("session", "symbol", "open", "high", "low", "close", "volume", "dividend", "split_ratio")


def price_history(reader: Reader, symbols: Sequence[str], last: date) -> PricePanel:
    """Bars of the symbols from the first stored session to `last`; refused when a session in between is not stored."""
    stored = reader.sessions("prices", SessionRange(FIRST_SESSION, last))
    if not stored or stored[-1] != last:
        raise DataError(
            "PRICES_MISSING",
            found=stored[-1] if stored else "none",
            expected=last,
            remedy="Materialise prices for these sessions first: portfolio backfill.",
        )
    sessions = sessions_between(stored[0], last)
    if stored != sessions:
        missing = sorted(set(sessions) - set(stored))
        raise DataError(
            "PRICES_INCOMPLETE",
            missing_sessions=len(missing),
            first_missing=missing[0],
            remedy=f"Run portfolio backfill --from {missing[0]} --to {missing[-1]}.",
        )
    rows = reader.read("prices", SessionRange(stored[0], last), columns=_COLUMNS, where={"symbol": list(symbols)})
    return PricePanel.from_prices(frame(rows), as_days(sessions), tuple(symbols))
