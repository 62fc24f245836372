"""The one kind of breach: a limit or a rule that did not hold, what it leads to, and how it is told and stored.

Which limits there are is in `limits`; what the planner and the gate refuse beside them, in `core.execution`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from portfolio_pipeline.core.tables import RISK_BREACHES

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["warning", "cut", "block"]
Level = Literal["targets", "orders", "submission"]

_GRAVITY: tuple[Severity, ...] = ("warning", "cut", "block")
_UNSAID = {"block": "the session's orders are refused", "cut": "cut", "warning": "reported"}


@dataclass(frozen=True)
class Breach:
    """Something that stops a session's orders (`block`), was mended (`cut`) or is only reported (`warning`).

    `found` and `limit` are NULL where the rule has no figure. `action` says what was done, where that is more than the
    severity says.
    """

    subject: str
    rule: str
    severity: Severity
    found: float | None
    limit: float | None
    message: str
    action: str = ""

    def __str__(self) -> str:
        return self.message


def blocking(breaches: Iterable[Breach]) -> tuple[Breach, ...]:
    return tuple(breach for breach in breaches if breach.severity == "block")


def breach_rows(breaches: Mapping[date, Iterable[Breach]], level: Level) -> pd.DataFrame:
    """Rows of risk_breaches. Of several breaches of the same rule by the same subject the gravest is kept.

    A cut of targets brings the figure back under its limit in the same session, which is therefore the session it was
    resolved in; a cut of trades need not, for the book may be past the limit still. A row is about its own session and
    never changes later: whether a limit is still hit is what the next session's rows say.
    """
    import pandas as pd

    kept: dict[tuple[date, str, str], tuple[object, ...]] = {}
    for session, found in breaches.items():
        for b in sorted(found, key=lambda breach: _GRAVITY.index(breach.severity)):
            resolved = session if level == "targets" and b.severity == "cut" else None
            action = b.action or _UNSAID[b.severity]
            kept[session, b.subject, b.rule] = (
                *(session, level, b.subject, b.rule, b.severity, b.found, b.limit),
                *(action, resolved),
            )
    frame = pd.DataFrame(list(kept.values()), columns=list(RISK_BREACHES.column_names))
    return frame.astype({"session": "datetime64[s]", "resolved_session": "datetime64[s]"})
