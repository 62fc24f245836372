"""The newest risk states, for who only looks. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Any

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.tables import RISK_STATES
from portfolio_pipeline.ports import Reader


def newest_states(reader: Reader) -> dict[str, dict[str, Any]]:
    """The newest row of each scope that can be decided about: stopped positions end by themselves."""
    session = reader.newest(RISK_STATES.name)
    if session is None:
        return {}
    rows = reader.read(RISK_STATES.name, SessionRange.single(session)).to_pylist()
    return {row["scope"]: row for row in rows if not row["scope"].startswith("symbol:")}
