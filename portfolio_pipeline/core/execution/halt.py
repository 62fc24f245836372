"""Whether trading is halted: by the switch in the home, or by the latest halt event in the database.

Halting stops every submission, to the simulated broker too; planning, fills of orders already sent, and reporting
go on. Both are asked before orders leave, and each alone is enough to halt: the switch works without a database, and
what is deleted from one of them still stands in the other. Both are set by `portfolio halt` and lifted by
`portfolio resume` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

from portfolio_pipeline.core.errors import LimitError


@dataclass(frozen=True)
class TradingState:
    """Halted or not, since when and why; `since` is None while nothing was ever halted."""

    halted: bool = False
    reason: str = ""
    since: datetime | None = None


def trading_state(events: pa.Table) -> TradingState:
    """The state that the rows of halt_events leave behind."""
    rows = events.to_pylist()
    if not rows:
        return TradingState()
    latest = max(rows, key=lambda row: row["event_id"])
    return TradingState(latest["action"] == "halt", latest["reason"], latest["happened_at"])


def either(*states: TradingState) -> TradingState:
    """Halted as soon as one of them is; what is told is the first that is."""
    return next((state for state in states if state.halted), TradingState())


def next_event(events: pa.Table, action: Literal["halt", "resume"], reason: str, now: datetime) -> pa.Table:
    """The row to add to halt_events; `now` in UTC, without a zone."""
    number = max((row["event_id"] for row in events.to_pylist()), default=0) + 1
    return pa.table({"event_id": [number], "action": [action], "reason": [reason], "happened_at": [now]})


def told(since: datetime | None) -> str | None:
    """A moment in words."""
    return f"{since:%Y-%m-%d %H:%M} UTC" if since else None


def refusal(state: TradingState) -> LimitError | None:
    """What is said of orders while trading is halted; None while it is not."""
    if not state.halted:
        return None
    return LimitError(
        "TRADING_HALTED",
        since=told(state.since),
        why=state.reason,
        remedy="Nothing was sent. When trading may go on: portfolio resume.",
    )


def require_trading(state: TradingState) -> None:
    """Refuse while trading is halted."""
    refused = refusal(state)
    if refused is not None:
        raise refused
