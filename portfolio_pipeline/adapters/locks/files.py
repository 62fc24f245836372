"""Locks as files: the operating system frees one when its process ends, however it ends, in a container or out of it.

Who holds one stands in the file for people to read; that it is held, `flock` alone says.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from portfolio_pipeline.adapters.faults import fault
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.ports.locks import Holder

_TRIES, _PAUSE = 5, 0.01


class FileLock:
    """`ports.Lock`: an open file."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self._path = descriptor, path

    def is_held(self) -> bool:
        """Whoever deletes the file lets others make a new one: then two would hold it."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def release(self) -> None:
        if self.is_held():
            self._path.unlink(missing_ok=True)
        self.let_go()

    def let_go(self) -> None:
        """End without taking the file away, which is somebody else's."""
        os.close(self._descriptor)
        self._descriptor = -1


class FileLocks:
    """`ports.Locks` in a folder, which is made when the first lock is taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, name: str, who: str) -> FileLock | None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / name
            while True:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                lock = FileLock(descriptor, path)
                if not _locked_soon(descriptor):
                    lock.let_go()
                    return None
                if lock.is_held():
                    break
                lock.let_go()  # taken away between opening and locking it
            since = datetime.now(UTC).isoformat(" ", "seconds")
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"who": who, "since": since}).encode(), 0)
        except OSError as error:
            raise fault(str(error)) or PortfolioError(
                "LOCK_UNUSABLE",
                found=f"{error.strerror}: {self._folder / name}",
                expected="a folder that can be written",
                remedy="Mend the folder or its permissions: without a lock nothing is run.",
            ) from None
        return lock

    def holder(self, name: str) -> Holder | None:
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _locked(descriptor, shared=True):
                return None
            try:
                told = json.loads(os.pread(descriptor, 10_000, 0))
                return Holder(str(told["who"]), str(told["since"]))
            except (ValueError, KeyError, TypeError):  # it has just been taken
                return Holder("another process", "just now")
        finally:
            os.close(descriptor)


def _locked_soon(descriptor: int) -> bool:
    """Whoever only asks for the holder has the lock for a moment, too: that is waited for."""
    for _ in range(_TRIES):
        if _locked(descriptor):
            return True
        time.sleep(_PAUSE)
    return False


def _locked(descriptor: int, *, shared: bool = False) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
