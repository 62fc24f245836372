"""The server: HTTP 1.1 on loopback, on a free port, in a thread of its own.

    with AlpacaServer(moment) as server:
        server.url, server.ledger, server.faults, server.requests

Requests are carried out one at a time. What was asked, and what was answered, stands in `requests`.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from portfolio_pipeline_tests.fakes.alpaca import rules, shapes
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.ledger import Activity, Ledger
from portfolio_pipeline_tests.fakes.alpaca.market_hours import MarketClock
from portfolio_pipeline_tests.fakes.alpaca.rules import Refusal

KEY, SECRET = "PKTESTTESTTESTTEST01", "s3cr3t/of+the+test=server/0123456789abcd"
PER_MINUTE = 200
Query = dict[str, str]


@dataclass(frozen=True)
class Asked:
    """One request, and the status it was answered with; None where the connection was dropped."""

    method: str
    path: str
    client_order_id: str | None
    status: int | None


class AlpacaServer:
    too_many: Mapping[str, object] = {"code": 42910000, "message": "too many requests."}

    def __init__(self, moment: datetime, *, key: str = KEY, secret: str = SECRET) -> None:
        self.clock = MarketClock(moment)
        self.ledger = Ledger(self.clock)
        self.key, self.secret = key, secret
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []
        self.lock = threading.RLock()
        self.before_each: Callable[[Asked], None] = lambda asked: None
        self.after_each: Callable[[Asked], None] = lambda asked: None
        """Called before a request is carried out, and when it was and before it is answered."""
        self._http = _Http(("127.0.0.1", 0), _handler(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"ALPACA_API_KEY": self.key, "ALPACA_SECRET_KEY": self.secret, "ALPACA_BASE_URL": self.url}

    def posts(self) -> Counter[str]:
        """How often each order was posted, by its client_order_id."""
        return Counter(
            asked.client_order_id for asked in self.requests if asked.method == "POST" and asked.client_order_id
        )

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, method: str, path: str, query: Query, body: dict[str, Any]) -> Any:
        """What the API answers; refused with a `Refusal`."""
        place = path.removeprefix("/v2")
        head, _, rest = place.strip("/").partition("/")
        route = f"{method} {head}"
        ledger = self.ledger
        if place == "/account":
            return shapes.account(ledger)
        if place == "/clock":
            return shapes.clock(self.clock)
        if place == "/calendar":
            first, last = (date.fromisoformat(query[name][:10]) for name in ("start", "end"))
            return shapes.calendar(first, last)
        if place == "/positions":
            return [shapes.position(ledger, symbol) for symbol in sorted(ledger.positions)]
        if place == "/assets":
            return [shapes.asset(ledger, symbol) for symbol in sorted(ledger.prices)]
        if head == "assets":
            if rest not in ledger.prices:
                raise Refusal(404, f"asset not found for {rest}", 40410000)
            return shapes.asset(ledger, rest)
        if place.startswith("/account/activities"):
            return self._activities(place.removeprefix("/account/activities").strip("/"), query)
        if route == "POST orders":
            return shapes.order(rules.submit(ledger, body))
        if place == "/orders:by_client_order_id":
            return shapes.order(self._seen(ledger.by_client_id(query.get("client_order_id", ""))))
        if route == "GET orders" and not rest:
            return self._orders(query)
        if route == "GET orders":
            return shapes.order(self._seen(ledger.orders.get(rest)))
        if route == "DELETE orders":
            rules.cancel(ledger, rest)
            return None
        raise Refusal(404, "endpoint not found", 40410000)

    @staticmethod
    def _seen(order: Any) -> Any:
        if order is None:
            raise rules.not_found()
        if order.hidden_for:
            order.hidden_for -= 1
            raise rules.not_found()
        return order

    def _orders(self, query: Query) -> list[dict[str, Any]]:
        wanted, limit = query.get("status", "open"), min(int(query.get("limit", "50")), 500)
        after, until = (moment_of(query.get(name)) for name in ("after", "until"))
        symbols = set(query["symbols"].split(",")) if query.get("symbols") else None
        found = []
        for order in self.ledger.orders.values():
            if wanted != "all" and order.open != (wanted == "open"):
                continue
            if (after and order.submitted_at <= after) or (until and order.submitted_at >= until):
                continue
            if symbols is not None and order.symbol not in symbols:
                continue
            if order.hidden_for:
                order.hidden_for -= 1
                continue
            found.append(order)
        found.sort(key=lambda order: (order.submitted_at, order.id), reverse=query.get("direction", "desc") == "desc")
        return [shapes.order(order) for order in found[:limit]]

    def _activities(self, kind: str, query: Query) -> list[dict[str, Any]]:
        kinds = {one for one in (kind or query.get("activity_types", "")).split(",") if one}
        size = int(query.get("page_size", "100"))
        if size > 100:
            raise Refusal(422, "page_size must be less than or equal to 100", 42210000)
        after, until = (moment_of(query.get(name)) for name in ("after", "until"))
        found = []
        for one in self.ledger.activities:
            if one.hidden_for:
                one.hidden_for -= 1
                continue
            if (not kinds or one.kind in kinds) and not (after and one.at <= after) and not (until and one.at >= until):
                found.append(one)
        found.sort(key=lambda one: one.id, reverse=query.get("direction", "desc") == "desc")
        token = query.get("page_token")
        if token:
            listed = [one.id for one in found]
            if token not in listed:
                raise Refusal(422, "invalid page_token", 42210000)
            found = found[listed.index(token) + 1 :]
        page: list[Activity] = found[:size]
        return [shapes.activity(one) for one in page]


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who was killed does not hear the end; anything else is a mistake here."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def moment_of(text: str | None) -> datetime | None:
    """A moment as the API takes it: a day, or with time and zone."""
    if not text:
        return None
    found = datetime.fromisoformat(text.replace(" ", "+"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _handler(server: AlpacaServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length) if length else b""
            body = json.loads(sent) if sent else {}
            name = body.get("client_order_id") or query.get("client_order_id")
            server.before_each(Asked(self.command, parts.path, name, None))
            with server.lock:
                fault = next((one for one in server.faults if one.strikes(self.command, parts.path)), None)
                status, answer = self._carried_out(fault, parts.path, query, body)
                told = None if fault is not None and fault.kind.startswith("dropped") else status
                asked = Asked(self.command, parts.path, name, told)
                server.requests.append(asked)
            server.after_each(asked)
            self._tell(fault, status, answer)

        def _carried_out(self, fault: Fault | None, path: str, query: Query, body: dict[str, Any]) -> tuple[int, Any]:
            if fault is not None and not fault.carries_out:
                if fault.kind == "rate limit":
                    return 429, server.too_many
                if fault.kind == "unauthorized":
                    return 401, rules.unauthorized().body
                return fault.status or 0, {"code": 50010000, "message": "internal server error"}
            try:
                if (self.headers.get("APCA-API-KEY-ID"), self.headers.get("APCA-API-SECRET-KEY")) != (
                    server.key,
                    server.secret,
                ):
                    raise rules.unauthorized()
                answer = server.answer(self.command, path, query, body)
                status = 204 if answer is None else 200
            except Refusal as refusal:
                return refusal.status, refusal.body
            if fault is not None and fault.status is not None:
                return fault.status, {"message": "upstream request timeout"}
            return status, answer

        def _tell(self, fault: Fault | None, status: int, answer: Any) -> None:
            kind = fault.kind if fault is not None else None
            if kind is not None and kind.startswith("dropped"):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if fault is not None and kind == "latency":
                time.sleep(fault.seconds)
            sent = b"" if answer is None or kind == "empty" else json.dumps(answer).encode()
            if status == 504 or kind == "garbage":
                sent = b"<html><body>\xff\xfe 504 Gateway Time-out</body></html>"
            length = len(sent)
            if kind == "truncated":
                sent = sent[: length // 2]
                self.close_connection = True
            reset = int(time.time() + (fault.seconds if fault is not None and status == 429 else 60))
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(length))
            self.send_header("X-RateLimit-Limit", str(PER_MINUTE))
            self.send_header("X-RateLimit-Remaining", "0" if status == 429 else str(PER_MINUTE - 1))
            self.send_header("X-RateLimit-Reset", str(reset))
            self.end_headers()
            self.wfile.write(sent)

    return Handler
