"""What cash earned in each of some sessions, as it is stored: paid before the open, on what was there at the close."""

from __future__ import annotations

import numpy as np

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.market.bars import CASH_COLUMNS
from portfolio_pipeline.core.tables import CASH_RETURNS
from portfolio_pipeline.ports import Reader


def cash_earned(reader: Reader, sessions: Array) -> Array:
    """One figure a session (datetime64[D], ascending, none left out); 0 where nothing is stored of the one before."""
    earned = np.zeros(len(sessions))
    first = previous_session(sessions[0].item())
    before = np.concatenate([[np.datetime64(first, "D")], sessions[:-1]])  # NaT before the very first
    rows = reader.read(
        CASH_RETURNS.name, SessionRange(first or sessions[0].item(), sessions[-1].item()), columns=CASH_COLUMNS
    )
    stored = dict(zip(*(rows[name].to_pylist() for name in CASH_COLUMNS), strict=True))
    for place, day in enumerate(before.tolist()):
        earned[place] = stored.get(day, 0.0)
    return earned
