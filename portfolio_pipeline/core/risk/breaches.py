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
Level = Literal["strategies", "targets", "orders", "submission"]
Gravity = Literal["low", "medium", "high", "critical"]

_ORDER: tuple[Severity, ...] = ("warning", "cut", "block")
GRAVE: Mapping[str, Gravity] = {
    "drawdown": "critical",
    "account_drawdown": "critical",
    "strategy_drawdown": "medium",
    "correlation": "medium",
    "position_stop": "medium",
}
"""Of rules that are no limits of one session's weights; those say it of themselves."""
NEAR = "reported: near the limit"
ONLY_REPORTED = "reported: the settings ask for no more"
_UNSAID = {"block": "the session's orders are refused", "cut": "cut", "warning": "reported"}


@dataclass(frozen=True)
class Breach:
    """Something that stops a session's orders (`block`), was mended (`cut`) or is only reported (`warning`).

    `found` and `limit` are NULL where the rule has no figure. `action` says what was done, where that is more than the
    severity says. `lasts` is of what is mended for now and not over; `resolved`, at which session it was.
    """

    subject: str
    rule: str
    severity: Severity
    found: float | None
    limit: float | None
    message: str
    action: str = ""
    gravity: Gravity | None = None
    lasts: bool = False
    resolved: date | None = None

    def __str__(self) -> str:
        return self.message


def gravity_of(breach: Breach) -> Gravity:
    """How grave it is: by its rule. What stops orders is high at least; what is only near its limit, low."""
    rule = breach.gravity or GRAVE.get(breach.rule.removeprefix("targets_"), "low")
    if breach.severity == "block":
        return "critical" if rule == "critical" else "high"
    if breach.severity == "warning" and breach.found is not None and breach.limit is not None:
        return "low" if breach.found <= breach.limit else rule
    return rule


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
        for b in sorted(found, key=lambda breach: _ORDER.index(breach.severity)):
            mended = level == "targets" and b.severity == "cut" and not b.lasts
            resolved = session if mended else b.resolved
            action = b.action or _UNSAID[b.severity]
            kept[session, b.subject, b.rule] = (
                *(session, level, b.subject, b.rule, b.severity, b.found, b.limit),
                *(action, resolved, gravity_of(b)),
            )
    frame = pd.DataFrame(list(kept.values()), columns=list(RISK_BREACHES.column_names))
    return frame.astype({"session": "datetime64[s]", "resolved_session": "datetime64[s]"})
