"""Settings of alerts: from which severity on each recipient is told."""

from __future__ import annotations

from pydantic import Field

from portfolio_pipeline.core.alerting.alert import Severity
from portfolio_pipeline.core.sections import Section


class AlertSettings(Section):
    """`thresholds` by recipient: the NAME of ALERT_URL_<NAME> in small letters, or a channel's name in ALERTS.

    Who is not named there is told from `from_severity` on, but for the log, which is told everything.
    """

    from_severity: Severity = "high"
    thresholds: dict[str, Severity] = Field(default_factory=dict)

    def threshold(self, recipient: str) -> Severity:
        return self.thresholds.get(recipient, "low" if recipient == "log" else self.from_severity)
