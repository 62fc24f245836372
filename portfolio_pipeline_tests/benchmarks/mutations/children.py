"""Processes that are forked off a warm one, and give back a text."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path


class Child:
    """A forked process that gives back a text. What it has started ends with it."""

    def __init__(self, work: Callable[[], str], scratch: Path) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        self._process = os.fork()
        if self._process:
            os.close(writing)
            self._reading = reading
            return
        os.setsid()
        os.close(reading)
        log = os.open(scratch / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        answer_to[:] = [writing]
        try:
            answer(work())
        except BaseException:  # noqa: BLE001  a fork must never go on in the place of its parent
            traceback.print_exc()
            os._exit(1)

    def answer(self, seconds: float | None) -> str | None:
        """What it gives back; an empty text when it dies before, None when the time is over."""
        found, deadline = b"", None if seconds is None else time.monotonic() + seconds
        try:
            while True:
                left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
                if not select.select([self._reading], [], [], left)[0]:
                    return None
                part = os.read(self._reading, 1 << 16)
                found += part
                if not part or found.endswith(b"\n"):
                    return found.decode().strip()
        finally:
            os.killpg(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            os.close(self._reading)


_TERMINAL = os.dup(2)


def tell(text: str) -> None:
    """Say it on the terminal at once, from whatever fork: their own output goes to the log."""
    os.write(_TERMINAL, text.encode() + b"\n")


answer_to: list[int] = []


def answer(text: str) -> None:
    """Say it to whoever forked this process, and end."""
    os.write(answer_to[0], text.encode() + b"\n")
    os._exit(0)
