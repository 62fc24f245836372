"""Which orders wait for a person, and what was decided on them. A pure function of rows: when it is asked is the same.

A decision is on an identifier, which is a digest of what is intended, and which the gate compares with the ticket: an
order that was planned anew otherwise, or edited, waits again. What nobody has let pass in time is not sent. A decision
is sealed with the secret of the home: a row that was not written here lets nothing pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any, Literal

import pandas as pd

from portfolio_pipeline.core.calendar.sessions import NEW_YORK, next_session
from portfolio_pipeline.core.execution.settings import Approval
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.sealing import digest, same
from portfolio_pipeline.core.tables import APPROVALS

Verdict = Literal["approved", "rejected"]


@dataclass(frozen=True, slots=True)
class Decision:
    number: int
    session: date
    order: str
    decision: Verdict
    seal: str
    note: str
    who: str
    made_at: datetime

    def sealed(self, key: bytes) -> Decision:
        told = [self.number, str(self.session), self.order, self.decision, self.note, self.who, str(self.made_at)]
        return replace(self, seal=digest(key, json.dumps(["approval", *told])))


@dataclass(frozen=True)
class Approvals:
    """The decisions so far, and the settings that say which orders need one."""

    terms: Approval = field(default_factory=Approval)
    decided: tuple[Decision, ...] = ()
    altered: frozenset[int] = frozenset()
    """The numbers of those that were not written here, or edited since."""

    @classmethod
    def of_rows(cls, terms: Approval, rows: Iterable[Mapping[str, Any]], key: bytes) -> Approvals:
        columns = APPROVALS.column_names
        ordered = sorted(rows, key=lambda row: row["approval_id"])
        decided = tuple(Decision(*(row[column] for column in columns)) for row in ordered)
        real = {one.number for one in decided if same(one.sealed(key).seal, one.seal)}
        return cls(terms, decided, frozenset(one.number for one in decided) - real)

    def needed(self, ticket: Ticket, equity: int) -> bool:
        """Whether a person has to look at it; `equity` in cents."""
        if self.terms.mode == "above":
            return ticket.notional > self.terms.above * max(equity, 0)
        return self.terms.mode == "all"

    def waiting(self, tickets: Sequence[Ticket], equity: int) -> dict[str, str]:
        """The orders that may not be sent for want of approval, and why."""
        newest = {one.order: one for one in self.decided}
        found = {}
        for ticket in tickets:
            if self.needed(ticket, equity):
                why = self._why(ticket, newest.get(ticket.client_order_id))
                if why:
                    found[ticket.client_order_id] = why
        return found

    def _why(self, ticket: Ticket, decision: Decision | None) -> str:
        until = expiry(ticket.session, self.terms)
        if decision is None:
            return f"WAITS_FOR_APPROVAL: until={until:%Y-%m-%d %H:%M} UTC. portfolio approve."
        if decision.decision == "rejected":
            return f"REJECTED_BY_HAND: who={decision.who}, why={decision.note}"
        if decision.number in self.altered:
            return f"APPROVAL_ALTERED: approvals {decision.number} was not written here. portfolio approve."
        return "" if decision.made_at < until else f"APPROVED_TOO_LATE: at={decision.made_at:%H:%M} UTC, {until=:%H:%M}"


def expiry(session: date, terms: Approval) -> datetime:
    """Until when orders of the session may be approved: before the open that they are for. In UTC without zone."""
    told = datetime.combine(next_session(session), time.fromisoformat(terms.until), NEW_YORK)
    return told.astimezone(UTC).replace(tzinfo=None)


def decision_rows(decided: Sequence[Decision]) -> pd.DataFrame:
    """Rows of approvals."""
    rows = [(d.number, d.session, d.order, d.decision, d.seal, d.note, d.who, d.made_at) for d in decided]
    return pd.DataFrame(rows, columns=list(APPROVALS.column_names))
