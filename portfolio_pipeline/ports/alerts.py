"""Telling people what they should know."""

from __future__ import annotations

from typing import Protocol

from portfolio_pipeline.core.alerting.alert import Alert


class Messenger(Protocol):
    """One way to one person, or to several at once."""

    def send(self, alert: Alert) -> None:
        """Deliver it, or raise what stood in the way."""
        ...


class Alerts(Protocol):
    """Who is to be told decides for themselves from which severity on; nobody is told the same twice."""

    def send(self, alert: Alert) -> None: ...

    def over(self, about: str, message: str = "") -> None:
        """What an alert was about is no longer so: whoever was told is told that, too. Nothing where nobody was."""
        ...

    def again(self) -> int:
        """Try once more what could not be delivered and is due; says how much is still waiting."""
        ...
