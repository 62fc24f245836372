"""What people decide about risk states, for the command and the web UI: checked, and written to risk_overrides, sealed.

In force from the session after the newest that has states: what was lived through stays as it was.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from portfolio_pipeline.adapters.newest_states import newest_states
from portfolio_pipeline.adapters.sealed_states import note_decisions
from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.execution.account_risk import ACCOUNT
from portfolio_pipeline.core.registry import near, one_of
from portfolio_pipeline.core.risk.exposures import PORTFOLIO
from portfolio_pipeline.core.risk.states.overrides import KINDS
from portfolio_pipeline.core.tables import RISK_OVERRIDES, RISK_STATES
from portfolio_pipeline.core.words import clean
from portfolio_pipeline.ports import Warehouse


def decide(
    warehouse: Warehouse,
    kind: str,
    scope: str,
    reason: str,
    now: datetime,
    who: str,
    key: bytes,
    *,
    factor: float | None = None,
    until: date | None = None,
    cause: str = "",
    changed: str = "",
) -> date:
    """Write the decision down; gives back the first session it is in force for.

    What is decided about the portfolio is so about its account, where that is not normal either.
    """
    if kind not in KINDS:
        raise ConfigurationError(
            "ACTION_UNKNOWN", found=kind, expected=one_of(kind, KINDS), remedy="Nothing was written."
        )
    with warehouse.transaction() as tx:
        states = newest_states(tx)
        if scope not in states:
            raise ConfigurationError(
                "RISK_SCOPE_UNKNOWN",
                found=scope,
                expected=(", ".join(states) or "a session with states") + near(scope, states),
                remedy="Nothing was written. Name one of these; `portfolio risk show` lists them.",
            )
        newest = tx.newest(RISK_STATES.name)
        assert newest is not None
        since = next_session(newest)
        _refuse_senseless(kind, reason, factor, until, since, cause, str(states[scope]["state"]), scope)
        scopes = [scope]
        if scope == PORTFOLIO and kind != "override" and states.get(ACCOUNT, {}).get("state", "normal") != "normal":
            scopes.append(ACCOUNT)
        first = max(tx.read(RISK_OVERRIDES.name)["override_id"].to_pylist(), default=0) + 1
        told = clean(reason), clean(cause), clean(changed), clean(who), now.astimezone(UTC).replace(tzinfo=None)
        part = None if factor is None else float(factor)  # sealed as the database gives it back
        rows = [(first + k, kind, one, since, until, part, *told) for k, one in enumerate(scopes)]
        note_decisions(tx, key, [dict(zip(RISK_OVERRIDES.column_names, row, strict=False)) for row in rows])
    return since


def _refuse_senseless(
    kind: str,
    reason: str,
    factor: float | None,
    until: date | None,
    since: date,
    cause: str,
    state: str,
    scope: str,
) -> None:
    if not reason.strip():
        raise ConfigurationError("REASON_MISSING", expected="why it is decided", remedy="Give it with --reason.")
    if kind == "override" and (factor is None or not 0.0 <= factor <= 1.0):
        raise ConfigurationError(
            "FACTOR_IMPOSSIBLE", found=factor, expected="0 to 1", remedy="Nothing was written. Give one of these."
        )
    if until is not None and until < since:
        raise ConfigurationError(
            "EXPIRES_BEFORE_IT_BEGINS",
            found=until,
            expected=f"{since} or later",
            remedy="Nothing was written. What was lived through stays; leave --until out, or give a later session.",
        )
    if kind == "release" and state == "normal":
        raise ConfigurationError(
            "NOTHING_TO_RELEASE", found=f"{scope} is normal", remedy="Nothing was written, and nothing has to be."
        )
    if kind == "review" and not cause.strip():
        raise ConfigurationError(
            "CAUSE_MISSING", expected="what caused the breach", remedy="Nothing was written. Give it with --cause."
        )
