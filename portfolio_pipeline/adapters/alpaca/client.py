"""Asking Alpaca over HTTP with alpaca-py: a limit of time on every call, and errors told apart.

alpaca-py knows no time limit, and repeats every request by itself, orders too: both are seen to here. It is asked for
raw answers, since its models refuse what they do not know: a new status of an order must not hide the order.
What is refused is a `Refused`; where nothing is known of the outcome, an `Unclear`; wrong keys are the person's to
mend. Too many requests are waited out as the answer's headers say: nothing was done of them.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.core.errors import BrokerError, PortfolioError

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient

_LOG = logging.getLogger(__name__)
_LONGEST_WAIT = 75.0
_MOST_WAITS = 20
_TOLD = 300
WHEN_IT_ANSWERS = "Nothing more was sent. Give the same command again when it answers: it goes on where it stands."


@dataclass(frozen=True)
class Patience:
    """How long is waited for what, in seconds."""

    connect: float = 5.0
    answer: float = 20.0
    questions: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Between repetitions of a question."""
    lookups: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    """Between looks for an order of which nothing is known."""
    in_flight: float = 60.0
    """A request that was sent longer ago than that does not arrive any more."""


@dataclass(frozen=True)
class Door:
    """One of alpaca-py's clients: where it asks, how it is opened, and what is said when nothing answers there."""

    url: str
    open: Callable[[], RESTClient]
    unreachable: str = "BROKER_UNREACHABLE"
    error: type[PortfolioError] = BrokerError
    remedy: str = WHEN_IT_ANSWERS


class Refused(Exception):
    """Alpaca has understood and says no. Codes stand for many things: status and message say which."""

    def __init__(self, status: int, code: int | None, message: str) -> None:
        super().__init__(f"{message} (HTTP {status}{f', code {code}' if code is not None else ''})")
        self.status, self.code, self.message = status, code, message


class Unclear(Exception):
    """Nobody knows whether the request was carried out: no answer in time, none that can be read, or an inner error."""


class AlpacaClient:
    def __init__(
        self,
        access: AlpacaAccess,
        door: Door,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._access, self._door, self._sleep = access, door, sleep
        self.patience = patience or Patience()
        self._client: RESTClient | None = None
        self._allowed_at = 0.0
        self.doing = ""
        """What is under way, for who has to wait."""

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """An answer that can be read; a question may be repeated without harm."""
        last = None
        for pause in (*self.patience.questions, None):
            try:
                return self._ask("GET", path, query)
            except Unclear as unclear:
                last = unclear
            if pause is not None:
                self._sleep(pause)
        raise self._door.error(self._door.unreachable, at=self._door.url, found=last, remedy=self._door.remedy)

    def get_once(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """As `get`, without repetition: where nothing can be known, `Unclear`."""
        return self._ask("GET", path, query)

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        return self._ask("POST", path, body)

    def delete(self, path: str) -> None:
        """A request to take something back; what has become of it has to be asked for."""
        self._ask("DELETE", path, None)

    def _ask(self, method: str, path: str, data: Mapping[str, object] | None) -> Any:
        for number in range(_MOST_WAITS):
            self._wait_until_allowed()
            try:
                return self._answer(method, path, data)
            except _TooMany as too_many:
                # From 1 second on, doubling, where the answer does not say when.
                self._hold(too_many.seconds if too_many.seconds is not None else min(2.0**number, _LONGEST_WAIT))
        raise self._door.error(
            "RATE_LIMITED", found=f"{_MOST_WAITS} refusals in a row", remedy="Somebody else uses up the account's rate."
        )

    def _answer(self, method: str, path: str, data: Mapping[str, object] | None) -> Any:
        from alpaca.common.exceptions import APIError

        client = self._opened()
        try:
            if method == "DELETE":
                return client.delete(path)
            found = client.get(path, dict(data or {})) if method == "GET" else client.post(path, dict(data or {}))
        except APIError as error:
            raise self._told(error.status_code, error.response, str(error)) from None
        except requests.RequestException as error:  # no connection, no time left, or an answer that is not JSON
            raise Unclear(self._shown(f"{type(error).__name__}: {error}")) from None
        if found is None:
            raise Unclear("an answer without content")
        return found

    def _told(self, status: int | None, response: requests.Response | None, text: str) -> Exception:
        if status == 429:
            return _TooMany(_seconds_to_reset(response))
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        if status is None or not 400 <= status < 500 or status == 408 or not isinstance(body, dict):
            return Unclear(self._shown(f"HTTP {status}: {text}"))
        code = body["code"] if isinstance(body.get("code"), int) else None
        message = self._shown(str(body.get("message") or text))
        # Of the broker's errors only those of keys carry no code; of the vendor's none does.
        if status == 401 or (status == 403 and code is None and "subscription" not in message):
            return self._door.error(
                "ALPACA_REFUSES_THE_KEYS",
                at=self._door.url,
                found=message,
                remedy="Look whether ALPACA_API_KEY and ALPACA_SECRET_KEY are those of this account, and still valid.",
            )
        return Refused(status, code, message)

    def _shown(self, text: str) -> str:
        return self._access.without_secrets(" ".join(text.split()))[:_TOLD]

    def _opened(self) -> RESTClient:
        if self._client is None:
            client = self._door.open()
            if not (hasattr(client, "_retry") and isinstance(getattr(client, "_session", None), requests.Session)):
                raise BrokerError(
                    "ALPACA_PY_CHANGED",
                    found="a version of alpaca-py that repeats orders by itself",
                    remedy="Nothing was sent. Install the one that .requirements.lock names.",
                )
            client._retry = 0
            for scheme in ("https://", "http://"):
                client._session.mount(scheme, _InTime(self.patience))
            client._session.hooks["response"].append(self._note)
            self._client = client
        return self._client

    def _note(self, response: requests.Response, *_: object, **__: object) -> None:
        """Nothing is asked any more until the minute is over, when this was the last request that it allows."""
        if response.headers.get("X-RateLimit-Remaining") == "0" and response.status_code != 429:
            seconds = _seconds_to_reset(response)
            if seconds:
                self._hold(seconds)

    def _hold(self, seconds: float) -> None:
        wait = min(max(seconds, 0.05), _LONGEST_WAIT)
        self._allowed_at = time.monotonic() + wait
        if wait >= 1.0:
            doing = f" {self.doing}" if self.doing else ""
            _LOG.warning("Alpaca takes no more requests for %.0f s.%s", wait, doing)

    def _wait_until_allowed(self) -> None:
        left = self._allowed_at - time.monotonic()
        if left > 0:
            self._sleep(left)


class _TooMany(Exception):
    def __init__(self, seconds: float | None) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class _InTime(HTTPAdapter):
    """A limit of time on every request, and no repetition."""

    def __init__(self, patience: Patience) -> None:
        super().__init__(max_retries=0)
        self._timeout = (patience.connect, patience.answer)

    def send(self, request: Any, *arguments: Any, **options: Any) -> requests.Response:
        options["timeout"] = options.get("timeout") or self._timeout
        return super().send(request, *arguments, **options)


def _seconds_to_reset(response: requests.Response | None) -> float | None:
    """By the server's own clock, where it tells the time."""
    if response is None:
        return None
    try:
        reset = float(response.headers["X-RateLimit-Reset"])
        told = response.headers.get("Date")
        now = parsedate_to_datetime(told).timestamp() if told else time.time()
    except (KeyError, ValueError, TypeError):
        return None
    return max(reset - now, 0.0)
