"""Risk states and decisions about them, written and asked with the secret of the home. Who only looks needs none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portfolio_pipeline.adapters.home_secret import once_with_this_secret
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.risk.states.rows import Level
from portfolio_pipeline.core.risk.states.sealing import (
    SEALED,
    override_seals,
    require_overrides,
    require_states,
    state_seal_rows,
    state_seals,
)
from portfolio_pipeline.core.tables import RISK_OVERRIDES, RISK_STATES, STATE_SEALS
from portfolio_pipeline.ports import Reader, Transaction, Warehouse

if TYPE_CHECKING:
    import pandas as pd

LEVELS: tuple[Level, ...] = ("strategies", "portfolio", "account")


def write_states(tx: Transaction, key: bytes, sessions: SessionRange, level: Level, rows: pd.DataFrame) -> None:
    """Put the rows in the place of the sessions' own, sealed as the database gives them back."""
    tx.replace(RISK_STATES.name, sessions, rows, where={"level": level})
    stored = tx.read(RISK_STATES.name, sessions, where={"level": level}).to_pylist()
    seals = state_seal_rows(state_seals(key, sessions, level, stored), level)
    tx.replace(STATE_SEALS.name, sessions, seals, where={"level": level})


def require_as_written(reader: Reader, key: bytes, sessions: SessionRange, *levels: Level) -> None:
    """Refuse to go on from states, and from decisions about them, that were not written here."""
    require_overrides(key, reader.read(RISK_OVERRIDES.name).to_pylist())
    for level in levels:
        own = {"level": level}
        rows = reader.read(RISK_STATES.name, sessions, where=own).to_pylist()
        require_states(key, level, rows, reader.read(STATE_SEALS.name, sessions, where=own).to_pylist())


def require_before(reader: Reader, key: bytes, first: date, level: Level) -> None:
    """The same of the session before, from which a range goes on."""
    before = previous_session(first)
    if before is not None:
        require_as_written(reader, key, SessionRange.single(before), level)


def note_decisions(tx: Transaction, key: bytes, rows: Sequence[dict[str, Any]]) -> None:
    """Add decisions, sealed one after the other."""
    import pandas as pd

    stored = tx.read(RISK_OVERRIDES.name, columns=["override_id", "seal"]).to_pylist()
    last = max(stored, key=lambda row: row["override_id"], default={"seal": ""})["seal"] or ""
    seals = override_seals(key, last, rows)
    told = [row | {"seal": seal} for row, seal in zip(rows, seals, strict=True)]
    tx.insert(RISK_OVERRIDES.name, pd.DataFrame(told, columns=list(RISK_OVERRIDES.column_names)))


def seal_states_once(warehouse: Warehouse, home: Path, key: bytes) -> None:
    """Seal what is there, where this home has not done so with this secret."""
    once_with_this_secret(home, SEALED, key, lambda: _seal(warehouse, key))


def _seal(warehouse: Warehouse, key: bytes) -> None:
    with warehouse.transaction() as tx:
        decided = sorted(tx.read(RISK_OVERRIDES.name).to_pylist(), key=lambda row: row["override_id"])
        if decided:
            tx.delete(RISK_OVERRIDES.name, None)
            note_decisions(tx, key, decided)
        first, last = tx.oldest(RISK_STATES.name), tx.newest(RISK_STATES.name)
        if first is None or last is None:
            return
        tx.delete(STATE_SEALS.name, None)
        for level in LEVELS:
            stored = tx.read(RISK_STATES.name, where={"level": level}).to_pylist()
            seals = state_seal_rows(state_seals(key, SessionRange(first, last), level, stored), level)
            tx.insert(STATE_SEALS.name, seals)
