"""Corporate actions in the words of the house: cash per share and new shares per old one, by session and symbol.

What else can happen to a symbol (a spin-off, a merger, another name, its end) cannot be said by these two numbers, nor
followed by the books: it is told to the person, with what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange, is_session, next_session
from portfolio_pipeline.core.errors import DataError

ACTION = ("dividend", "split_ratio")
_SPLITS = ("forward_splits", "reverse_splits")
_DAYS = ("ex_date", "effective_date", "process_date")
_AFTERWARDS: Mapping[str, str] = {
    "name_changes": "Name the new symbol in the universe; Alpaca has the history under it.",
    "spin_offs": "Prices fall by what was spun off, as if it were a loss: look at the symbol before it is traded on.",
    "worthless_removals": "Take the symbol out of the universe.",
}
_LOOK = "Look at the symbol: what holders got for it is not in its prices."


@dataclass
class Actions:
    """What is in force at which session, and what could not be said so."""

    rows: dict[tuple[date, str], tuple[float, float]] = field(default_factory=dict)
    """Dividend and split ratio by session and symbol."""
    notes: list[DataError] = field(default_factory=list)

    def frame(self) -> pd.DataFrame:
        """Indexed by session and symbol."""
        days = pd.to_datetime([session for session, _ in self.rows]).astype("datetime64[s]")
        symbols = pd.Index([symbol for _, symbol in self.rows], dtype=object)
        index = pd.MultiIndex.from_arrays([days, symbols], names=["session", "symbol"])
        return pd.DataFrame(list(self.rows.values()), index=index, columns=list(ACTION), dtype="float64")


def actions_of(
    told: Iterable[tuple[str, Mapping[str, Any]]], symbols: Iterable[str], sessions: SessionRange
) -> Actions:
    """The actions of these sessions; one on a closed day belongs to the next session."""
    wanted, found = frozenset(symbols), Actions()
    for kind, row in told:
        concerned = sorted({str(value) for name, value in row.items() if name.endswith("symbol")} & wanted)
        session = _session(row)
        if not concerned or (session is not None and session not in sessions):
            continue
        try:
            said = None if session is None else _said(kind, row)
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            session = None
            said = None
        if session is None:
            found.notes.append(_unreadable(kind, concerned[0], row))
        elif said is None:
            found.notes.append(_not_applied(kind, concerned[0], session, row))
        else:
            key = (session, str(row["symbol"]))
            dividend, split = found.rows.get(key, (0.0, 1.0))
            found.rows[key] = (round(dividend + said[0], 10), split * said[1])
    return found


def _said(kind: str, row: Mapping[str, Any]) -> tuple[float, float] | None:
    """Dividend and split ratio; None for what these cannot say."""
    if kind == "cash_dividends":
        return float(row["rate"]), 1.0
    if kind == "stock_dividends":
        return 0.0, 1.0 + float(row["rate"])
    if kind in _SPLITS:
        return 0.0, float(row["new_rate"]) / float(row["old_rate"])
    return None


def _session(row: Mapping[str, Any]) -> date | None:
    told = next((row[name] for name in _DAYS if row.get(name)), None)
    try:
        day = date.fromisoformat(str(told)[:10])
    except ValueError:
        return None
    return day if is_session(day) else next_session(day)


def _not_applied(kind: str, symbol: str, session: date, row: Mapping[str, Any]) -> DataError:
    what = ", ".join(f"{name} {row[name]}" for name in sorted(row) if name.endswith(("symbol", "rate")) and row[name])
    return DataError(
        "ACTION_NOT_APPLIED",
        symbol=symbol,
        session=session,
        found=f"{kind.removesuffix('s').replace('_', ' ')} ({what})",
        expected="splits and dividends: the books follow nothing else",
        remedy=_AFTERWARDS.get(kind, _LOOK),
    )


def _unreadable(kind: str, symbol: str, row: Mapping[str, Any]) -> DataError:
    return DataError(
        "ACTION_UNREADABLE",
        symbol=symbol,
        found=f"{kind}: {', '.join(f'{name}={row[name]}' for name in sorted(row))}"[:200],
        expected="its day and its rate",
        remedy="It was left out. Look at the symbol's prices around it.",
    )
