"""Alerts and how they travel: channels by the name that `ALERTS` uses, and recipients by their `ALERT_URL_<NAME>`.

A new channel is a file here, or added from outside. Who is told what, and when, is decided in `core.alerting`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio_pipeline.adapters.alerts.log import LogAlerts
from portfolio_pipeline.core.registry import Registry

if TYPE_CHECKING:
    from portfolio_pipeline.adapters.environment import Environment
    from portfolio_pipeline.ports.alerts import Messenger


@dataclass(frozen=True)
class Channel:
    """One way for alerts; `open` connects to nothing yet."""

    name: str
    open: Callable[[], Messenger]


ALERT_CHANNELS: Registry[Channel] = Registry("alert channel", (Channel("log", LogAlerts),))


def messengers(environment: Environment) -> dict[str, Messenger]:
    """Whoever is told, by name: the channels first, then the recipients."""
    from portfolio_pipeline.adapters.alerts.urls import UrlMessenger

    opened: dict[str, Messenger] = {name: ALERT_CHANNELS[name].open() for name in environment.alerts}
    return opened | {name: UrlMessenger(name, url) for name, url in environment.alert_urls}
