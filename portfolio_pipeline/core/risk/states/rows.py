"""Rows of risk_states, and the standings and breaches that they stand for: the one way between the two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from portfolio_pipeline.core.risk.breaches import NEAR, Breach, Severity
from portfolio_pipeline.core.risk.states.machine import Rule
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.tables import RISK_STATES

if TYPE_CHECKING:
    import pandas as pd

Level = Literal["strategies", "portfolio", "account"]


def state_rows(standings: Iterable[tuple[date, str, Standing]], level: Level) -> pd.DataFrame:
    """Rows for each session and scope."""
    import pandas as pd

    rows = [
        (
            *(session, scope, level, s.state, s.factor, s.adds, s.since or session, s.sessions, s.step),
            *(s.equity, s.peak, s.drawdown, s.rule, s.found, s.limit, s.reviewed, s.release, s.reason),
        )
        for session, scope, s in standings
    ]
    frame = pd.DataFrame(rows, columns=list(RISK_STATES.column_names))
    return frame.astype(dict.fromkeys(("session", "since"), "datetime64[s]"))


def standing_of(row: Mapping[str, Any]) -> Standing:
    return Standing(
        state=row["state"],
        since=row["since"],
        sessions=int(row["sessions_in_state"]),
        step=int(row["step"]),
        factor=row["factor"],
        adds=bool(row["may_add"]),
        equity=row["equity"],
        peak=row["peak"],
        rule=row["rule"],
        found=row["found"],
        limit=row["limit_value"],
        reviewed=bool(row["reviewed"]),
        release=row["release"],
        reason=row["reason"],
    )


def breaches_of(session: date, subject: str, rule: Rule, before: Standing | None, now: Standing) -> tuple[Breach, ...]:
    """What a session's standing has to say in risk_breaches: broken, near the limit, still answered, or over."""
    found, told = now.drawdown, now.told()
    if now.state != "normal":
        if now.rule != rule.name:
            return (_breach(subject, now.rule, "cut", now.found, now.limit, told),)
        return (_breach(subject, rule.name, "cut", found, rule.limit, told),)
    if before is not None and before.state != "normal":
        return (_breach(subject, before.rule, "warning", found, rule.limit, "over: back to full risk", session),)
    if rule.broken(found):
        return (_breach(subject, rule.name, "warning", found, rule.limit, "reported: the settings ask for no more"),)
    if rule.near(found):
        return (_breach(subject, rule.name, "warning", found, rule.limit, NEAR),)
    return ()


def _breach(
    subject: str,
    rule: str,
    severity: Severity,
    found: float | None,
    limit: float | None,
    action: str,
    resolved: date | None = None,
) -> Breach:
    figures = f"found={found or 0.0:.6g}" + ("" if limit is None else f", limit={limit:.6g}")
    message = f"{rule.upper()}: subject={subject}, {figures}"
    return Breach(subject, rule, severity, found, limit, message, action, lasts=True, resolved=resolved)
