"""Shares by hand, for the command and the web UI: one event in the database, in force from the next session on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from portfolio_pipeline.core.calendar.sessions import SessionRange, last_closed_session, next_session
from portfolio_pipeline.core.portfolio.allocation.settings import Allocation
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import Word, event_row
from portfolio_pipeline.core.tables import MANUAL_SHARES, STRATEGY_WEIGHTS
from portfolio_pipeline.ports import Warehouse


@dataclass(frozen=True)
class Said:
    """What is in the database now: the word, its first session, and the share that the strategy has."""

    word: Word
    first: date
    held: float | None
    stage: str

    def in_words(self, daily_change: float) -> str:
        word, until = self.word, f" until {self.word.last}" if self.word.last else ""
        has = "" if self.held is None else f" It has {self.held:.2%} now."
        told = {
            "set": f"{word.strategy} is set to {word.share or 0.0:.2%}",
            "lock": f"{word.strategy} keeps what it has",
            "unlock": f"{word.strategy} has the share that the method gives it",
            "pause": f"{word.strategy} is paused: its share stays in cash",
            "activate": f"{word.strategy} is no longer paused",
            "now": "Capital is shared out anew",
        }[word.action]
        way = f" Shares change by at most {daily_change:g} a session." if word.action != "lock" else ""
        begins = f" at the close of {self.first}" if word.action == "now" else f" from {self.first} on{until}"
        without = self.stage != "active" and word.action in ("set", "lock", "activate")
        none = f" Its card says stage: {self.stage}, and who is not active has no capital." if without else ""
        return f"{told}{begins}.{has}{way}{none}"


def say_by_hand(
    warehouse: Warehouse, settings: Allocation, stages: Mapping[str, str], word: Word, now: datetime
) -> Said:
    """Write it down, or say why it cannot be. `stages` are those of all cards."""
    with warehouse.transaction() as tx:
        newest = tx.newest(STRATEGY_WEIGHTS.name)
        decided = max(filter(None, (newest, last_closed_session(now))))
        events = tx.read(MANUAL_SHARES.name).to_pylist()
        stored = now.astimezone(UTC).replace(tzinfo=None)
        row = event_row(events, word, stages, settings, earliest=next_session(decided), now=stored)
        tx.insert(MANUAL_SHARES.name, row)
        shares = (
            tx.read(STRATEGY_WEIGHTS.name, SessionRange.single(newest), where={"strategy": word.strategy}).to_pylist()
            if newest is not None
            else []
        )
    held = float(shares[0]["weight"]) if shares else None
    return Said(word, row["effective_from"][0].as_py(), held, stages.get(word.strategy, "active"))
