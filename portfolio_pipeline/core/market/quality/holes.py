"""Sessions that nobody has bars for: whether one is such a hole, and when it is none any more.

How bars of a hole are judged that come later belongs to `bar_sequence`: they are late.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.quality.bar_sequence import StoredBars, days_of
from portfolio_pipeline.core.market.quality.judge import Judgement


def hole_found(sessions: SessionRange, stored: StoredBars, judged: Callable[[StoredBars], Judgement]) -> str:
    """What the source has of a session that is to be gone on with without prices; refused where it has prices."""
    if len(sessions) != 1:
        raise DataError(
            "HOLE_OF_SEVERAL_SESSIONS",
            found=sessions,
            expected="one session without prices",
            remedy="Run each session by itself: portfolio run --session D --without-prices.",
        )
    if not stored.first_sessions or min(stored.first_sessions.values()) >= sessions.first:
        raise DataError(
            "HOLE_BEFORE_ALL_PRICES",
            found=sessions.first,
            expected="a session after the first one with prices",
            remedy="Without an earlier close nothing can be carried: begin with a session that has prices.",
        )
    here = days_of(stored.prices) == np.datetime64(sessions.first, "D")
    if here.any():
        raise _has_prices(sessions, f"{int(here.sum())} stored bars")
    if sessions.first in stored.holes:
        return "no bars, as before"
    try:
        bars = len(judged(stored).prices)
    except DataError as refusal:
        if refusal.reason != "SESSION_MISSING":
            raise
        return str(refusal.figures["found"])
    raise _has_prices(sessions, f"{bars} bars that the source delivers")


def still_holes(holes: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """Those that have no prices; bars that were accepted later end a hole."""
    return holes[~holes["session"].isin(prices["session"])]


def _has_prices(sessions: SessionRange, found: str) -> DataError:
    return DataError(
        "SESSION_HAS_PRICES",
        session=sessions.first,
        found=found,
        expected="a session that nobody has bars for",
        remedy=f"Run it as any other: portfolio run --session {sessions.first}.",
    )
