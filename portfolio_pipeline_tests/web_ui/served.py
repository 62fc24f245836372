"""`portfolio up` as people start it, in a home of the test's own, and questions to it as a script asks them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = {"DATABASE_URL", "MARKET_DATA", "PORTFOLIO_UI_TOKEN", "PORTFOLIO_UI_HOSTS", "PORTFOLIO_CONFIG"}


@dataclass
class House:
    """A started `portfolio up`."""

    home: Path
    port: int
    command: subprocess.Popen[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_it_serves(self) -> None:
        """Until the command says where the UI is; it may say more later."""
        assert self.command.stdout is not None
        said = []
        for line in self.command.stdout:
            said.append(line)
            if "The web UI: " in line:
                return
        raise AssertionError("".join(said))

    def asks(self, query: str, **headers: str) -> dict[str, Any]:
        status, text = self.sends(
            "POST", "/graphql", json.dumps({"query": query}), content_type="application/json", **headers
        )
        assert status == 200, text
        data: dict[str, Any] = json.loads(text)["data"]
        return data

    def sends(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            self.address + path, None if body is None else body.encode(), told, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def processes(self) -> list[str]:
        """Every process that has to do with this home, by its arguments or its environment."""
        told = subprocess.run(["ps", "axeww", "-o", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
        return [line[:200] for line in told.splitlines() if str(self.home) in line and " Z" not in line[:16]]

    def wait_until_nothing_is_left(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while left := self.processes():
            assert time.monotonic() < deadline, "\n".join(left)
            time.sleep(0.2)


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    return {**kept, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "200", **more}


def portfolio(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "portfolio_pipeline.cli", *arguments]


def start(home: Path, *arguments: str, **more: str) -> House:
    port = free_port()
    command = subprocess.Popen(
        portfolio("up", "--port", str(port), *arguments),
        cwd=ROOT,
        env=environment(home, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return House(home, port, command)


@contextmanager
def serving(home: Path, *arguments: str) -> Iterator[House]:
    """A home while its web UI is served."""
    started = start(home, *arguments)
    try:
        started.wait_until_it_serves()
        yield started
    finally:
        started.command.kill()
        started.command.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
