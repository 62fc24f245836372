"""Risk states and decisions about them, written and asked with the secret of the home. Who only looks needs none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

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
    states_altered,
)
from portfolio_pipeline.core.tables import RISK_OVERRIDES, RISK_STATES, SESSION_ORIGINS, STATE_SEALS
from portfolio_pipeline.ports import Reader, Transaction, Warehouse

if TYPE_CHECKING:
    import pandas as pd

LEVELS: tuple[Level, ...] = get_args(Level)


def write_states(tx: Transaction, key: bytes, sessions: SessionRange, level: Level, rows: pd.DataFrame) -> None:
    """Put the rows in the place of the sessions' own, sealed as the database gives them back."""
    tx.replace(RISK_STATES.name, sessions, rows, where={"level": level})
    stored = tx.read(RISK_STATES.name, sessions, where={"level": level}).to_pylist()
    decided = tx.read(RISK_OVERRIDES.name).to_pylist()
    seals = state_seal_rows(state_seals(key, sessions, level, stored, decided), level)
    tx.replace(STATE_SEALS.name, sessions, seals, where={"level": level})


def seal_passed_over(tx: Transaction, key: bytes, sessions: SessionRange) -> None:
    """Of the sessions that nothing was planned in, because it was too late: that the account has no states there."""
    own: dict[str, object] = {"level": "account"}
    known = {session for table in (RISK_STATES, STATE_SEALS) for session in _sessions(tx, table.name, sessions, own)}
    missing = [session for session in sessions if session not in known]
    if missing:
        seals = state_seals(key, missing, "account", (), tx.read(RISK_OVERRIDES.name).to_pylist())
        tx.insert(STATE_SEALS.name, state_seal_rows(seals, "account"))


def _sessions(reader: Reader, table: str, sessions: SessionRange, where: dict[str, object]) -> list[date]:
    found: list[date] = reader.read(table, sessions, columns=["session"], where=where)["session"].to_pylist()
    return found


def require_as_written(reader: Reader, key: bytes, sessions: SessionRange, *levels: Level) -> None:
    """Refuse to go on from states, and from decisions about them, that were not written here."""
    decided = reader.read(RISK_OVERRIDES.name).to_pylist()
    require_overrides(key, decided)
    for level in levels:
        own = {"level": level}
        rows = reader.read(RISK_STATES.name, sessions, where=own).to_pylist()
        require_states(key, level, rows, reader.read(STATE_SEALS.name, sessions, where=own).to_pylist(), decided)


def require_before(reader: Reader, key: bytes, first: date, level: Level) -> None:
    """The same of the session before, from which a range goes on."""
    before = previous_session(first)
    if before is not None:
        require_as_written(reader, key, SessionRange.single(before), level)


def account_before(reader: Reader, key: bytes, first: date) -> date | None:
    """The newest session before with states of the account; refused where these are not as they were written, or where
    those of the newest session that was planned are gone.
    """
    own: dict[str, object] = {"level": "account"}
    looked_at, sealed = (reader.newest(table.name, before=first, where=own) for table in (RISK_STATES, STATE_SEALS))
    planned = reader.newest(SESSION_ORIGINS.name, before=first)
    if planned is not None and (sealed is None or sealed < planned):
        raise states_altered(planned, "account")
    known = [session for session in (looked_at, sealed) if session is not None]
    if known:  # up to the newest that was sealed: what is sealed and not there was taken out
        require_as_written(reader, key, SessionRange(known[0], max(known)), "account")
    return looked_at


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
        tx.delete(STATE_SEALS.name, None)
        # Of what was planned before there were states it is sealed that there are none.
        ends = [tx.oldest(RISK_STATES.name), tx.newest(RISK_STATES.name), tx.newest(SESSION_ORIGINS.name)]
        found = [session for session in ends if session is not None]
        if found:
            sessions, decided = SessionRange(min(found), max(found)), tx.read(RISK_OVERRIDES.name).to_pylist()
            for level in LEVELS:
                stored = tx.read(RISK_STATES.name, where={"level": level}).to_pylist()
                tx.insert(STATE_SEALS.name, state_seal_rows(state_seals(key, sessions, level, stored, decided), level))
