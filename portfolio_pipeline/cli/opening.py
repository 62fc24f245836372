"""`portfolio open`: where the web UI of this home is, in a browser if somebody sits before one."""

from __future__ import annotations

import os
import socket
import sys
import webbrowser
from pathlib import Path

from portfolio_pipeline.cli.terminal import say
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.web_ui.claim import Served, served

_ANSWERS_WITHIN = 2.0
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def open_web_ui(home: Path, *, browser: bool) -> None:
    found = served(home)
    if found is None:
        raise ConfigurationError("WEB_UI_NOT_RUNNING", home=home, remedy="Start it: portfolio up.")
    if not _answers(found):
        raise ConfigurationError(
            "WEB_UI_STARTING",
            home=home,
            found=f"process {found.process} does not answer yet at {found.address}",
            remedy="It computes the missing sessions first: see its terminal, and try again.",
        )
    say(found.address)
    if browser and _somebody_looks():
        webbrowser.open(found.address)


def _answers(found: Served) -> bool:
    host = found.address.removeprefix("http://").rpartition(":")[0].strip("[]")
    try:
        with socket.create_connection((host, found.port), timeout=_ANSWERS_WITHIN):
            return True
    except OSError:
        return False


def _somebody_looks() -> bool:
    return sys.stdout.isatty() and (sys.platform == "darwin" or any(os.environ.get(name) for name in _DISPLAYS))
