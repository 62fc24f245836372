"""Alerts by e-mail, Slack, SMS, webhooks and whatever else apprise knows, each by a URL. The URL is a secret."""

from __future__ import annotations

import logging
import re
from urllib.parse import unquote

from portfolio_pipeline.core.alerting.alert import Alert, Severity
from portfolio_pipeline.core.errors import ConfigurationError, PortfolioError

PREFIX = "ALERT_URL_"
_KINDS: dict[Severity, str] = {"low": "info", "medium": "info", "high": "warning", "critical": "failure"}
_SHORTEST_SECRET = 4
_TIMEOUTS = "cto=5.0&rto=10.0"  # seconds to connect and to be answered; who writes their own keeps them


class UrlMessenger:
    """`ports.alerts.Messenger` by one URL of apprise."""

    def __init__(self, name: str, url: str) -> None:
        self._name, self._url = name, url

    def send(self, alert: Alert) -> None:
        import apprise

        messenger = apprise.Apprise()
        with _HeardFrom("apprise") as heard:
            if not messenger.add(self._timed()):
                raise ConfigurationError(
                    "ALERT_URL_WRONG",
                    variable=f"{PREFIX}{self._name.upper()}",
                    expected="a URL as apprise knows them: mailto://…, slack://…, twilio://…, json://…",
                    remedy="Mend the variable, then: portfolio alerts test.",
                )
            title = f"[{alert.severity}] {alert.title}"
            taken = messenger.notify(body=alert.told, title=title, notify_type=_KINDS[alert.severity])
        if not taken:
            raise PortfolioError("ALERT_NOT_TAKEN", recipient=self._name, why=self._without_secrets(heard.words))

    def _timed(self) -> str:
        if "cto=" in self._url or "rto=" in self._url:
            return self._url
        return f"{self._url}{'&' if '?' in self._url else '?'}{_TIMEOUTS}"

    def _without_secrets(self, words: str) -> str:
        """Nothing of the URL but its scheme: tokens stand in its path as often as in its password."""
        _, _, rest = self._url.partition("://")
        parts = {part for part in re.split(r"[/?&=:@,#]+", rest) if len(part) >= _SHORTEST_SECRET}
        for part in sorted({*parts, *map(unquote, parts)}, key=len, reverse=True):
            words = words.replace(part, "…")
        return words or "the reason was not told"


class _HeardFrom(logging.Handler):
    """What a logger says meanwhile, and to nobody else: its lines may hold what is in a URL."""

    def __init__(self, logger: str) -> None:
        super().__init__(logging.WARNING)
        self._logger, self._lines = logging.getLogger(logger), list[str]()

    @property
    def words(self) -> str:
        return " ".join(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def __enter__(self) -> _HeardFrom:
        self._propagated, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated
