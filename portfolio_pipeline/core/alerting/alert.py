"""What an alert is, and how grave it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Alert:
    """Something a person should know. `about` names the matter, which is told once for as long as it stays the same;
    the title does where it is empty. `pointer` says where to look: another one alone is no news.
    """

    severity: Severity
    title: str
    message: str
    about: str = ""
    pointer: str = ""

    @property
    def matter(self) -> str:
        return self.about or self.title

    @property
    def told(self) -> str:
        return f"{self.message} {self.pointer}".strip()


def reaches(severity: Severity, threshold: Severity) -> bool:
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)
