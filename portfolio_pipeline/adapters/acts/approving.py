"""Letting orders pass, or not, for the command and the web UI: one row for each, sealed with the secret of the home."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import ConfigurationError, LimitError
from portfolio_pipeline.core.execution.by_hand.approvals import Decision, Verdict, decision_rows, expiry
from portfolio_pipeline.core.execution.settings import Approval
from portfolio_pipeline.core.execution.tickets import WAITS, OrderState
from portfolio_pipeline.core.registry import near
from portfolio_pipeline.core.tables import APPROVALS, SUBMISSIONS
from portfolio_pipeline.core.words import clean
from portfolio_pipeline.ports import Reader, Warehouse


def waiting_orders(reader: Reader) -> dict[str, date]:
    """The orders of the newest session that wait for a person, and the session."""
    newest = reader.newest(SUBMISSIONS.name)
    if newest is None:
        return {}
    rows = reader.read(SUBMISSIONS.name, SessionRange.single(newest), where={"state": str(OrderState.HELD)}).to_pylist()
    return {row["client_order_id"]: row["session"] for row in rows if str(row["error"]).startswith(WAITS)}


def decide(
    warehouse: Warehouse,
    terms: Approval,
    names: Sequence[str],
    verdict: Verdict,
    note: str,
    who: str,
    now: datetime,
    key: bytes,
) -> list[Decision]:
    """Decide on these orders, or on all that wait."""
    if not note.strip():
        raise ConfigurationError("REASON_MISSING", expected="why", remedy="Nothing was decided. Give it with --why.")
    moment = now.astimezone(UTC).replace(tzinfo=None)
    with warehouse.transaction() as tx:
        waiting = waiting_orders(tx)
        chosen = list(dict.fromkeys(names)) or list(waiting)
        strangers = [name for name in chosen if name not in waiting]
        if strangers or not chosen:
            found = strangers[0] if strangers else "no order that waits for approval"
            raise ConfigurationError(
                "ORDER_DOES_NOT_WAIT" if waiting else "NOTHING_WAITS",
                found=found,
                expected=f"one of {', '.join(waiting)}{near(found, waiting)}" if waiting else "an order that waits",
                remedy="Nothing was decided. portfolio order list names them.",
            )
        session = waiting[chosen[0]]
        until = expiry(session, terms)
        if moment >= until:
            raise LimitError(
                "APPROVAL_EXPIRED",
                session=session,
                found=f"{moment:%Y-%m-%d %H:%M} UTC",
                limit=f"{until:%Y-%m-%d %H:%M} UTC, approval.until",
                remedy="Nothing was decided. They are not sent any more; the next close decides anew.",
            )
        first = max(tx.read(APPROVALS.name, columns=["approval_id"])["approval_id"].to_pylist(), default=0) + 1
        decided = [
            Decision(first + k, session, name, verdict, "", clean(note), clean(who), moment).sealed(key)
            for k, name in enumerate(chosen)
        ]
        tx.insert(APPROVALS.name, decision_rows(decided))
    return decided
