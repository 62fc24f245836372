"""The served web UI: a stranger's page gets nowhere, its own pages work, and it ends with the command that started it.

All with the real `portfolio up` and a real browser.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.core.calendar.sessions import last_closed_session
from portfolio_pipeline_tests.cli.house import small
from portfolio_pipeline_tests.web_ui.browser import CHROMIUM, STRANGER, Browser, Page, started_browser
from portfolio_pipeline_tests.web_ui.served import ROOT, House, environment, portfolio, serving, start

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
    pytest.mark.timeout(400),
]

CHANGE = "mutation { setAutoMaterializePaused(paused: true) }"
CHANGE_BACK = "mutation { setAutoMaterializePaused(paused: false) }"
LOOK = "{ instance { autoMaterializePaused } }"
_QUERY = urllib.parse.quote(CHANGE)
_BODY = json.dumps(json.dumps({"query": CHANGE}))
# Scripts of a page that is not the UI's. Each tells what came of it, as far as the browser lets the page know.
ATTACKS = {
    "an image": f"""new Promise(done => {{
        const image = new Image();
        image.onload = image.onerror = () => done("over");
        image.src = "UI/graphql?query={_QUERY}"; }})""",
    "a script": f"""new Promise(done => {{
        const script = document.createElement("script");
        script.onload = script.onerror = () => done("over");
        script.src = "UI/graphql?query={_QUERY}";
        document.body.append(script); }})""",
    "text/plain": f"""fetch("UI/graphql", {{method: "POST", mode: "no-cors", body: {_BODY}}})
        .then(() => "over", () => "over")""",
    "text/plain that looks like json": f"""fetch("UI/graphql", {{method: "POST", mode: "no-cors", body: {_BODY},
        headers: {{"Content-Type": "text/plain;application/json"}}}}).then(() => "over", () => "over")""",
    "a query without a body": f"""fetch("UI/graphql?query={_QUERY}", {{method: "POST", mode: "no-cors"}})
        .then(() => "over", () => "over")""",
    "json": f"""fetch("UI/graphql", {{method: "POST", body: {_BODY}, headers: {{"Content-Type": "application/json"}}}})
        .then(() => "answered", () => "over")""",
    "json with cookies": f"""fetch("UI/graphql", {{method: "POST", credentials: "include", body: {_BODY},
        headers: {{"Content-Type": "application/json"}}}}).then(() => "answered", () => "over")""",
    "a beacon": f"""new Promise(done => {{
        navigator.sendBeacon("UI/graphql?query={_QUERY}", new Blob([{_BODY}], {{type: "text/plain"}}));
        setTimeout(() => done("over"), 1000); }})""",
    "reading": """fetch("UI/server_info").then(() => "answered", () => "over")""",
    "a WebSocket": """new Promise(done => {
        const opened = new WebSocket("UI/graphql".replace("http", "ws"), "graphql-ws");
        opened.onopen = () => done("answered");
        opened.onerror = () => done("over"); })""",
}
LAUNCH = """mutation Launch($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
    __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }"""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>a stranger's</title><body>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with serving(small(tmp_path_factory.mktemp("served") / "home"), "--sessions", "2") as started:
        yield started


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started_browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of a server with an empty page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture(scope="module", params=[STRANGER, "127.0.0.1"])
def page(request: pytest.FixtureRequest, browser: Browser, elsewhere: int) -> Iterator[Page]:
    """A page of a stranger; or one of this machine, from another port."""
    with browser.page(f"http://{request.param}:{elsewhere}/") as opened:
        yield opened


def _asked(body: str) -> str:
    """A script by which a page of the UI asks it, as all its pages do."""
    told = f'{{method: "POST", body: {json.dumps(body)}, headers: {{"Content-Type": "application/json"}}}}'
    return f'fetch("/graphql", {told}).then(answer => answer.json())'


def changed(house: House) -> bool:
    return bool(house.asks(LOOK)["instance"]["autoMaterializePaused"])


def test_the_ui_itself_can_change_what_the_attacks_try_to_change(house: House, browser: Browser) -> None:
    with browser.page(f"{house.address}/deployment") as own:
        for mutation, expected in ((CHANGE, True), (CHANGE_BACK, False)):
            body = json.dumps(json.dumps({"query": mutation}))
            told = (
                f'fetch("/graphql", {{method: "POST", body: {body}, headers: {{"Content-Type": "application/json"}}}})'
            )
            assert own.evaluate(f"{told}.then(answer => answer.status)") == 200
            assert changed(house) == expected


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_page_from_elsewhere_gets_nowhere_by(attack: str, house: House, page: Page) -> None:
    assert page.evaluate(ATTACKS[attack].replace("UI", house.address)) == "over"
    assert not changed(house)


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_from_elsewhere_gets_nowhere(kind: str, house: House, browser: Browser, elsewhere: int) -> None:
    with browser.page(f"http://{STRANGER}:{elsewhere}/") as page:
        page.evaluate(f"""{{
            const form = document.createElement("form");
            form.method = "post"; form.enctype = "{kind}"; form.action = "{house.address}/graphql?query={_QUERY}";
            const field = document.createElement("input");
            field.name = '{{"query": "{CHANGE}", "x": "'; field.value = '"}}';
            form.append(field); document.body.append(form); form.submit(); }}""")
        page.until_it_shows("Only pages of the web UI itself may ask it for anything.")
    assert not changed(house)


def test_no_page_shows_it_in_a_frame(house: House, page: Page, elsewhere: int) -> None:
    assert not _keeps_out_of_a_frame(page, f"http://127.0.0.1:{elsewhere}/")
    assert _keeps_out_of_a_frame(page, f"{house.address}/runs")


def _keeps_out_of_a_frame(page: Page, address: str) -> bool:
    page.events.clear()
    page.evaluate(f"""new Promise(done => {{
        const frame = document.createElement("iframe");
        frame.onload = done; frame.src = "{address}"; document.body.replaceChildren(frame); }}).then(() => 0)""")
    failed = [told["params"] for told in page.events if told["method"] == "Network.loadingFailed"]
    return any(told["type"] == "Document" and told["errorText"] == "net::ERR_BLOCKED_BY_RESPONSE" for told in failed)


def test_under_a_strangers_name_for_this_machine_it_does_not_answer(house: House, browser: Browser) -> None:
    with browser.page(f"http://{STRANGER}:{house.port}/") as page:
        page.until_it_shows("The web UI does not answer to this name.")


def test_without_a_browser_it_refuses_the_same(house: House) -> None:
    assert house.sends("GET", f"/graphql?query={_QUERY}")[0] == 405
    assert house.sends("POST", "/graphql", json.dumps({"query": CHANGE}), content_type="text/plain")[0] == 415
    assert house.sends("POST", f"/report_asset_materialization/prices?query={_QUERY}", "", content_type="x")[0] == 415
    assert house.sends("GET", "/server_info", host=f"{STRANGER}:{house.port}")[0] == 421
    assert house.sends("GET", "/server_info")[0] == 200
    for origin in (None, f"http://{STRANGER}"):
        with (
            pytest.raises(InvalidStatus, match="403"),
            connect(f"ws://127.0.0.1:{house.port}/graphql", origin=origin, subprotocols=["graphql-ws"]),  # type: ignore[arg-type, list-item]  # it has types of its own for words
        ):
            pass
    assert not changed(house)


RELOAD = """mutation { reloadRepositoryLocation(repositoryLocationName: "portfolio") { __typename } }"""
LOADED = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"


def test_what_is_wrong_with_a_card_is_all_that_the_page_says_of_it(house: House, browser: Browser) -> None:
    card = house.home / "strategies" / "mine.yaml"
    card.parent.mkdir(mode=0o700, exist_ok=True)
    card.write_text("name: mine\ntype: astrology\n", encoding="utf-8")
    try:
        house.asks(RELOAD)
        with browser.page(f"{house.address}/deployment/locations") as page:
            page.until_it_shows("View error")
            page.evaluate("[...document.querySelectorAll('button')].find(b => b.innerText === 'View error').click()")
            page.until_it_shows(
                f"CARD_WRONG: at={card}:1, entry=description, found=nothing", "Mend this line of the card."
            )
            for word in ("Traceback", "site-packages", "DagsterUserCode", "Stack Trace"):
                assert word not in page.text()
    finally:
        card.unlink()
        house.asks(RELOAD)
    [entry] = house.asks(LOADED)["workspaceOrError"]["locationEntries"]
    assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation"


def test_an_asset_is_shown_with_what_was_made_of_it(house: House, browser: Browser) -> None:
    with browser.page(f"{house.address}/assets/prices") as page:
        page.until_it_shows("prices", "Latest materialization", "market")
    with browser.page(f"{house.address}/locations/portfolio/jobs/daily") as page:
        page.until_it_shows("daily", "View as Asset Graph")


def test_the_log_of_a_run_streams_while_it_runs(house: House, browser: Browser) -> None:
    session = last_closed_session(wire().clock.now())
    chosen = {"path": ["data_quality_summary"]}
    job = {"repositoryLocationName": "portfolio", "repositoryName": "__repository__", "jobName": "daily"}
    parameters = {
        "selector": job | {"assetSelection": [chosen]},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": session.isoformat()}]},
    }
    launch = _asked(json.dumps({"query": LAUNCH, "variables": {"parameters": parameters}}))
    with browser.page(f"{house.address}/runs") as page:
        told = page.evaluate(launch)["data"]["launchRun"]
        assert told["__typename"] == "LaunchRunSuccess", told
        page.open(f"{house.address}/runs/{told['run']['id']}")
        page.until_it_shows("RUN_SUCCESS", seconds=120)
        streamed = [frame for frame in page.received() if "pipelineRunLogs" in frame]
        assert any("ExecutionStepStartEvent" in frame for frame in streamed)
        assert any("RunSuccessEvent" in frame for frame in streamed)


def test_a_second_one_in_the_same_home_is_refused_before_it_computes_anything(house: House) -> None:
    second = subprocess.run(
        portfolio("up"), cwd=ROOT, env=environment(house.home), capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode == 1
    assert f"WEB_UI_RUNNING: found=process {house.command.pid}, port {house.port}" in second.stderr
    assert "All sessions" not in second.stdout
    beside = subprocess.run(
        portfolio("up", "--no-ui"),
        cwd=ROOT,
        env=environment(house.home),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert beside.returncode == 0, beside.stderr
    assert "All sessions are there." in beside.stdout


def test_the_definitions_stay_after_an_hour_in_which_the_machine_slept(house: House) -> None:
    """Dagster's process with the definitions would end after half a minute, and with it the schedule, silently."""
    [told] = [line for line in house.processes() if " api grpc " in line]
    assert " --heartbeat-timeout 3600 " in told


