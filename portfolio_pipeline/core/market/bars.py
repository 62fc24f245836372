"""One session's bars as light objects, for what walks through sessions one after the other: books, fills, plans.

Array computations use `panel.PricePanel` instead. A symbol without a bar is not in the mapping.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

import pyarrow as pa

from portfolio_pipeline.core.calendar.sessions import next_session


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


class Asset(NamedTuple):
    """What a broker says may be done with a symbol."""

    symbol: str
    tradable: bool = True
    fractionable: bool = True
    shortable: bool = True


class SessionBars(dict[str, Bar]):
    """The bars of a session, the actions of symbols that have none, what cash has earned when it opens, and what the
    broker says of symbols at its close.
    """

    def __init__(self, bars: Mapping[str, Bar] = MappingProxyType({})) -> None:
        super().__init__(bars)
        self.actions: dict[str, Action] = {}
        self.cash_return = 0.0
        self.assets: dict[str, Asset] = {}


Bars = Mapping[str, Bar]
BAR_COLUMNS = ("session", "symbol", *Bar._fields)
ACTION_COLUMNS = ("session", "symbol", *Action._fields)
CASH_COLUMNS = ("session", "cash_return")
NO_BARS: Bars = {}


def action(bars: Bars, symbol: str) -> Bar | Action | None:
    """What has the symbol's split and dividend of the session: its bar, or an action without one."""
    return bars.get(symbol) or (bars.actions.get(symbol) if isinstance(bars, SessionBars) else None)


ANYTHING = Asset("")
"""What may be done with a symbol of which nothing is said."""


def asset(bars: Bars, symbol: str) -> Asset:
    return bars.assets.get(symbol, ANYTHING) if isinstance(bars, SessionBars) else ANYTHING


def cash_return(bars: Bars) -> float:
    """What 1 of cash has earned since the close before."""
    return bars.cash_return if isinstance(bars, SessionBars) else 0.0


def without_payments(bars: Bars) -> SessionBars:
    """The bars where somebody else books dividends and interest; splits are still to be done."""
    kept = SessionBars({symbol: bar._replace(dividend=0.0) for symbol, bar in bars.items()})
    if isinstance(bars, SessionBars):
        kept.actions = {symbol: acted._replace(dividend=0.0) for symbol, acted in bars.actions.items()}
    return kept


def without_actions(bars: Bars) -> SessionBars:
    """The bars for who opens at this close: interest, dividends and splits of the session are none of theirs."""
    return SessionBars({symbol: bar._replace(dividend=0.0, split_ratio=1.0) for symbol, bar in bars.items()})


def pay_cash(bars: dict[date, SessionBars], cash_returns: pa.Table) -> None:
    """Rows of the table cash_returns, put to the bars of the sessions that are opened with what cash earned."""
    for session, earned in zip(*(cash_returns[name].to_pylist() for name in CASH_COLUMNS), strict=True):
        bars.setdefault(next_session(session), SessionBars()).cash_return = earned


def bars_by_session(prices: pa.Table, actions: pa.Table | None = None) -> dict[date, SessionBars]:
    """The rows of the tables prices and corporate_actions by session and symbol.

    A volume that is missing counts as not known. Actions of symbols with a bar stand on it.
    """
    columns = {name: prices.column(name).to_pylist() for name in BAR_COLUMNS[1:]}
    sessions = prices.column("session").to_numpy().tolist()  # days one by one take Arrow as long as all else here
    columns["volume"] = [0.0 if v is None or math.isnan(v) else v for v in columns["volume"]]
    by_session: defaultdict[date, SessionBars] = defaultdict(SessionBars)
    bars = map(Bar._make, zip(*(columns[name] for name in Bar._fields), strict=True))
    for session, symbol, bar in zip(sessions, columns["symbol"], bars, strict=True):
        by_session[session][symbol] = bar
    for row in actions.to_pylist() if actions is not None else ():
        here = by_session[row["session"]]
        if row["symbol"] not in here:
            here.actions[row["symbol"]] = Action(row["dividend"], row["split_ratio"])
    return dict(by_session)
