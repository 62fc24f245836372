"""Seals of risk states, and of what people decided about them: the rows were written here, not in the database alone.

What is allowed today goes on from where yesterday ended. An edited row of yesterday would give back the risk that a
loss had taken, and everything after it would follow from it correctly: so the rows are sealed with the secret of the
home as they are written, session by session and level by level, and asked by whoever goes on from them. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from portfolio_pipeline.core.errors import LimitError
from portfolio_pipeline.core.risk.states.rows import Level
from portfolio_pipeline.core.sealing import chained, digest, same
from portfolio_pipeline.core.tables import RISK_OVERRIDES, RISK_STATES, STATE_SEALS

if TYPE_CHECKING:
    import pandas as pd

SEALED = "risk_states.sealed"
"""The file in the home that says with which secret its risk states are sealed."""

Row = Mapping[str, Any]
_TOLD = tuple(name for name in RISK_STATES.column_names if name not in ("session", "level"))
_DECIDED = tuple(name for name in RISK_OVERRIDES.column_names if name != "seal")


def state_seals(
    key: bytes, sessions: Iterable[date], level: Level, rows: Iterable[Row], decided: Sequence[Row]
) -> dict[date, str]:
    """The seal of each session: of a level's rows, be they none, and of the newest decision that was in force by then.

    `decided` are the rows of risk_overrides: one that is gone from their end is missed by the sessions that knew it.
    """
    by_session: dict[date, list[list[object]]] = {session: [] for session in sessions}
    for row in rows:
        by_session.setdefault(row["session"], []).append([_plain(row[name]) for name in _TOLD])
    ordered = sorted(decided, key=lambda row: row["override_id"])

    def known(session: date) -> str:
        return next((row["seal"] or "" for row in reversed(ordered) if row["from_session"] <= session), "")

    return {
        session: digest(key, json.dumps(["risk_states", str(session), level, known(session), sorted(told, key=str)]))
        for session, told in by_session.items()
    }


def state_seal_rows(seals: Mapping[date, str], level: Level) -> pd.DataFrame:
    """Rows of the state_seals table."""
    import pandas as pd

    rows = [(session, level, seal) for session, seal in seals.items()]
    return pd.DataFrame(rows, columns=list(STATE_SEALS.column_names))


def require_states(key: bytes, level: Level, rows: Sequence[Row], seals: Iterable[Row], decided: Sequence[Row]) -> None:
    """Refuse rows that were not written here, or of which one is gone; `seals` are what is stored of their sessions."""
    stored = {row["session"]: row["seal"] for row in seals}
    for session, seal in state_seals(key, stored, level, rows, decided).items():
        if not same(seal, stored.get(session, "")):
            raise states_altered(session, level)


def states_altered(session: date, level: Level) -> LimitError:
    return _altered("RISK_STATES_ALTERED", f"risk_states {session}, {level}", "`portfolio risk show` shows")


def override_seals(key: bytes, before: str, rows: Iterable[Row]) -> list[str]:
    """The seals of decisions, one after the other; `before` is the seal of the one before, or nothing."""
    return chained(key, before, (["override", *(_plain(row[name]) for name in _DECIDED)] for row in rows))


def require_overrides(key: bytes, rows: Iterable[Row]) -> None:
    """Refuse decisions that nobody took here, or of which one is gone from among others."""
    before = ""
    for row in sorted(rows, key=lambda row: row["override_id"]):
        [expected] = override_seals(key, before, [row])
        before = row["seal"] or ""
        if not same(expected, before):
            found = f"risk_overrides {row['override_id']}: {row['action']} {row['scope']}"
            raise _altered("RISK_OVERRIDE_ALTERED", found, "the table risk_overrides holds")


def _altered(reason: str, found: str, what_there_is: str) -> LimitError:
    return LimitError(
        reason,
        found=found,
        expected="states and decisions as they were written here, and none of them taken out",
        remedy="Nothing is decided, planned or sent on them. Put the rows back as they were; or, if what"
        f" {what_there_is} is meant, as after going back to a copy of before an update, remove the file {SEALED} of"
        " the home: the next command seals what is there.",
    )


def _plain(value: object) -> object:
    """The same for a row that is about to be written as for one that was read."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return None if value != value else float(value)
    return str(value)
