"""Alerts as lines of the log: what a machine without any messenger has."""

from __future__ import annotations

import logging

from portfolio_pipeline.core.alerting.alert import Alert

LOGGER = logging.getLogger("portfolio_pipeline.alerts")
LEVELS = {"low": logging.INFO, "medium": logging.WARNING, "high": logging.ERROR, "critical": logging.CRITICAL}


class LogAlerts:
    def send(self, alert: Alert) -> None:
        LOGGER.log(LEVELS[alert.severity], "%s: %s", alert.title, alert.told)
