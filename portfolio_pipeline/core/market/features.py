"""The rows of the table `features`: the stored families over the panel of all symbols, and which stored rows are stale.

Not here: how a feature is computed (`core.features.families`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, long
from portfolio_pipeline.core.features.families import CARRIED_CLOSE, STORED_FEATURES
from portfolio_pipeline.core.market.indicators import Inputs
from portfolio_pipeline.core.market.panel import AdjustedPrices, TotalReturnPanel

# A window of returns reaches one session further back than a window of closes.
LOOK_BACK_SESSIONS = max(stored.window for stored in STORED_FEATURES) + 1


def feature_rows(panel: AdjustedPrices, start: int) -> pd.DataFrame:
    """The rows from the session at `start` on: one for each symbol with a bar. The panel starts at the first session.

    Windows are looked at only as far back as they reach: the bits do not depend on where a range starts or ends.
    """
    begin = max(start - LOOK_BACK_SESSIONS, 0)
    carried = CARRIED_CLOSE.compute(panel.adjusted_close)
    inputs = Inputs(
        TotalReturnPanel(panel.sessions[begin:], panel.symbols, panel.adjusted_open[begin:], carried[begin:])
    )
    columns = {
        stored.name: (inputs.feature(stored.family, stored.window) * stored.family.stored_factor)[start - begin :]
        for stored in STORED_FEATURES
    }
    rows = long(panel.sessions[start:], panel.symbols, by="symbol", **columns)
    return rows[panel.traded[start:].ravel()].reset_index(drop=True)


def first_stale(panel: AdjustedPrices, stored: TotalReturnPanel) -> int:
    """The first of the stored sessions whose adjusted prices are not those of the panel, to the bit; or how many.

    `stored` holds the first sessions of the panel, NaN where a row or a figure is missing. Whatever the cause, a bar
    that was restated, a session that was left out, a column of a newer version: every row from there on may be wrong.
    """
    count = len(stored.sessions)
    same = _same(panel.adjusted_close[:count], stored.adjusted_close)
    same &= _same(panel.adjusted_open[:count], stored.adjusted_open)
    wrong = np.flatnonzero(~same)
    return int(wrong[0]) if len(wrong) else count


def _same(left: Array, right: Array) -> Array:
    same: Array = ((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=1)
    return same
