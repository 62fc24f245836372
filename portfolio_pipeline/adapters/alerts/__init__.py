"""Channels by which alerts travel, by the name that `ALERTS` uses. A new one is a file here, or added from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from portfolio_pipeline.adapters.alerts.log import LOGGER, LogAlerts
from portfolio_pipeline.core.registry import Registry
from portfolio_pipeline.ports.alerts import Alert, Alerts


@dataclass(frozen=True)
class Channel:
    """One way for alerts; `open` connects to nothing yet."""

    name: str
    open: Callable[[], Alerts]


ALERT_CHANNELS: Registry[Channel] = Registry("alert channel", (Channel("log", LogAlerts),))


@dataclass(frozen=True)
class SeveralAlerts:
    """Every alert by every channel. What one cannot deliver goes to the log, and keeps none of the others waiting."""

    channels: Mapping[str, Alerts]

    def send(self, alert: Alert) -> None:
        for name, channel in self.channels.items():
            try:
                channel.send(alert)
            except Exception as error:  # noqa: BLE001  Each messenger has errors of its own.
                LOGGER.critical("the channel %s did not take the alert %r: %s", name, alert.title, error)


def open_alerts(names: Sequence[str]) -> Alerts:
    """The channels of these names as one. A single one tells of its failures itself: there is no other to rely on."""
    opened = {name: ALERT_CHANNELS[name].open() for name in names}
    return SeveralAlerts(opened) if len(opened) > 1 else next(iter(opened.values()))