def test_what_it_writes_is_nobody_elses_to_read(house: House) -> None:
    assert house.home.stat().st_mode & 0o777 == 0o700
    readable = [path for path in house.home.rglob("*") if path.exists() and path.stat().st_mode & 0o077]
    assert not readable


@pytest.mark.parametrize("killed", [signal.SIGKILL, signal.SIGHUP])
def test_when_the_command_is_killed_nothing_of_it_stays(killed: signal.Signals, house: House) -> None:
    """Last, as it takes the house down."""
    served = house if house.command.poll() is None else start(house.home)
    if served is not house:
        served.wait_until_it_serves()
    assert len(served.processes()) >= 5
    served.command.send_signal(killed)
    served.command.communicate(timeout=60)
    served.wait_until_nothing_is_left()
    assert "ending everything" in (served.home / "web_ui.log").read_text()


def test_when_the_process_that_keeps_the_others_is_killed_the_command_ends_with_them(house: House) -> None:
    again = start(house.home, "--read-only", PORTFOLIO_UI_TOKEN="a-long-and-secret-token")
    again.wait_until_it_serves()
    authorization = "Bearer a-long-and-secret-token"
    assert again.sends("GET", "/")[0] == 401
    assert again.sends("GET", "/", authorization=authorization)[0] == 200
    assert not again.asks(LOOK, authorization=authorization)["instance"]["autoMaterializePaused"]
    body = json.dumps({"query": CHANGE})
    status, told = again.sends("POST", "/graphql", body, content_type="application/json", authorization=authorization)
    assert status == 400
    assert "--read-only" in told
    assert not any("secret" in line for line in again.processes() if "portfolio_pipeline.cli" not in line)
    (keeper,) = (line.split()[0] for line in again.processes() if "web_ui.keeper" in line)
    os.kill(int(keeper), signal.SIGKILL)
    said, _ = again.command.communicate(timeout=60)
    assert "WEB_UI_ENDED" in said
    again.wait_until_nothing_is_left()
