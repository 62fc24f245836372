"""Alerts as lines of the log: what a machine without any messenger has."""

from __future__ import annotations

import logging

from portfolio_pipeline.ports import Alert

LOGGER = logging.getLogger("portfolio_pipeline.alerts")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}


class LogAlerts:
    def send(self, alert: Alert) -> None:
        LOGGER.log(_LEVELS[alert.severity], "%s: %s", alert.title, alert.message)
