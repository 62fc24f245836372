"""The contract of the alerts port: whatever is sent arrives, with all that it says, in order."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from portfolio_pipeline.adapters.alerts import SeveralAlerts
from portfolio_pipeline.adapters.alerts.log import LOGGER, LogAlerts
from portfolio_pipeline.ports import Alert, Alerts
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts

SENT = (
    Alert("info", "Run daily done", "31 symbols"),
    Alert("warning", "Check bars_are_healthy failed", "2 bars, 50% of them late"),
    Alert("critical", "Run daily failed", "prices: NO_BARS\nfeatures: skipped"),
)
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}


@pytest.fixture(params=["log", "recorded"])
def alerts_and_arrivals(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> tuple[Alerts, Callable[[], list[tuple[int, str]]]]:
    if request.param == "log":
        caplog.set_level(logging.INFO, logger=LOGGER.name)
        return LogAlerts(), lambda: [(record.levelno, record.getMessage()) for record in caplog.records]
    recorded = RecordedAlerts()
    return recorded, lambda: [(LEVELS[a.severity], f"{a.title}: {a.message}") for a in recorded.sent]


def test_everything_sent_arrives_in_order_with_its_severity(
    alerts_and_arrivals: tuple[Alerts, Callable[[], list[tuple[int, str]]]],
) -> None:
    alerts, arrivals = alerts_and_arrivals
    for alert in SENT:
        alerts.send(alert)
    assert arrivals() == [(LEVELS[a.severity], f"{a.title}: {a.message}") for a in SENT]


def test_a_channel_that_fails_keeps_no_other_from_being_told(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def send(self, alert: Alert) -> None:
            raise OSError("no line")

    told = RecordedAlerts()
    SeveralAlerts({"telephone": Broken(), "record": told}).send(SENT[0])
    assert told.sent == [SENT[0]]
    assert "the channel telephone did not take the alert 'Run daily done': no line" in caplog.text
