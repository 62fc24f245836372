"""Lets processes and threads take turns at one file: many readers or one writer, in no particular order.

`flock` is freed by the system when its holder is killed, so there is no stale lock to clean up. The queue file keeps a
steady stream of readers from shutting a writer out: who wants in passes it first, and a waiting writer stays in it.

A process may keep its turn for a while (`keep_turn`): its own threads then take turns among themselves.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

_LONGEST_PAUSE = 0.02


class LockTimeout(Exception):
    """The turn did not come in time. `holder` is the process that last took the lock, if it can be told."""

    def __init__(self, holder: int | None) -> None:
        super().__init__(holder)
        self.holder = holder


# By process, which a forked child is not, and file: what the threads of a process that keeps its turn pass.
_kept: dict[tuple[int, str], threading.Lock] = {}


def take_turn(file: Path, *, exclusive: bool, deadline: float) -> Callable[[], None]:
    """Alone with the file, or among readers, by `deadline` (time.monotonic) or `LockTimeout`; gives what ends the turn.

    In a process that keeps its turn, every thread is alone.
    """
    kept = _kept.get(_here(file))
    if kept is None:
        return partial(os.close, _taken(file, exclusive, deadline))
    if not kept.acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise LockTimeout(os.getpid())
    return kept.release


def keep_turn(file: Path, *, deadline: float) -> Callable[[], None]:
    """This process alone has the file until it calls what is given back, however many turns it takes meanwhile."""
    descriptor, here = _taken(file, True, deadline), _here(file)
    _kept[here] = threading.Lock()

    def end() -> None:
        del _kept[here]
        os.close(descriptor)

    return end


def _here(file: Path) -> tuple[int, str]:
    return os.getpid(), os.path.realpath(file)


def _taken(file: Path, exclusive: bool, deadline: float) -> int:
    """`<file>.lock`, held until the descriptor is closed."""
    lock = file.with_name(file.name + ".lock")
    queue = _acquire(file.with_name(file.name + ".queue"), fcntl.LOCK_EX, deadline, lock)
    try:
        descriptor = _acquire(lock, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, deadline, lock)
        os.pwrite(descriptor, f"{os.getpid():<20}\n".encode(), 0)
    finally:
        os.close(queue)
    return descriptor


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
