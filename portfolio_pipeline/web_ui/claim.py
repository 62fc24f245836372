"""The mark that a home is being served: one web UI and one daemon per home.

`flock` is freed by the system when all who hold it are dead, so there is no stale mark to clean up. Whoever serves the
home hands the open file to its daemon: the home is taken as long as one of them lives.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.web_ui.guard import in_an_address

_NAME = "web_ui.lock"
_ENDS_WITHIN_SECONDS = 20
_LOOKS_EVERY_SECONDS = 0.2
_LOOPBACK = "127.0.0.1"
_REACHED_AT = {"0.0.0.0": _LOOPBACK, "::": "::1"}


@dataclass(frozen=True)
class Served:
    """Who serves a home, and where; it may be just about to."""

    process: int
    host: str
    port: int

    @property
    def address(self) -> str:
        return address(self.host, self.port)


def address(host: str, port: int) -> str:
    """Where somebody on this machine reaches what is served at a host, which may be all of its addresses."""
    return f"http://{in_an_address(_REACHED_AT.get(host, host))}:{port}"


def served(home: Path) -> Served | None:
    """Who serves the home now; None if nobody does. Nothing is written, and nobody is kept from claiming it."""
    try:
        with (home / _NAME).open("rb") as file:
            noted = re.fullmatch(r"process (\d+), port (\d+)(?:, host (\S+))?\n", file.read().decode(errors="replace"))
            if noted is None or not _is_alive(noted[0]):
                return None
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Served(int(noted[1]), noted[3] or _LOOPBACK, int(noted[2]))
    except OSError:
        return None
    return None


@contextmanager
def claimed(home: Path, port: int, host: str = _LOOPBACK) -> Iterator[int]:
    """Take the home and note who serves it where; gives the open file, which holds the claim, or refuses."""
    file = os.open(home / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(file, home)
        os.ftruncate(file, 0)
        elsewhere = "" if host == _LOOPBACK else f", host {host}"
        os.pwrite(file, f"process {os.getpid()}, port {port}{elsewhere}\n".encode(), 0)
        yield file
    finally:
        os.close(file)


def _take(file: int, home: Path) -> None:
    """What a command that was killed has left ends by itself: for that it waits."""
    deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            noted = os.pread(file, 1000, 0).decode(errors="replace").strip()
        else:
            return
        if _is_alive(noted) or time.monotonic() > deadline:
            raise ConfigurationError(
                "WEB_UI_RUNNING",
                found=noted or "a process that is just starting",
                home=home,
                remedy="Stop it with Ctrl-C where it runs, or with `kill`; or let it run, and compute beside it with"
                " `portfolio up --no-ui` or `portfolio run`.",
            )
        time.sleep(_LOOKS_EVERY_SECONDS)


def _is_alive(noted: str) -> bool:
    process = re.match(r"process (\d+)", noted)
    try:
        os.kill(int(process[1]) if process else os.getpid(), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
