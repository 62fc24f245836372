"""Stored features as a panel: the adjusted prices that strategies, their paper books and the regimes compute on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import pyarrow as pa

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.panel import TotalReturnPanel
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.reads.history import unbroken_history

_COLUMNS = ("session", "symbol", "adjusted_open", "adjusted_close")


class _Known(NamedTuple):
    """A panel, and what it was made of."""

    rows: pa.Table
    sessions: SessionRange
    symbols: tuple[str, ...]
    panel: TotalReturnPanel


_newest: list[_Known] = []
"""One at most: strategies come one after the other, and most have the symbols of the one before."""


def feature_history(reader: Reader, symbols: Sequence[str], last: date) -> TotalReturnPanel:
    """Adjusted prices of the symbols from the first stored session to `last`.

    Refused when a session in between is not stored, or was stored by a version that knew no adjusted opens.
    """
    sessions = unbroken_history(reader, "features", last)
    rows = reader.read("features", sessions, columns=_COLUMNS, where={"symbol": list(symbols)})
    for known in _newest:
        if known.sessions == sessions and known.symbols == tuple(symbols) and known.rows.equals(rows):
            return known.panel
    panel = _panel(rows, sessions, tuple(symbols))
    _newest[:] = [_Known(rows, sessions, tuple(symbols), panel)]
    return panel


def _panel(read: pa.Table, sessions: SessionRange, symbols: tuple[str, ...]) -> TotalReturnPanel:
    rows = frame(read)
    outdated = rows.loc[rows["adjusted_open"].isna(), "session"]
    if len(outdated):
        raise DataError(
            "FEATURES_OUTDATED",
            found="rows without adjusted_open",
            first_session=outdated.min().date(),
            remedy=f"Run portfolio run --session {sessions.last} --only features: it makes the sessions before it"
            " again, too.",
        )
    return TotalReturnPanel.from_features(rows, as_days(tuple(sessions)), symbols)


def stored_adjusted_prices(reader: Reader, symbols: Sequence[str], sessions: Array) -> TotalReturnPanel:
    """What is stored of these sessions, NaN where there is nothing."""
    through = SessionRange(sessions[0].item(), sessions[-1].item())
    rows = frame(reader.read("features", through, columns=_COLUMNS))
    return TotalReturnPanel.from_features(rows, sessions, tuple(symbols))
