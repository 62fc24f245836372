"""The mark that a home is being served: one web UI and one daemon per home.

`flock` is freed by the system when all who hold it are dead, so there is no stale mark to clean up. Whoever serves the
home hands the open file to its daemon: the home is taken as long as one of them lives.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portfolio_pipeline.core.errors import ConfigurationError

_NAME = "web_ui.lock"


@contextmanager
def claimed(home: Path, port: int) -> Iterator[int]:
    """Take the home and note who serves it where; gives the open file, which holds the claim, or refuses."""
    file = os.open(home / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        found = os.pread(file, 1000, 0).decode(errors="replace").strip()
        os.close(file)
        raise ConfigurationError(
            "WEB_UI_RUNNING",
            found=found or "a process that is just starting",
            home=home,
            remedy="Stop it with Ctrl-C where it runs or with `kill`, or leave it running: `portfolio up --no-ui` and"
            " `portfolio run` compute beside it.",
        ) from None
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()}, port {port}\n".encode(), 0)
        yield file
    finally:
        os.close(file)
