"""One session's bars as light objects, for what walks through sessions one after the other: books, fills, plans.

Array computations use `panel.PricePanel` instead. A symbol without a bar is not in the mapping.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import pyarrow as pa


class Bar(NamedTuple):
    """A raw bar with the corporate actions of its session."""

    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0  # 0 when it is not known
    dividend: float = 0.0
    split_ratio: float = 1.0


Bars = Mapping[str, Bar]
BAR_COLUMNS = ("session", "symbol", *Bar._fields)
NO_BARS: Bars = {}


def bars_by_session(prices: pa.Table) -> dict[date, dict[str, Bar]]:
    """The rows of the prices table by session and symbol. A volume that is missing counts as not known."""
    columns = {name: prices.column(name).to_pylist() for name in BAR_COLUMNS}
    columns["volume"] = [0.0 if v is None or math.isnan(v) else v for v in columns["volume"]]
    by_session: dict[date, dict[str, Bar]] = {}
    bars = map(Bar._make, zip(*(columns[name] for name in Bar._fields), strict=True))
    for session, symbol, bar in zip(columns["session"], columns["symbol"], bars, strict=True):
        by_session.setdefault(session, {})[symbol] = bar
    return by_session
