"""Alerts that are kept instead of sent."""

from __future__ import annotations

from portfolio_pipeline.ports import Alert


class RecordedAlerts:
    def __init__(self) -> None:
        self.sent: list[Alert] = []
        self.ended: list[str] = []

    def send(self, alert: Alert) -> None:
        self.sent.append(alert)

    def over(self, about: str, message: str = "") -> None:
        self.ended.append(about)

    def again(self) -> int:
        return 0
