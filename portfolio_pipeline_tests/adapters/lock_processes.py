"""Other processes that hold a lock in the tests."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection

from portfolio_pipeline.adapters.locks import open_locks


def hold(url: str, name: str, who: str, reports: Connection) -> None:
    lock = open_locks(url).take(name, who)
    reports.send("holding" if lock else "refused")
    time.sleep(60)


def race(url: str, name: str, start: float, reports: Connection) -> None:
    """Try at the same moment as all others, and keep what was got until told."""
    reports.send("holding")
    time.sleep(max(0.0, start - time.time()))
    lock = open_locks(url).take(name, "racer")
    reports.send(lock is not None)
    reports.recv()
