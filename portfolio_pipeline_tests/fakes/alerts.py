"""Alerts that are kept instead of sent."""

from __future__ import annotations

from portfolio_pipeline.ports import Alert


class RecordedAlerts:
    def __init__(self) -> None:
        self.sent: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.sent.append(alert)
