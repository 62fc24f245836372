"""Who may speak to the web UI: a guard before an ASGI app. Of that app, and of processes, nothing is known here.

Dagster's own server answers whoever asks. Any page in the same browser could so start a run: by an image whose address
is a mutation, by a form, by a WebSocket, or under a name of its own that it points to this machine. Here

- a request names this UI (`Host`), and comes from a page of this UI or from none (`Origin`, `Sec-Fetch-Site`);
- what changes something is sent by POST as application/json, which a browser lets no other page do;
- a WebSocket names the page that opens it, and that is one of this UI;
- no page can show this one in a frame;
- with a token, whoever asks has to know it.

What is refused gets one sentence that says what to do.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_GRAPHQL = "/graphql"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LEFT_OUT_BY_BROWSERS = (80, 443)
_ONE_AT_MOST = ("host", "origin", "content-type", "authorization", "cookie", "sec-fetch-site")
_ON_EVERY_ANSWER = {
    b"x-frame-options": b"DENY",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
# Beside the policy that a page of the app brings: a browser keeps to both.
_NO_FRAMES = (b"content-security-policy", b"frame-ancestors 'none'")


@dataclass(frozen=True)
class Door:
    """Where the UI is served, and who may enter. `also` are further names by which people, or a proxy, reach it."""

    host: str
    port: int
    also: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    read_only: bool = False

    def leads_here(self, name: str) -> bool:
        """Whether a request for this name, written as in `Host`, is meant for this UI."""
        own = (*_LOOPBACK, in_an_address(self.host))
        names = {f"{one}:{self.port}" for one in own} | (set(own) if self.port in _LEFT_OUT_BY_BROWSERS else set())
        # On all addresses, any address will do: only a name can be pointed elsewhere by whoever owns it.
        return name in names or self.is_also_known_as(name) or (_is_every(self.host) and _is_address(name, self.port))

    def is_also_known_as(self, name: str) -> bool:
        return any(name in (one, f"{one}:{self.port}") for one in self.also)

    @property
    def cookie(self) -> str:
        """Its name; cookies go to every port of a machine, so each UI has one of its own."""
        return f"portfolio_ui_{self.port}"

    @property
    def pass_word(self) -> str:
        """What the cookie holds: it opens this UI alone, and the token cannot be told from it."""
        return hmac.new((self.token or "").encode(), f"portfolio web ui {self.port}".encode(), "sha256").hexdigest()


@dataclass(frozen=True)
class _Refusal:
    status: int
    why: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Guard:
    """An ASGI app that lets through to another what the door allows."""

    def __init__(self, app: App, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers, doubled = _headers(scope)
        refusal = _Refusal(400, "A header was sent twice.") if doubled else self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, send, refusal)
        else:
            await self._app(scope, receive, self._with_headers(scope, headers, send))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> _Refusal | None:
        return self._of_stranger(scope, headers) or self._of_unknown(headers) or self._of_request(scope, headers)

    def _of_stranger(self, scope: Scope, headers: dict[str, str]) -> _Refusal | None:
        """It does not speak to this UI, or a page of somebody else speaks."""
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if not self._door.leads_here(host):
            return _Refusal(
                421,
                f"The web UI does not answer to this name. Open it at port {self._door.port} of 127.0.0.1,"
                " or add the name to PORTFOLIO_UI_HOSTS.",
            )
        if origin is None and scope["type"] == "websocket":
            return _Refusal(403, "A WebSocket has to say by Origin which page opens it.")
        if origin is not None and not self._is_own_page(origin.lower(), host):
            return _Refusal(403, "Only pages of the web UI itself may ask it for anything.")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _follows_a_link(scope, headers):
            return _Refusal(403, "Only pages of the web UI itself may ask it for anything.")
        return None

    def _of_unknown(self, headers: dict[str, str]) -> _Refusal | None:
        """There is a token, and it does not know it."""
        if self._door.token is None or self._shows_cookie(headers) or self._knows_token(headers):
            return None
        asks = ((b"www-authenticate", b'Basic realm="portfolio", charset="UTF-8"'),)
        return _Refusal(401, "Log in with any name and, as the password, the value of PORTFOLIO_UI_TOKEN.", asks)

    def _of_request(self, scope: Scope, headers: dict[str, str]) -> _Refusal | None:
        """It asks in a way in which another page's request could be made to look as one of the UI's own."""
        if scope["type"] == "websocket":
            return None
        method, path = scope["method"], scope["path"].rstrip("/")
        if method not in ("GET", "HEAD", "POST"):
            return _Refusal(405, "The web UI is asked by GET and POST only.", ((b"allow", b"GET, HEAD, POST"),))
        if method != "POST":
            if path == _GRAPHQL and scope["query_string"]:
                return _Refusal(405, "GraphQL is asked by POST, as application/json.", ((b"allow", b"POST"),))
            return None
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return _Refusal(415, "Send it as application/json.")
        if self._door.read_only and path != _GRAPHQL:
            return _Refusal(403, "The web UI was started with --read-only.")
        return None

    def _is_own_page(self, origin: str, host: str) -> bool:
        scheme, _, name = origin.partition("://")
        return scheme in ("http", "https") and (name == host or self._door.is_also_known_as(name))

    def _shows_cookie(self, headers: dict[str, str]) -> bool:
        shown = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
        return any(name == self._door.cookie and _same(value, self._door.pass_word) for name, _, value in shown)

    def _knows_token(self, headers: dict[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif scheme.lower() != "bearer":
            return False
        return _same(given, self._door.token or "")

    def _with_headers(self, scope: Scope, headers: dict[str, str], send: Send) -> Send:
        # Browsers open a WebSocket with the cookie, but not all of them with a name and a password.
        logs_in = self._door.token is not None and not self._shows_cookie(headers)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _guarded(message.get("headers", ()))
                if logs_in:
                    secure = "; Secure" if scope.get("scheme") == "https" else ""
                    cookie = f"{self._door.cookie}={self._door.pass_word}; Path=/; HttpOnly; SameSite=Strict{secure}"
                    message["headers"].append((b"set-cookie", cookie.encode()))
            await send(message)

        return sent


def in_an_address(host: str) -> str:
    """A host as it is written before a port."""
    return f"[{host}]" if ":" in host else host.lower()


def _headers(scope: Scope) -> tuple[dict[str, str], bool]:
    """The headers by name, and whether one was sent twice that two readers could then understand differently."""
    names = [name.decode("latin-1").lower() for name, _ in scope["headers"]]
    values = [value.decode("latin-1").strip() for _, value in scope["headers"]]
    return dict(zip(names, values, strict=True)), any(names.count(name) > 1 for name in _ONE_AT_MOST)


def _follows_a_link(scope: Scope, headers: dict[str, str]) -> bool:
    """Whether a person goes from another page to this UI, which then fills the window: nobody else sees the answer."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _is_every(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_address(name: str, port: int) -> bool:
    host = name.removesuffix(f":{port}")
    if host == name and port not in _LEFT_OUT_BY_BROWSERS:
        return False
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _guarded(headers: Any) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name.lower() not in _ON_EVERY_ANSWER]
    return [*kept, *_ON_EVERY_ANSWER.items(), _NO_FRAMES]


async def _refuse(scope: Scope, send: Send, refusal: _Refusal) -> None:
    kind = "http"
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.why})
            return
        kind = "websocket.http"
    text = refusal.why.encode() + b"\n"
    told = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
        *refusal.headers,
    ]
    await send({"type": f"{kind}.response.start", "status": refusal.status, "headers": _guarded(told)})
    await send({"type": f"{kind}.response.body", "body": text})
