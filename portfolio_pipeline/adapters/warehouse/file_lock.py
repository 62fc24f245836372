"""Lets processes and threads take turns at one file: many readers or one writer, in no particular order.

`flock` is freed by the system when its holder is killed, so there is no stale lock to clean up. The queue file keeps a
steady stream of readers from shutting a writer out: who wants in passes it first, and a waiting writer stays in it.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

_LONGEST_PAUSE = 0.02


class LockTimeout(Exception):
    """The turn did not come in time. `holder` is the process that last took the lock, if it can be told."""

    def __init__(self, holder: int | None) -> None:
        super().__init__(holder)
        self.holder = holder


def take_turn(file: Path, *, exclusive: bool, deadline: float) -> int:
    """Take `<file>.lock`, by `deadline` (time.monotonic) or `LockTimeout`. Closing the descriptor gives it back."""
    lock = file.with_name(file.name + ".lock")
    queue = _acquire(file.with_name(file.name + ".queue"), fcntl.LOCK_EX, deadline, lock)
    try:
        turn = _acquire(lock, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, deadline, lock)
        os.pwrite(turn, f"{os.getpid():<20}\n".encode(), 0)
    finally:
        os.close(queue)
    return turn


def _acquire(path: Path, mode: int, deadline: float, lock: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    pause = 0.0005
    while True:
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise LockTimeout(_last_holder(lock)) from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            return descriptor


def _last_holder(lock: Path) -> int | None:
    content = lock.read_text().strip() if lock.exists() else ""
    return int(content) if content.isdigit() else None
