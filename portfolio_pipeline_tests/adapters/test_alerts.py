"""Alerts: whatever is sent arrives, once, with all that it says; then on change, then when it is over. Real servers on
loopback take it, refuse it, or are gone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from portfolio_pipeline.adapters.alerts.log import LEVELS, LOGGER, LogAlerts
from portfolio_pipeline.adapters.alerts.remembered import RememberedAlerts
from portfolio_pipeline.adapters.alerts.urls import UrlMessenger
from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.adapters.warehouse.duckdb import DuckDBWarehouse
from portfolio_pipeline.core.alerting.alert import SEVERITIES, Alert, Severity
from portfolio_pipeline.core.alerting.episodes import MOST_ATTEMPTS
from portfolio_pipeline.core.alerting.settings import AlertSettings
from portfolio_pipeline.core.errors import ConfigurationError, PortfolioError
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.ports.alerts import Messenger
from portfolio_pipeline_tests.fakes.mail_server import MailServer, mail_server
from portfolio_pipeline_tests.fakes.web_hook import WebHook, web_hook

SENT = (
    Alert("low", "Run daily done", "31 symbols"),
    Alert("medium", "Check bars_are_healthy failed", "2 bars, 50% of them late"),
    Alert("critical", "Run daily failed", "prices: NO_BARS\nfeatures: skipped", pointer="(run 7)"),
)
RISK = Alert("high", "Volatility above its limit", "0.26 of 0.25", "limit:volatility")


@dataclass
class Kept:
    """A messenger that keeps what it is sent, or is out of order."""

    sent: list[Alert] = field(default_factory=list)
    broken: bool = False

    def send(self, alert: Alert) -> None:
        if self.broken:
            raise OSError("no line")
        self.sent.append(alert)

    @property
    def titles(self) -> list[str]:
        return [alert.title for alert in self.sent]


class House:
    """Alerts over a warehouse, with a clock that is set by hand."""

    def __init__(self, warehouse: Warehouse, **thresholds: Severity) -> None:
        self.warehouse, self.time = warehouse, datetime(2026, 11, 20, 22, tzinfo=UTC)
        self.kept = {name: Kept() for name in thresholds}
        messengers: dict[str, Messenger] = dict(self.kept)
        self.alerts = RememberedAlerts(lambda: warehouse, messengers, thresholds, lambda: self.time)

    def later(self, **by: float) -> None:
        self.time += timedelta(**by)

    def rows(self, table: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.warehouse.read(table).to_pylist()
        return rows


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = DuckDBWarehouse(tmp_path / "alerts.duckdb")
    warehouse.prepare()
    return warehouse


@pytest.fixture
def hook() -> Iterator[WebHook]:
    with web_hook() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def test_the_log_is_told_everything_at_its_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER.name)
    for alert in SENT:
        LogAlerts().send(alert)
    told = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert told == [(LEVELS[alert.severity], f"{alert.title}: {alert.told}") for alert in SENT]


def test_a_web_hook_and_a_mail_box_are_told_by_their_urls(hook: WebHook, mail: MailServer) -> None:
    box = f"mailto://127.0.0.1:{mail.port}?from=house@example.com&to=me@example.com&mode=insecure"
    for alert in SENT:
        UrlMessenger("hook", hook.url).send(alert)
        UrlMessenger("me", box).send(alert)
    assert [taken["title"] for taken in hook.taken] == [f"[{alert.severity}] {alert.title}" for alert in SENT]
    assert [taken["message"] for taken in hook.taken] == [alert.told for alert in SENT]
    assert len(mail.taken) == len(SENT)
    assert all(alert.title in letter for alert, letter in zip(SENT, mail.taken, strict=True))


@pytest.mark.parametrize("trouble", ["an error", "gone"])
def test_who_takes_nothing_is_told_of_without_the_secrets_of_the_url(
    trouble: str, hook: WebHook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answer = 503
    port = hook.server_address[1] if trouble == "an error" else 9
    secret = f"json://someone:hunter2secret@127.0.0.1:{port}/token-abcdef?cto=0.5&rto=2"
    with pytest.raises(PortfolioError, match="ALERT_NOT_TAKEN") as refused:
        UrlMessenger("hook", secret).send(RISK)
    told = f"{refused.value} {caplog.text}"
    assert not any(part in told for part in ("hunter2secret", "token-abcdef", "someone"))


def test_a_url_that_nobody_knows_is_refused_by_the_name_of_its_variable() -> None:
    with pytest.raises(ConfigurationError, match="ALERT_URL_WRONG: variable=ALERT_URL_PHONE") as refused:
        UrlMessenger("phone", "telegraph://12345678").send(RISK)
    assert "12345678" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong", [{"ALERT_URL_ME": "me@example.com"}, {"ALERT_URL_LOG": "json://a"}, {"ALERT_URL_": "json://a"}]
)
def test_variables_that_name_nobody_or_hold_no_url_are_refused(wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ALERT_URL_WRONG") as refused:
        read_environment({"DAGSTER_HOME": str(tmp_path), **wrong})
    assert "me@example.com" not in str(refused.value)


def test_nobody_is_told_the_same_twice_but_of_every_change_and_of_the_end(warehouse: Warehouse) -> None:
    house = House(warehouse, me="high")
    for alert in (RISK, RISK, Alert("critical", RISK.title, "0.40 of 0.25", RISK.about)):
        house.alerts.send(alert)
        house.later(minutes=1)
    house.alerts.over(RISK.about, "0.20 of 0.25")
    house.alerts.over(RISK.about)
    house.later(days=1)
    house.alerts.send(RISK)
    told = [(alert.severity, alert.title, alert.message) for alert in house.kept["me"].sent]
    assert told == [
        ("high", RISK.title, "0.26 of 0.25"),
        ("critical", RISK.title, "0.40 of 0.25"),
        ("critical", f"Over: {RISK.title}", "0.20 of 0.25"),
        ("high", RISK.title, "0.26 of 0.25"),
    ]
    assert [row["over_at"] is None for row in house.rows("alerts")] == [False, True]


def test_another_run_that_says_the_same_is_no_news(warehouse: Warehouse) -> None:
    house = House(warehouse, me="low")
    for run in "abc":
        house.alerts.send(Alert("high", "Run daily failed", "prices: NO_BARS", "run:daily", f"(run {run})"))
    assert len(house.kept["me"].sent) == 1


def test_each_is_told_from_their_severity_on_and_of_what_becomes_of_it(warehouse: Warehouse) -> None:
    house = House(warehouse, log="low", me="medium", phone="critical")
    for severity in ("low", "critical", "medium"):
        house.alerts.send(Alert(severity, "Drawdown", f"it is {severity}", "drawdown"))
        house.later(minutes=1)
    house.alerts.over("drawdown")
    told = {name: [alert.severity for alert in kept.sent] for name, kept in house.kept.items()}
    assert told == {
        "log": ["low", "critical", "medium", "medium"],
        "me": ["critical", "medium", "medium"],
        "phone": ["critical", "medium", "medium"],  # who was woken is told that it is less grave, and that it is over
    }


def test_what_was_never_an_alert_is_never_over(warehouse: Warehouse) -> None:
    house = House(warehouse, me="low")
    house.alerts.over("check:prices:bars_are_healthy", "The check passes.")
    assert (house.kept["me"].sent, house.rows("alerts")) == ([], [])


def test_one_that_is_out_of_order_keeps_nobody_waiting_and_is_told_later(warehouse: Warehouse) -> None:
    house = House(warehouse, me="low", phone="low")
    house.kept["phone"].broken = True
    house.alerts.send(RISK)
    assert (house.kept["me"].titles, house.kept["phone"].titles) == ([RISK.title], [])
    assert house.alerts.again() == 1  # not due yet
    (waiting,) = [row for row in house.rows("alert_deliveries") if row["delivered_at"] is None]
    assert (waiting["recipient"], waiting["attempts"], waiting["error"]) == ("phone", 1, "no line")
    house.kept["phone"].broken = False
    house.later(minutes=2)
    assert house.alerts.again() == 0
    assert (house.kept["me"].titles, house.kept["phone"].titles) == ([RISK.title], [RISK.title])


def test_attempts_come_at_longer_and_longer_intervals_and_end(warehouse: Warehouse) -> None:
    house = House(warehouse, phone="low")
    house.kept["phone"].broken = True
    house.alerts.send(RISK)
    begun = house.time
    tried: list[int] = []
    while house.time < begun + timedelta(days=2):
        house.later(minutes=1 if len(tried) < 40 else 20)
        house.alerts.again()
        tried.append(house.rows("alert_deliveries")[0]["attempts"])
    assert [tried.index(count) + 1 for count in range(2, 7)] == [1, 3, 7, 15, 31]
    assert tried[-1] == MOST_ATTEMPTS
    assert house.rows("alert_deliveries")[0]["next_attempt_at"] is None


def test_a_delivery_that_its_process_died_on_is_made_by_the_next(warehouse: Warehouse) -> None:
    house = House(warehouse, me="low")

    class Killed(BaseException):
        pass

    class Dying:
        def send(self, alert: Alert) -> None:
            raise Killed

    dying = RememberedAlerts(lambda: warehouse, {"me": Dying()}, {"me": "low"}, lambda: house.time)
    with pytest.raises(Killed):
        dying.send(RISK)
    assert house.alerts.again() == 1  # it might be on its way still
    house.later(minutes=2)
    assert house.alerts.again() == 0
    assert house.kept["me"].titles == [RISK.title]


def test_without_a_database_everybody_is_told_at_once(tmp_path: Path) -> None:
    house = House(DuckDBWarehouse(tmp_path / "never-prepared.duckdb"), me="high", phone="critical")
    house.alerts.send(RISK)
    house.alerts.over(RISK.about)
    assert (house.kept["me"].titles, house.kept["phone"].titles) == ([RISK.title], [])


def test_settings_say_from_where_on_who_is_told() -> None:
    settings = AlertSettings(thresholds={"me": "low", "phone": "critical"})
    told = {name: settings.threshold(name) for name in ("me", "phone", "slack", "log")}
    assert told == {"me": "low", "phone": "critical", "slack": "high", "log": "low"}
    assert SEVERITIES == ("low", "medium", "high", "critical")
