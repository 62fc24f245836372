"""Stored prices as a panel, for what looks at raw bars over the whole history. Computing with it is the core's work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from portfolio_pipeline.core.calendar.sessions import as_days
from portfolio_pipeline.core.market.bars import ACTION_COLUMNS
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.history import unbroken_history

_COLUMNS = ("session", "symbol", "open", "high", "low", "close", "volume", "dividend", "split_ratio")


def price_history(reader: Reader, symbols: Sequence[str], last: date) -> PricePanel:
    """Bars of the symbols from the first stored session to `last`; refused when a session in between is not stored."""
    sessions = unbroken_history(reader, "prices", last)
    rows = reader.read("prices", sessions, columns=_COLUMNS, where={"symbol": list(symbols)})
    actions = reader.read("corporate_actions", sessions, columns=ACTION_COLUMNS, where={"symbol": list(symbols)})
    return PricePanel.from_prices(frame(rows), as_days(tuple(sessions)), tuple(symbols), frame(actions))


def stored_symbols(reader: Reader, last: date) -> tuple[str, ...]:
    """Every symbol that has a bar up to `last`, also those that have left the universe."""
    found = reader.query("select distinct symbol from prices where session <= $1 order by symbol", [last])
    return tuple(found["symbol"].to_pylist())
