"""Alerts with a memory in the database: nobody is told the same twice, and what was not taken is tried again.

What is to be told is written down before it is sent, so that a process that dies on the way leaves it to the next.
Where the database cannot be reached everything is told at once, remembered or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from portfolio_pipeline.adapters.alerts.log import LOGGER
from portfolio_pipeline.adapters.faults import as_refusals
from portfolio_pipeline.core.alerting.alert import Alert, Severity, reaches
from portfolio_pipeline.core.alerting.episodes import Episode, News, come_up, is_over, next_attempt
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.tables import ALERT_DELIVERIES, ALERTS, Table
from portfolio_pipeline.core.tables.rows import arrow_schema
from portfolio_pipeline.ports import Reader, Transaction, Warehouse
from portfolio_pipeline.ports.alerts import Messenger

_UNDER_WAY = timedelta(minutes=2)
"""How long whoever wrote a delivery down has it to themselves."""
_KEY = ALERT_DELIVERIES.key


@dataclass(frozen=True)
class RememberedAlerts:
    """`ports.alerts.Alerts`. The warehouse is opened when there is something to tell."""

    warehouse: Callable[[], Warehouse]
    messengers: Mapping[str, Messenger]
    thresholds: Mapping[str, Severity]
    now: Callable[[], datetime]

    def send(self, alert: Alert) -> None:
        try:
            with as_refusals(), self.warehouse().transaction() as tx:
                due = self._written(tx, come_up(_open(tx, alert.matter), alert, self._utc(), self.thresholds))
        except PortfolioError as refusal:
            LOGGER.warning("alerts cannot be remembered, so this one is told at once: %s", refusal)
            self._tell_at_once(alert)
            return
        self._deliver(due)

    def over(self, about: str, message: str = "") -> None:
        try:
            with as_refusals(), self.warehouse().reading() as reader:
                if _open(reader, about) is None:
                    return
            with as_refusals(), self.warehouse().transaction() as tx:
                found = _open(tx, about)
                ended = None if found is None else is_over(found, message, self._utc(), self.thresholds)
                due = self._written(tx, ended)
        except PortfolioError as refusal:
            LOGGER.warning("nobody is told that %s is over: %s", about, refusal)
            return
        self._deliver(due)

    def again(self) -> int:
        now = self._utc()
        waiting = [
            row
            for row in self.warehouse().read(ALERT_DELIVERIES.name, where={"delivered_at": None}).to_pylist()
            if row["next_attempt_at"] is not None
        ]
        due = [row for row in waiting if row["next_attempt_at"] <= now]
        return len(waiting) - self._deliver(due)

    def _written(self, tx: Transaction, news: News | None) -> list[dict[str, Any]]:
        """The deliveries of some news, after the tables were told of them."""
        if news is None:
            return []
        alert, episode = news.alert, news.episode
        key = {"about": alert.matter, "since": episode.since}
        now = {"changed_at": episode.changed_at, "over_at": episode.over_at}
        said = {"severity": alert.severity, "title": alert.title, "message": alert.message}
        if news.notice == "over":  # as it was
            said = {name: getattr(episode.alert, name) for name in said}
        tx.delete(ALERTS.name, None, where=key)
        tx.insert(ALERTS.name, _rows(ALERTS, [{**key, **said, "pointer": episode.alert.pointer, **now}]))
        deliveries = [
            {
                **key,
                "notice_at": episode.changed_at,
                "recipient": recipient,
                "notice": news.notice,
                "severity": alert.severity,
                "title": alert.title,
                "message": alert.told,
                "attempts": 0,
                "delivered_at": None,
                "next_attempt_at": episode.changed_at + _UNDER_WAY,
                "error": None,
            }
            for recipient in news.recipients
        ]
        if deliveries:
            tx.insert(ALERT_DELIVERIES.name, _rows(ALERT_DELIVERIES, deliveries))
        return deliveries

    def _deliver(self, due: list[dict[str, Any]]) -> int:
        """Try each once and write down what came of it; says how many are no longer waiting."""
        tried = [self._tried(row) for row in due]
        if not tried:
            return 0
        try:
            with as_refusals(), self.warehouse().transaction() as tx:
                for row in tried:
                    tx.delete(ALERT_DELIVERIES.name, None, where={name: row[name] for name in _KEY})
                tx.insert(ALERT_DELIVERIES.name, _rows(ALERT_DELIVERIES, tried))
        except PortfolioError as refusal:
            LOGGER.warning("it is not remembered who was told: %s", refusal)
        return sum(row["next_attempt_at"] is None for row in tried)

    def _tried(self, row: dict[str, Any]) -> dict[str, Any]:
        attempts, now, name = row["attempts"] + 1, self._utc(), row["recipient"]
        why = self._refused(name, Alert(row["severity"], row["title"], row["message"], row["about"]))
        if why is None:
            return {**row, "attempts": attempts, "delivered_at": now, "next_attempt_at": None, "error": None}
        again = next_attempt(attempts, now)
        LOGGER.critical("%s was not told %r: %s", name, row["title"], why)
        return {**row, "attempts": attempts, "next_attempt_at": again, "error": why}

    def _tell_at_once(self, alert: Alert) -> None:
        for name in self.messengers:
            if reaches(alert.severity, self.thresholds[name]):
                why = self._refused(name, alert)
                if why is not None:
                    LOGGER.critical("%s was not told %r: %s", name, alert.title, why)

    def _refused(self, name: str, alert: Alert) -> str | None:
        if name not in self.messengers:
            return "there is no such recipient any more"
        try:
            self.messengers[name].send(alert)
        except Exception as error:  # noqa: BLE001  Each messenger has errors of its own.
            return str(error) or type(error).__name__
        return None

    def _utc(self) -> datetime:
        return self.now().astimezone(UTC).replace(tzinfo=None)


def _open(reader: Reader, about: str) -> Episode | None:
    """The episode of a matter that is not over."""
    rows = reader.read(ALERTS.name, where={"about": about, "over_at": None}).to_pylist()
    if not rows:
        return None
    row = rows[-1]
    told = reader.read(ALERT_DELIVERIES.name, where={"about": about, "since": row["since"]})
    alert = Alert(row["severity"], row["title"], row["message"], about, row["pointer"])
    return Episode(alert, row["since"], row["changed_at"], told_to=frozenset(told["recipient"].to_pylist()))


def _rows(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(table))
