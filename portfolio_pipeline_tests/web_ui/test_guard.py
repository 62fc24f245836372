"""The guard lets in whoever opens the UI in a browser or asks it properly, and nobody else."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

import pytest

from portfolio_pipeline.web_ui.guard import Door, Guard, Message, Receive, Scope, Send

TOKEN = "a-long-and-secret-token"
HERE = Door("127.0.0.1", 3000)
LOCKED = Door("0.0.0.0", 3000, token=TOKEN)
JSON = {"content-type": "application/json"}
FOREIGN_PAGES = ("http://evil.example", "http://127.0.0.1:8000", "http://localhost:3000", "null", "", "http://[bad")


@dataclass
class Answer:
    """What came back; `inside` is whether the app behind the guard was asked."""

    status: int = 0
    text: str = ""
    inside: bool = False
    headers: dict[str, str] = field(default_factory=dict)


def ask(
    door: Door, method: str = "GET", path: str = "/", *, kind: str = "http", host: str = "127.0.0.1:3000", **told: str
) -> Answer:
    """One request; `told` are headers, `_` for `-`. A path may bring a query."""
    headers = [("host", host), *((name.replace("_", "-"), value) for name, value in told.items())]
    return ask_with(door, method, path, kind, headers)


def ask_with(door: Door, method: str, path: str, kind: str, headers: list[tuple[str, str]]) -> Answer:
    answer = Answer()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answer.inside = True
        if scope["type"] == "http":
            told = [(b"content-security-policy", b"script-src 'self'"), (b"X-Frame-Options", b"ALLOWALL")]
            await send({"type": "http.response.start", "status": 200, "headers": told})
            await send({"type": "http.response.body", "body": b"inside"})
        else:
            await send({"type": "websocket.accept"})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        if message["type"].endswith("response.start"):
            answer.status = message["status"]
            for name, value in message["headers"]:
                key = name.decode().lower()
                assert key == "content-security-policy" or key not in answer.headers
                answer.headers[key] = ", ".join(filter(None, (answer.headers.get(key), value.decode())))
        elif message["type"].endswith("response.body"):
            answer.text = message["body"].decode()
        elif message["type"] == "websocket.close":
            answer.status = message["code"]

    target, _, query = path.partition("?")
    scope: dict[str, Any] = {"type": kind, "path": target, "query_string": query.encode(), "scheme": "http"}
    if kind == "http":
        scope["method"] = method
    else:
        scope["extensions"] = {"websocket.http.response": {}}
    scope["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    asyncio.run(Guard(app, door)(scope, receive, send))
    return answer


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "LocalHost:3000", "[::1]:3000"])
def test_a_browser_that_opens_it_by_a_name_of_this_machine_is_let_in(host: str) -> None:
    assert ask(HERE, host=host, sec_fetch_site="none", sec_fetch_mode="navigate").inside


def test_its_own_page_may_ask_by_json_and_open_a_websocket() -> None:
    own = {"origin": "http://127.0.0.1:3000", "sec_fetch_site": "same-origin"}
    assert ask(HERE, "POST", "/graphql?op=Runs", content_type="application/json; charset=utf-8", **own).inside
    assert ask(HERE, path="/graphql", kind="websocket", **own).inside


def test_a_script_without_a_browser_may_ask_by_json() -> None:
    assert ask(HERE, "POST", "/graphql", content_type="application/json").inside


@pytest.mark.parametrize(
    "host", ["evil.example:3000", "evil.example", "127.0.0.1:3001", "127.0.0.1", "localhost", "10.0.0.7:3000", ""]
)
def test_another_name_that_leads_to_this_machine_is_refused(host: str) -> None:
    answer = ask(HERE, host=host)
    assert (answer.status, answer.inside) == (421, False)
    assert "PORTFOLIO_UI_HOSTS" in answer.text


def test_a_name_that_was_allowed_is_let_in_also_for_a_proxy_that_hides_it() -> None:
    door = Door("127.0.0.1", 3000, also=("desk.example", "other.example:8443"))
    assert ask(door, host="desk.example", origin="https://desk.example").inside
    assert ask(door, host="desk.example:3000").inside
    assert ask(door, host="other.example:8443").inside
    assert ask(door, host="127.0.0.1:3000", origin="https://desk.example").inside
    assert ask(door, host="other.example").status == 421
    assert ask(door, host="127.0.0.1:3000", origin="https://other.example").status == 403


def test_on_all_addresses_any_address_of_the_machine_will_do_but_no_name() -> None:
    door = Door("0.0.0.0", 3000)
    assert ask(door, host="10.0.0.7:3000").inside
    assert ask(door, host="[fe80::1]:3000").inside
    assert ask(door, host="10.0.0.7:3001").status == 421
    assert ask(door, host="10.0.0.7.evil.example:3000").status == 421


def test_a_port_that_browsers_leave_out_may_be_left_out() -> None:
    assert ask(Door("127.0.0.1", 80), host="localhost", origin="http://localhost").inside


@pytest.mark.parametrize("origin", FOREIGN_PAGES)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_page_of_somebody_else_is_refused(origin: str, kind: str) -> None:
    answer = ask(HERE, "POST", "/graphql", kind=kind, origin=origin, content_type="application/json")
    assert (answer.status, answer.inside) == (403, False)
    assert answer.text == "Only pages of the web UI itself may ask it for anything.\n"


def test_a_websocket_that_does_not_say_where_it_comes_from_is_refused() -> None:
    assert ask(HERE, path="/graphql", kind="websocket").status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "unheard-of"])
@pytest.mark.parametrize("goal", ["image", "script", "iframe", "empty"])
def test_what_another_page_embeds_is_refused(site: str, goal: str) -> None:
    mode = "navigate" if goal == "iframe" else "no-cors"
    assert ask(HERE, sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=goal).status == 403


def test_a_link_from_another_page_may_be_followed_but_no_form_sent() -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert ask(HERE, path="/runs", **link).inside
    assert ask(HERE, "POST", "/graphql", content_type="application/json", **link).status == 403


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/plain;application/json",
        'text/plain; x="application/json"',
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/graphql?query=mutation", "/report_asset_materialization/prices"])
def test_a_post_of_a_kind_that_a_form_can_send_is_refused(content_type: str, path: str) -> None:
    assert ask(HERE, "POST", path, content_type=content_type).status == 415


@pytest.mark.parametrize("path", ["/graphql?query=mutation", "/graphql/?query=mutation", "/graphql?%71uery=mutation"])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_nothing_is_asked_of_graphql_by_an_address(path: str, accept: str) -> None:
    assert ask(HERE, path=path, accept=accept).status == 405
    assert ask(HERE, "HEAD", path=path, accept=accept).status == 405


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_refused(method: str) -> None:
    assert ask(HERE, method, "/graphql").status == 405


@pytest.mark.parametrize("name", ["Host", "origin", "content-type", "sec-fetch-site"])
def test_a_header_sent_twice_is_refused(name: str) -> None:
    headers = [("host", "127.0.0.1:3000"), *JSON.items(), ("origin", "http://127.0.0.1:3000")]
    doubled = [*headers, ("sec-fetch-site", "same-origin"), (name, "text/plain")]
    assert ask_with(HERE, "POST", "/graphql", "http", doubled).status == 400


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "evil.example"])
def test_no_answer_can_be_framed_or_taken_for_something_else(host: str) -> None:
    headers = ask(HERE, host=host).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"].endswith("frame-ancestors 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_the_policy_of_the_page_itself_stays() -> None:
    assert ask(HERE).headers["content-security-policy"] == "script-src 'self', frame-ancestors 'none'"


def basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{secret}".encode()).decode()


def test_with_a_token_nobody_enters_without_it() -> None:
    for path, kind in (("/", "http"), ("/server_info", "http"), ("/graphql", "websocket")):
        answer = ask(LOCKED, path=path, kind=kind, origin="http://127.0.0.1:3000")
        assert (answer.status, answer.inside) == (401, False)
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert "PORTFOLIO_UI_TOKEN" in answer.text


@pytest.mark.parametrize(
    "given",
    [basic("another"), basic(""), basic(TOKEN + "x"), "Basic !", "Basic", f"Digest {TOKEN}", TOKEN, "Bearer ü", ""],
)
def test_a_wrong_token_is_refused(given: str) -> None:
    answer = ask(LOCKED, authorization=given)
    assert (answer.status, answer.inside) == (401, False)
    assert "set-cookie" not in answer.headers


def test_whoever_knows_the_token_gets_a_cookie_that_opens_this_ui_and_websockets() -> None:
    answer = ask(LOCKED, authorization=basic(TOKEN))
    assert answer.inside
    cookie, *rest = answer.headers["set-cookie"].split("; ")
    assert rest == ["Path=/", "HttpOnly", "SameSite=Strict"]
    assert TOKEN not in cookie
    assert ask(LOCKED, cookie=f"theme=dark; {cookie}").inside
    assert "set-cookie" not in ask(LOCKED, cookie=cookie).headers
    assert ask(LOCKED, path="/graphql", kind="websocket", cookie=cookie, origin="http://127.0.0.1:3000").inside
    assert ask(LOCKED, cookie=cookie[:-1]).status == 401
    assert ask(Door("0.0.0.0", 3000, token=TOKEN + "x"), cookie=cookie).status == 401
    assert ask(Door("0.0.0.0", 3001, token=TOKEN), host="127.0.0.1:3001", cookie=cookie).status == 401


def test_a_script_shows_the_token_as_bearer() -> None:
    assert ask(LOCKED, "POST", "/graphql", content_type="application/json", authorization=f"Bearer {TOKEN}").inside


def test_the_token_does_not_excuse_a_foreign_page_or_name() -> None:
    assert ask(LOCKED, authorization=basic(TOKEN), origin="http://evil.example").status == 403
    assert ask(LOCKED, authorization=basic(TOKEN), host="evil.example:3000").status == 421


def test_the_token_is_not_shown_with_the_door() -> None:
    assert TOKEN not in repr(LOCKED)


def test_read_only_leaves_graphql_alone_to_be_asked() -> None:
    door = Door("127.0.0.1", 3000, read_only=True)
    assert ask(door, "POST", "/graphql", content_type="application/json").inside
    assert ask(door, "POST", "/report_asset_check/prices", content_type="application/json").status == 403
