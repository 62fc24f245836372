"""Telling people what they should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class Alert:
    """Something a person should know."""

    severity: Literal["info", "warning", "critical"]
    title: str
    message: str


class Alerts(Protocol):
    def send(self, alert: Alert) -> None: ...
