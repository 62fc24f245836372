"""A terminal of a given width that nobody sits at: what a command writes to it, colours included."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Mapping, Sequence

from portfolio_pipeline_tests import forked

_CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def typed(arguments: Sequence[str], environment: Mapping[str, str], *, width: int) -> tuple[int, str]:
    """The exit code of `portfolio` with these arguments, and everything that appeared."""
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    kept = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    process = forked.start(arguments, kept, output=theirs, errors=theirs)
    os.close(theirs)
    appeared = b""
    try:
        while piece := os.read(mine, 65_536):
            appeared += piece
    except OSError:  # so Linux says that the other end is closed
        pass
    finally:
        os.close(mine)
    return forked.finished(process), appeared.decode().replace("\r\n", "\n")


def is_coloured(shown: str) -> bool:
    return "\x1b[" in shown


def plain(shown: str) -> str:
    return _CODES.sub("", shown)
