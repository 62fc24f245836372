"""The process that starts what serves a home, writes its log, and ends it all: `python -m` this module.

It keeps the web UI's server, Dagster's daemon, and the code server that both ask for the definitions. Its input is a
pipe that the command holds open: when it closes, however the command ended, or when one of the three ends, all end,
and with them the runs that they started. All are of one group of processes, so that nothing is left behind.

Only the standard library is imported: this process waits, for weeks.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path

from portfolio_pipeline.dagster_home.private import DAEMON
from portfolio_pipeline.dagster_home.run_tags import CODE_LOCATION

LOG = "web_ui.log"
_LOG_BYTES = 10_000_000
_LOG_FILES = 5
_LINE_CHARACTERS = 65_536
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# How Dagster begins to say, for every strategy card and check at every load, that something of its own is new.
_NOT_TOLD = "ignore:Function `,ignore:Class `,ignore:Specifying a partitions_def on an AssetCheckSpec"
# The process with the definitions ends itself when it has heard of nobody for so long, by the clock on the wall: half a
# minute, if nothing is said, and nobody starts it again. A machine that slept, or whose clock was set, is no reason.
_UNHEARD_OF_SECONDS = 3_600
_LOADS_WITHIN_SECONDS = 120
_ENDS_WITHIN_SECONDS = 10
_LOOKS_EVERY_SECONDS = 0.1


@dataclass
class Kept:
    """The processes that are kept, by what they are for."""

    output: int
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str, told: bytes = b"", holds: Sequence[int] = ()) -> None:
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=self.output,
            stderr=self.output,
            env={"PYTHONWARNINGS": _NOT_TOLD, **os.environ},
            pass_fds=holds,
            preexec_fn=_end_with_the_keeper,
        )
        assert child.stdin is not None
        child.stdin.write(told)
        child.stdin.close()
        self.children[name] = child

    def ended(self) -> str | None:
        """What is to be said of one that has ended."""
        for name, child in self.children.items():
            if child.poll() is not None:
                return f"The {name} (process {child.pid}) has ended with {child.returncode}"
        return None


def main(home: Path, claimed: int, server: Sequence[str]) -> None:
    output, written = os.pipe()
    log = open_log(home)
    threading.Thread(target=write_log, args=(output, log), daemon=True).start()
    token = sys.stdin.buffer.readline()
    stop = threading.Event()
    for signalled in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signalled, lambda *_: stop.set())
    threading.Thread(target=_wait_for_the_command, args=(stop,), daemon=True).start()
    folder = Path(tempfile.mkdtemp(prefix="portfolio-"))  # short: the path of a socket may have about 100 characters
    kept = Kept(written)
    try:
        log.info("Starting.")
        why = _start(kept, folder, token, claimed, server, stop) or _watch(kept, stop)
        log.info("%s: ending everything, and the runs that were started here.", why)
        _end(kept)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_LOOKS_EVERY_SECONDS)  # the last lines of the log
        os.killpg(0, signal.SIGKILL)  # whoever is left, and this process


def _start(
    kept: Kept, folder: Path, token: bytes, claimed: int, server: Sequence[str], stop: threading.Event
) -> str | None:
    """Start all; what went wrong, or None."""
    socket, workspace = folder / "code.sock", folder / "workspace.yaml"
    located = {"location_name": CODE_LOCATION, "socket": str(socket)}
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": located}]}), encoding="utf-8")
    kept.start(
        *("code server", "dagster", "code-server", "start", "--log-level", "warning"),
        *("--module-name", "portfolio_pipeline.web_ui.location", "--location-name", CODE_LOCATION),
        *("--use-python-environment-entry-point", "--inject-env-vars-from-instance", "--socket", str(socket)),
        *("--heartbeat-ttl", str(_UNHEARD_OF_SECONDS)),
    )
    deadline = time.monotonic() + _LOADS_WITHIN_SECONDS
    while not socket.exists():
        if stop.wait(_LOOKS_EVERY_SECONDS):
            return "The command has ended"
        if kept.ended() or time.monotonic() > deadline:
            return kept.ended() or f"The definitions were not loaded within {_LOADS_WITHIN_SECONDS} seconds"
    of_workspace = ("--workspace", str(workspace))
    kept.start("server", "portfolio_pipeline.web_ui.server", *of_workspace, *server, told=token)
    kept.start("daemon", DAEMON, "run", *of_workspace, holds=(claimed,))
    return None


def _watch(kept: Kept, stop: threading.Event) -> str:
    while not stop.wait(_LOOKS_EVERY_SECONDS * 5):
        if ended := kept.ended():
            return ended
    return "The command has ended"


def _end(kept: Kept) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
    for child in kept.children.values():
        try:
            child.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return


def _wait_for_the_command(stop: threading.Event) -> None:
    while sys.stdin.buffer.read(1):
        pass
    stop.set()


def open_log(home: Path) -> logging.Logger:
    """The log of a home, in files of a bounded size; the oldest is given up for a new one."""
    handler = RotatingFileHandler(
        home / LOG, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES - 1, encoding="utf-8", errors="replace"
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.raiseExceptions = False  # a full disk costs lines of the log, not the processes that write them
    log = logging.getLogger("portfolio.keeper")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    return log


def write_log(output: int, log: logging.Logger) -> None:
    """Everything that comes out of a pipe, until nobody is left who could write to it."""
    with os.fdopen(output, encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(_LINE_CHARACTERS):
            log.info("%s", _COLOUR.sub("", line).rstrip("\n"))


def _end_with_the_keeper() -> None:
    """Also when the keeper is killed together with the command; known to Linux alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
