"""One session's bars as light objects, for what walks through sessions one after the other: books, fills, plans.

Array computations use `panel.PricePanel` instead. A symbol without a bar is not in the mapping.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
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


class Action(NamedTuple):
    """A split or dividend of a symbol that has no bar in the session; holders get it all the same."""

    dividend: float
    split_ratio: float


class SessionBars(dict[str, Bar]):
    """The bars of a session, and the actions of symbols that have none."""

    def __init__(self, bars: Mapping[str, Bar] = MappingProxyType({})) -> None:
        super().__init__(bars)
        self.actions: dict[str, Action] = {}


Bars = Mapping[str, Bar]
BAR_COLUMNS = ("session", "symbol", *Bar._fields)
ACTION_COLUMNS = ("session", "symbol", *Action._fields)
NO_BARS: Bars = {}


def action(bars: Bars, symbol: str) -> Bar | Action | None:
    """What has the symbol's split and dividend of the session: its bar, or an action without one."""
    return bars.get(symbol) or (bars.actions.get(symbol) if isinstance(bars, SessionBars) else None)


def bars_by_session(prices: pa.Table, actions: pa.Table | None = None) -> dict[date, SessionBars]:
    """The rows of the tables prices and corporate_actions by session and symbol.

    A volume that is missing counts as not known. Actions of symbols with a bar stand on it.
    """
    columns = {name: prices.column(name).to_pylist() for name in BAR_COLUMNS}
    columns["volume"] = [0.0 if v is None or math.isnan(v) else v for v in columns["volume"]]
    by_session: dict[date, SessionBars] = {}
    bars = map(Bar._make, zip(*(columns[name] for name in Bar._fields), strict=True))
    for session, symbol, bar in zip(columns["session"], columns["symbol"], bars, strict=True):
        by_session.setdefault(session, SessionBars())[symbol] = bar
    for row in actions.to_pylist() if actions is not None else ():
        here = by_session.setdefault(row["session"], SessionBars())
        if row["symbol"] not in here:
            here.actions[row["symbol"]] = Action(row["dividend"], row["split_ratio"])
    return by_session
