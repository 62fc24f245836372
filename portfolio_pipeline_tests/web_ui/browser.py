"""A real Chromium without a window, driven over its debugging port: it opens pages and runs scripts in them."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
STRANGER = "stranger.example"  # a name that this browser takes for this machine
_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-dev-shm-usage", "--no-proxy-server", f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1"),
)


# What the browser answers to a question that a change of page came between.
_GONE = ("navigated or closed", "context was destroyed", "Cannot find context")


class NavigatedMeanwhile(Exception):
    """The page that was asked gave way to another one before it had answered."""


@dataclass
class Page:
    """One tab; `events` is what the browser told of it so far."""

    connection: ClientConnection
    events: list[dict[str, Any]] = field(default_factory=list)
    _asked: int = 0

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._asked += 1
        self.connection.send(json.dumps({"id": self._asked, "method": method, "params": parameters}))
        while True:
            told = json.loads(self.connection.recv(timeout=60))
            if told.get("id") == self._asked:
                if any(sign in told.get("error", {}).get("message", "") for sign in _GONE):
                    raise NavigatedMeanwhile(told)
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result
            self.events.append(told)

    def open(self, address: str) -> None:
        self.do("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def evaluate(self, script: str) -> Any:
        """The value of an expression, waited for if it is a promise."""
        told = self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, script: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not self._holds(script):
            assert time.monotonic() < deadline, f"never: {script}\n{self.text()}"
            time.sleep(0.2)

    def _holds(self, script: str) -> bool:
        try:
            return bool(self.evaluate(script))
        except NavigatedMeanwhile:
            return False

    def until_it_shows(self, *words: str, seconds: float = 60) -> None:
        for word in words:
            self.until(f"document.body.innerText.includes({json.dumps(word)})", seconds)

    def text(self) -> str:
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def received(self) -> list[str]:
        """What came in over WebSockets."""
        self.evaluate("0")
        frames = (told for told in self.events if told["method"] == "Network.webSocketFrameReceived")
        return [told["params"]["response"]["payloadData"] for told in frames]


@dataclass(frozen=True)
class Browser:
    port: int

    @contextmanager
    def page(self, address: str) -> Iterator[Page]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request, timeout=30) as answer:
            target = json.load(answer)
        with connect(target["webSocketDebuggerUrl"], max_size=None) as connection:
            page = Page(connection)
            for domain in ("Page", "Network", "Runtime"):
                page.do(f"{domain}.enable")
            page.open(address)
            yield page
            page.do("Page.close")


@contextmanager
def started_browser(folder: Path) -> Iterator[Browser]:
    command = [str(CHROMIUM), *_QUIET, "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        told = folder / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (told.exists() and told.read_text().count("\n")):
            assert browser.poll() is None, f"the browser left with {browser.returncode}"
            assert time.monotonic() < deadline, "the browser never started"
            time.sleep(0.1)
        yield Browser(int(told.read_text().splitlines()[0]))
    finally:
        browser.terminate()
        browser.wait(30)
